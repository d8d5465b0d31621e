/* SPDX-License-Identifier: Apache-2.0 */

#include <search.h>
#include <sys/queue.h>

#include "authorize.h"
#include "bus-names.h"
#include "macro.h"
#include "store.h"

#define NAME_LENGTH_MAX 255 /* of an interface or a member, see the D-Bus specification */
#define PARKED_MAX 1024U /* calls of a peer that wait for its uid; each may hold file descriptors */

typedef struct Parked {
        STAILQ_ENTRY(Parked) entry;
        sd_bus_message *message;
} Parked;

/* A connection on the bus. Its unique name is never used again while the bus runs. */
typedef struct Peer {
        Authorize *authorize;
        char *name;
        uint32_t uid; /* UINT32_MAX: not known yet */
        Permission permission;
        sd_bus_slot *call;
        STAILQ_HEAD(, Parked) parked; /* until uid is known */
        unsigned n_parked;
} Peer;

struct Authorize {
        sd_bus *bus;
        void *peers; /* tsearch(3) tree by name */
        sd_bus_slot *filter;
        sd_bus_slot *gone_match;
        bool refusing;
        void (*gone)(const char *peer, void *userdata);
        void *userdata;
};

static int compare_peers(const void *a, const void *b) {
        return strcmp(((const Peer *) a)->name, ((const Peer *) b)->name);
}

static Peer *find_peer(Authorize *a, const char *name) {
        Peer key = { .name = (char *) name }, **found;

        found = tfind(&key, &a->peers, compare_peers);
        return found ? *found : NULL;
}

/* Returns 1, for a filter to return: a call that expects no answer is not to go on to its handler either, as it would
 * with what sd-bus returns for it, 0. */
static int refuse(sd_bus_message *m) {
        (void) sd_bus_reply_method_errorf(m, JOBS_ERROR_UNAVAILABLE,
                                          "The service is stopping, or the credentials of the caller are not known.");
        return 1;
}

static int refuse_more(sd_bus_message *m) {
        (void) sd_bus_reply_method_errorf(m, JOBS_ERROR_LIMIT_EXCEEDED,
                                          "Too many pending calls wait for the credentials of their caller.");
        return 1;
}

static int refuse_name(sd_bus_message *m) {
        (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "A name in the message exceeds %d bytes.", NAME_LENGTH_MAX);
        return 1;
}

static void peer_free(void *userdata) {
        Peer *peer = userdata;
        Parked *parked;

        while ((parked = STAILQ_FIRST(&peer->parked))) {
                STAILQ_REMOVE_HEAD(&peer->parked, entry);
                (void) refuse(parked->message);
                sd_bus_message_unref(parked->message);
                free(parked);
        }
        (void) sd_bus_slot_unref(peer->call);
        free(peer->name);
        free(peer);
}

static void peer_drop(Peer *peer) {
        (void) tdelete(peer, &peer->authorize->peers, compare_peers);
        peer_free(peer);
}

/* Has the parked calls handled now, in their order: sd-bus reads nothing new before. */
static void peer_resume(Peer *peer) {
        Parked *parked;

        while ((parked = STAILQ_FIRST(&peer->parked))) {
                STAILQ_REMOVE_HEAD(&peer->parked, entry);
                peer->n_parked--;
                if (sd_bus_enqueue_for_read(peer->authorize->bus, parked->message) < 0)
                        (void) refuse_more(parked->message);
                sd_bus_message_unref(parked->message);
                free(parked);
        }
}

static int on_uid_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Peer *peer = userdata;
        uint32_t uid;

        peer->call = sd_bus_slot_unref(peer->call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &uid) < 0 ||
            uid == UINT32_MAX) {
                peer_drop(peer);
                return 0;
        }
        peer->uid = uid;
        peer_resume(peer);
        return 0;
}

static int peer_new(Authorize *a, const char *name, Peer **ret) {
        Peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        peer->authorize = a;
        peer->uid = UINT32_MAX;
        STAILQ_INIT(&peer->parked);
        peer->name = strdup(name);
        r = peer->name && tsearch(peer, &a->peers, compare_peers) ? 0 : -ENOMEM;
        if (r < 0) {
                peer_free(peer);
                return r;
        }
        r = sd_bus_call_method_async(a->bus, &peer->call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "GetConnectionUnixUser", on_uid_reply, peer, "s", name);
        if (r < 0) {
                peer_drop(peer);
                return r;
        }
        *ret = peer;
        return 0;
}

static int peer_park(Peer *peer, sd_bus_message *m) {
        Parked *parked;

        if (peer->n_parked >= PARKED_MAX)
                return refuse_more(m);
        parked = malloc(sizeof(*parked));
        if (!parked)
                return -ENOMEM;
        parked->message = sd_bus_message_ref(m);
        STAILQ_INSERT_TAIL(&peer->parked, parked, entry);
        peer->n_parked++;
        return 1;
}

/* What we subscribed to is broadcast, and the bus sees to it that the sender is the one of the match. But
 * everybody may send a signal to us alone, and sd-bus takes any sender for the owner of a well-known name:
 * an end of a job that any user made up would be as good as the service manager's. */
static bool is_forged(sd_bus_message *m, uint8_t type) {
        return type == SD_BUS_MESSAGE_SIGNAL && sd_bus_message_get_destination(m) &&
                !streq(strempty(sd_bus_message_get_sender(m)), "org.freedesktop.DBus");
}

/* sd-bus repeats the names of an interface and of a property that are not there in its error: those that cannot be
 * any, of many megabytes perhaps, do not come so far. */
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

/* The one gate in front of every method, every property and every signal that we listen to. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *sender = sd_bus_message_get_sender(m);
        Authorize *a = userdata;
        uint8_t type;
        Peer *peer;
        int r;

        if (sd_bus_message_get_type(m, &type) < 0)
                return 0;
        if (is_forged(m, type))
                return 1;
        if (type != SD_BUS_MESSAGE_METHOD_CALL || !sender)
                return 0;
        if (a->refusing)
                return refuse(m);
        peer = find_peer(a, sender);
        if (!peer) {
                r = peer_new(a, sender, &peer);
                if (r < 0)
                        return r;
        }
        if (!names_are_short(m))
                return refuse_name(m);
        return peer->uid != UINT32_MAX ? 0 : peer_park(peer, m);
}

static int on_name_lost(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Authorize *a = userdata;
        const char *name;
        Peer *peer;

        if (sd_bus_message_read_basic(m, 's', &name) < 0 || name[0] != ':')
                return 0;
        peer = find_peer(a, name);
        if (!peer)
                return 0;
        a->gone(name, a->userdata);
        peer_drop(peer);
        return 0;
}

int authorize_new(Authorize **ret, sd_bus *bus, void (*gone)(const char *peer, void *userdata), void *userdata) {
        Authorize *a;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->bus = sd_bus_ref(bus);
        a->gone = gone;
        a->userdata = userdata;
        r = sd_bus_add_filter(bus, &a->filter, on_message, a);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &a->gone_match,
                                           "type='signal',sender='org.freedesktop.DBus',"
                                           "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                                           on_name_lost, NULL, a);
        if (r < 0) {
                (void) authorize_free(a);
                return r;
        }
        *ret = a;
        return 0;
}

void authorize_refuse(Authorize *a) {
        a->refusing = true;
        a->gone_match = sd_bus_slot_unref(a->gone_match);
        tdestroy(a->peers, peer_free);
        a->peers = NULL;
}

Authorize *authorize_free(Authorize *a) {
        if (!a)
                return NULL;

        authorize_refuse(a);
        (void) sd_bus_slot_unref(a->filter);
        (void) sd_bus_unref(a->bus);
        free(a);
        return NULL;
}

uint32_t authorize_sender(Authorize *a, sd_bus_message *m) {
        const char *sender = m ? sd_bus_message_get_sender(m) : NULL;

        return sender ? authorize_peer(a, sender) : UINT32_MAX;
}

uint32_t authorize_peer(Authorize *a, const char *name) {
        const Peer *peer = find_peer(a, name);

        return peer ? peer->uid : UINT32_MAX;
}

Permission authorize_get_permission(Authorize *a, const char *name) {
        const Peer *peer = find_peer(a, name);

        return peer ? peer->permission : PERMISSION_UNKNOWN;
}

void authorize_set_permission(Authorize *a, const char *name, Permission permission) {
        Peer *peer = find_peer(a, name);

        if (peer)
                peer->permission = permission;
}

uint32_t authorize_visible_uid(uint32_t uid) {
        return uid == 0 ? STORE_ANY_UID : uid;
}

bool authorize_may_manage(uint32_t uid, uint32_t owner) {
        return uid == 0 || uid == owner;
}
