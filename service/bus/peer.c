/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <search.h>

#include "dict.h"
#include "job-error.h"
#include "macro.h"
#include "peer.h"

#define NAME_LENGTH_MAX 255 /* of an interface or a member, see the D-Bus specification */
#define PARKED_MAX 1024U /* calls of a peer that wait for its credentials; each may hold file descriptors */

typedef struct Parked {
        STAILQ_ENTRY(Parked) entry;
        sd_bus_message *message;
} Parked;

struct Peers {
        sd_bus *bus;
        void *tree; /* tsearch(3) tree by name */
        UserList users;
        sd_bus_slot *filter;
        sd_bus_slot *gone_match;
        bool refusing;
        unsigned n_asked; /* of the bus, for the credentials of so many peers */
        int spare;        /* see spare_close() */
};

static int compare_peers(const void *a, const void *b) {
        return strcmp(((const Peer *) a)->name, ((const Peer *) b)->name);
}

static Peer *find_peer(Peers *peers, const char *name) {
        Peer key = { .name = (char *) name }, **found;

        found = tfind(&key, &peers->tree, compare_peers);
        return found ? *found : NULL;
}

/* Returns 1, for a filter to return: a call without an expected reply must not reach its handler either, which it
 * would with the 0 that sd-bus returns for it. */
static int refuse(sd_bus_message *m, JobError error) {
        (void) job_error_reply(m, -(int) error, NULL, NULL);
        return 1;
}

static int refuse_name(sd_bus_message *m) {
        (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "A name in the message exceeds %d bytes.", NAME_LENGTH_MAX);
        return 1;
}

void peer_add(Peer *peer, PeerItem *item, void (*drop)(PeerItem *item, bool stopping)) {
        item->peer = peer;
        item->drop = drop;
        LIST_INSERT_HEAD(&peer->items, item, entry);
}

void peer_remove(PeerItem *item) {
        if (!item->peer)
                return;
        LIST_REMOVE(item, entry);
        item->peer = NULL;
}

/* With its answer the bus may pass a descriptor of the peer's process, and sd-bus closes the connection if there is no
 * number left for it. One is reserved for that; while the answer is read, it is free. */
static void spare_close(Peers *peers) {
        closep(&peers->spare);
        peers->spare = -EBADF;
}

static void spare_open(Peers *peers) {
        if (peers->spare < 0 && peers->n_asked == 0)
                peers->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Either the answer is here, or nobody needs it any more. */
static void peer_end_call(Peer *peer) {
        if (peer->call)
                peer->peers->n_asked--;
        peer->call = sd_bus_slot_unref(peer->call);
}

/* The latest is dropped first: what waits for its turn must be gone before an earlier one passes its turn on. */
static void peer_free(Peer *peer) {
        Parked *parked;
        PeerItem *item;

        while ((item = LIST_FIRST(&peer->items)))
                item->drop(item, peer->peers->refusing);
        while ((parked = STAILQ_FIRST(&peer->parked))) {
                STAILQ_REMOVE_HEAD(&peer->parked, entry);
                (void) refuse(parked->message, JOB_ERROR_UNKNOWN_CALLER);
                sd_bus_message_unref(parked->message);
                free(parked);
        }
        (void) question_free(peer->question);
        (void) user_unref(peer->user);
        peer_end_call(peer);
        free(peer->gids);
        free(peer->name);
        free(peer);
}

static void peer_drop(Peer *peer) {
        (void) tdelete(peer, &peer->peers->tree, compare_peers);
        peer_free(peer);
}

/* Handles the parked calls now, in their order: sd-bus reads no new ones before. */
static void peer_resume(Peer *peer) {
        Parked *parked;

        while ((parked = STAILQ_FIRST(&peer->parked))) {
                STAILQ_REMOVE_HEAD(&peer->parked, entry);
                peer->n_parked--;
                if (sd_bus_enqueue_for_read(peer->peers->bus, parked->message) < 0)
                        (void) refuse(parked->message, JOB_ERROR_TOO_MANY_UNKNOWN);
                sd_bus_message_unref(parked->message);
                free(parked);
        }
}

typedef struct Credentials {
        uint32_t uid;
        uint32_t *gids;
        size_t n_gids;
} Credentials;

static int read_credential(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Credentials *credentials = userdata;
        const void *gids;
        size_t size;
        int r;

        if (streq(name, "UnixUserID") && streq(type, "u"))
                return sd_bus_message_read_basic(m, 'u', &credentials->uid);
        if (!streq(name, "UnixGroupIDs") || !streq(type, "au"))
                return DICT_SKIP;
        r = sd_bus_message_read_array(m, 'u', &gids, &size);
        if (r < 0 || size == 0)
                return r;
        free(credentials->gids);
        credentials->gids = malloc(size);
        if (!credentials->gids)
                return -ENOMEM;
        memcpy(credentials->gids, gids, size);
        credentials->n_gids = size / sizeof(uint32_t);
        return 0;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Credentials credentials = { .uid = UINT32_MAX };
        Peer *peer = userdata;
        int r;

        peer_end_call(peer);
        r = sd_bus_message_is_method_error(reply, NULL) ? -ENXIO : dict_read(reply, read_credential, &credentials);
        peer->gids = credentials.gids;
        peer->n_gids = credentials.n_gids;
        if (r < 0 || credentials.uid == UINT32_MAX || !(peer->user = user_get(&peer->peers->users, credentials.uid))) {
                peer_drop(peer);
                return 0;
        }
        peer_resume(peer);
        return 0;
}

static int peer_new(Peers *peers, const char *name, Peer **ret) {
        Peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        peer->peers = peers;
        STAILQ_INIT(&peer->parked);
        LIST_INIT(&peer->items);
        TAILQ_INIT(&peer->asking);
        peer->name = strdup(name);
        r = peer->name && tsearch(peer, &peers->tree, compare_peers) ? 0 : -ENOMEM;
        if (r < 0) {
                peer_free(peer);
                return r;
        }
        r = sd_bus_call_method_async(peers->bus, &peer->call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetConnectionCredentials", on_credentials, peer, "s", name);
        if (r < 0) {
                peer_drop(peer);
                return r;
        }
        peers->n_asked++;
        spare_close(peers);
        *ret = peer;
        return 0;
}

static int peer_park(Peer *peer, sd_bus_message *m) {
        Parked *parked;

        if (peer->n_parked >= PARKED_MAX)
                return refuse(m, JOB_ERROR_TOO_MANY_UNKNOWN);
        parked = malloc(sizeof(*parked));
        if (!parked)
                return -ENOMEM;
        parked->message = sd_bus_message_ref(m);
        STAILQ_INSERT_TAIL(&peer->parked, parked, entry);
        peer->n_parked++;
        return 1;
}

/* Signals that we subscribe to are broadcast, and the bus ensures that their sender is that of the match. But
 * anybody may send a unicast signal to us, and sd-bus accepts any sender for the owner of a well-known name: a
 * forged end of a job would look like one from the service manager. */
static bool is_forged(sd_bus_message *m, uint8_t type) {
        return type == SD_BUS_MESSAGE_SIGNAL && sd_bus_message_get_destination(m) &&
                !streq(strempty(sd_bus_message_get_sender(m)), "org.freedesktop.DBus");
}

/* sd-bus repeats unknown names of interfaces and properties in its error: impossible ones, which may have many
 * megabytes, are rejected here. */
static bool names_are_short(sd_bus_message *m) {
        const char *name, *types;
        bool is_short = true;
        char type;

        if (!streq(strempty(sd_bus_message_get_interface(m)), "org.freedesktop.DBus.Properties"))
                return true;
        while (is_short && sd_bus_message_peek_type(m, &type, &types) > 0 && type == 's' &&
               sd_bus_message_read_basic(m, 's', &name) > 0)
                is_short = strnlen(name, NAME_LENGTH_MAX + 1) <= NAME_LENGTH_MAX;
        (void) sd_bus_message_rewind(m, true);
        return is_short;
}

/* The only gate in front of all methods, properties and received signals. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *sender = sd_bus_message_get_sender(m);
        Peers *peers = userdata;
        uint8_t type;
        Peer *peer;
        int r;

        if (sd_bus_message_get_type(m, &type) < 0)
                return 0;
        if (is_forged(m, type))
                return 1;
        if (type != SD_BUS_MESSAGE_METHOD_CALL || !sender)
                return 0;
        if (peers->refusing)
                return refuse(m, JOB_ERROR_UNKNOWN_CALLER);
        spare_open(peers); /* also for the calls that were held: by then the answer is read, and its descriptor closed */
        peer = find_peer(peers, sender);
        if (!peer) {
                r = peer_new(peers, sender, &peer);
                if (r < 0)
                        return r;
        }
        if (!names_are_short(m))
                return refuse_name(m);
        if (!peer->user)
                return peer_park(peer, m);
        return user_may_call(peer->user) ? 0 : refuse(m, JOB_ERROR_TOO_MANY_CALLS);
}

static int on_name_lost(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *name;
        Peer *peer;

        if (sd_bus_message_read_basic(m, 's', &name) < 0 || name[0] != ':')
                return 0;
        peer = find_peer(userdata, name);
        if (peer)
                peer_drop(peer);
        return 0;
}

int peers_new(Peers **ret, sd_bus *bus) {
        Peers *peers;
        int r;

        peers = calloc(1, sizeof(*peers));
        if (!peers)
                return -ENOMEM;
        peers->bus = sd_bus_ref(bus);
        peers->spare = -EBADF;
        spare_open(peers);
        LIST_INIT(&peers->users);
        r = sd_bus_add_filter(bus, &peers->filter, on_message, peers);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &peers->gone_match,
                                           "type='signal',sender='org.freedesktop.DBus',"
                                           "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                                           on_name_lost, NULL, peers);
        if (r < 0) {
                (void) peers_free(peers);
                return r;
        }
        *ret = peers;
        return 0;
}

void peers_refuse(Peers *peers) {
        peers->refusing = true;
        peers->gone_match = sd_bus_slot_unref(peers->gone_match);
        while (peers->tree)
                peer_drop(*(Peer **) peers->tree);
}

Peers *peers_free(Peers *peers) {
        if (!peers)
                return NULL;

        peers_refuse(peers);
        spare_close(peers);
        (void) sd_bus_slot_unref(peers->filter);
        (void) sd_bus_unref(peers->bus);
        free(peers);
        return NULL;
}

Peer *peers_sender(Peers *peers, sd_bus_message *m) {
        const char *sender = m ? sd_bus_message_get_sender(m) : NULL;
        Peer *peer = sender ? find_peer(peers, sender) : NULL;

        return peer && peer->user ? peer : NULL;
}
