/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "signals.h"
#include "time-util.h"

#define FOLLOWERS_MAX 64U /* connections of a user that follow the same thing */
#define WINDOW_USEC (250 * USEC_PER_MSEC)
#define AT_ONCE 1024U      /* messages about jobs of a user in that time: 30 ms */
#define WAITING_MAX 16384U /* signals about jobs of a user, each to any number of receivers */

/* --- followers -------------------------------------------------------------------------------------- */

struct Follower {
        LIST_ENTRY(Follower) entry;
        PeerItem item;
};

static void follower_free(Follower *follower) {
        peer_remove(&follower->item);
        LIST_REMOVE(follower, entry);
        free(follower);
}

static void on_drop(PeerItem *item, bool stopping) {
        follower_free(CONTAINER_OF(item, Follower, item));
}

bool follower_list_has(const FollowerList *list, const Peer *peer) {
        const Follower *follower;

        LIST_FOREACH(follower, list, entry)
                if (follower->item.peer == peer)
                        return true;
        return false;
}

/* The oldest follower of that user, if there are too many: its owner may forget it. */
static void make_room(FollowerList *list, const User *user) {
        Follower *follower, *oldest = NULL;
        unsigned n = 0;

        LIST_FOREACH(follower, list, entry)
                if (follower->item.peer->user == user) {
                        oldest = follower;
                        n++;
                }
        if (n >= FOLLOWERS_MAX)
                follower_free(oldest);
}

void follower_list_add(FollowerList *list, Peer *peer) {
        Follower *follower;

        if (follower_list_has(list, peer))
                return;
        make_room(list, peer->user);
        follower = calloc(1, sizeof(*follower));
        if (!follower)
                return;
        peer_add(peer, &follower->item, on_drop);
        LIST_INSERT_HEAD(list, follower, entry);
}

void follower_list_foreach(FollowerList *list, uint32_t owner, void (*found)(const Peer *peer, void *userdata), void *userdata) {
        const Follower *follower;

        LIST_FOREACH(follower, list, entry)
                if (user_may_manage(follower->item.peer->user->uid, owner))
                        found(follower->item.peer, userdata);
}

void follower_list_clear(FollowerList *list) {
        while (!LIST_EMPTY(list))
                follower_free(LIST_FIRST(list));
}

/* --- sending ---------------------------------------------------------------------------------------- */

typedef struct Waiting {
        STAILQ_ENTRY(Waiting) entry;
        sd_bus_message *message;
        Receivers receivers;
} Waiting;

typedef struct Owner {
        LIST_ENTRY(Owner) entry;
        TAILQ_ENTRY(Owner) turn; /* if any wait */
        uint32_t uid;
        uint64_t window_usec; /* CLOCK_MONOTONIC at its begin */
        unsigned n_sent;      /* since then */
        STAILQ_HEAD(, Waiting) waiting;
        unsigned n_waiting;
} Owner;

struct Signals {
        sd_bus *bus;
        sd_event_source *idle;
        LIST_HEAD(, Owner) owners;
        TAILQ_HEAD(OwnerTurns, Owner) turns;
};

bool bus_is_congested(sd_bus *bus) {
        uint64_t n;

        return sd_bus_get_n_queued_write(bus, &n) >= 0 && n > 0;
}

int receivers_add(Receivers *receivers, const char *name) {
        size_t n = strlen(name) + 1;
        char *bigger = realloc(receivers->names, receivers->size + n);

        if (!bigger)
                return -ENOMEM;
        (void) memcpy(bigger + receivers->size, name, n);
        receivers->names = bigger;
        receivers->size += n;
        receivers->n++;
        return 0;
}

static int send_copy(sd_bus *bus, sd_bus_message *m, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *copy = NULL;
        int r;

        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = sd_bus_message_new_signal(bus, &copy, sd_bus_message_get_path(m), sd_bus_message_get_interface(m),
                                              sd_bus_message_get_member(m));
        if (r >= 0)
                r = sd_bus_message_copy(copy, m, true);
        if (r >= 0)
                r = sd_bus_message_set_destination(copy, name);
        return r < 0 ? r : sd_bus_send(bus, copy, NULL);
}

static void send_to_all(sd_bus *bus, sd_bus_message *m, const Receivers *receivers) {
        for (size_t i = 0; i < receivers->size; i += strlen(receivers->names + i) + 1)
                (void) send_copy(bus, m, receivers->names + i);
}

/* --- owners ----------------------------------------------------------------------------------------- */

static void forget_first(Owner *owner) {
        Waiting *w = STAILQ_FIRST(&owner->waiting);

        STAILQ_REMOVE_HEAD(&owner->waiting, entry);
        owner->n_waiting--;
        (void) sd_bus_message_unref(w->message);
        free(w->receivers.names);
        free(w);
}

static void owner_free(Owner *owner) {
        while (!STAILQ_EMPTY(&owner->waiting))
                forget_first(owner);
        LIST_REMOVE(owner, entry);
        free(owner);
}

/* Those who have caused none for a while are forgotten. */
static Owner *get_owner(Signals *signals, uint32_t uid, uint64_t now) {
        Owner *owner, *next, *found = NULL;

        for (owner = LIST_FIRST(&signals->owners); owner; owner = next) {
                next = LIST_NEXT(owner, entry);
                if (owner->uid == uid)
                        found = owner;
                else if (owner->n_waiting == 0 && now >= owner->window_usec + WINDOW_USEC)
                        owner_free(owner);
        }
        if (found)
                return found;
        owner = calloc(1, sizeof(*owner));
        if (!owner)
                return NULL;
        owner->uid = uid;
        owner->window_usec = now;
        STAILQ_INIT(&owner->waiting);
        LIST_INSERT_HEAD(&signals->owners, owner, entry);
        return owner;
}

static bool may_send_now(Owner *owner, unsigned n, uint64_t now) {
        if (now >= owner->window_usec + WINDOW_USEC) {
                owner->window_usec = now;
                owner->n_sent = 0;
        }
        if (owner->n_waiting > 0 || owner->n_sent >= AT_ONCE)
                return false;
        owner->n_sent += n;
        return true;
}

/* --- waiting ---------------------------------------------------------------------------------------- */

static void postpone(Signals *signals, Owner *owner, sd_bus_message *m, Receivers *receivers) {
        Waiting *w = owner->n_waiting < WAITING_MAX ? malloc(sizeof(*w)) : NULL;

        if (!w)
                return;
        *w = (Waiting) { .message = sd_bus_message_ref(m), .receivers = *receivers };
        *receivers = (Receivers) {};
        STAILQ_INSERT_TAIL(&owner->waiting, w, entry);
        if (owner->n_waiting++ == 0)
                TAILQ_INSERT_TAIL(&signals->turns, owner, turn);
        (void) sd_event_source_set_enabled(signals->idle, SD_EVENT_ON);
}

static int on_idle(sd_event_source *source, void *userdata) {
        Signals *signals = userdata;
        Owner *owner = TAILQ_FIRST(&signals->turns);
        const Waiting *w;

        if (!owner || bus_is_congested(signals->bus))
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        w = STAILQ_FIRST(&owner->waiting);
        send_to_all(signals->bus, w->message, &w->receivers);
        forget_first(owner);
        TAILQ_REMOVE(&signals->turns, owner, turn);
        if (owner->n_waiting > 0)
                TAILQ_INSERT_TAIL(&signals->turns, owner, turn);
        return 0;
}

void signals_resume(Signals *signals) {
        if (!TAILQ_EMPTY(&signals->turns) && !bus_is_congested(signals->bus))
                (void) sd_event_source_set_enabled(signals->idle, SD_EVENT_ON);
}

void signals_send(Signals *signals, uint32_t owner_uid, sd_bus_message *m, Receivers *receivers) {
        Owner *owner;
        uint64_t now = 0;

        (void) sd_event_now(sd_bus_get_event(signals->bus), CLOCK_MONOTONIC, &now);
        owner = get_owner(signals, owner_uid, now);
        if (owner && sd_bus_message_seal(m, 1, 0) >= 0) {
                if (may_send_now(owner, receivers->n, now))
                        send_to_all(signals->bus, m, receivers);
                else
                        postpone(signals, owner, m, receivers);
        }
        free(receivers->names);
        *receivers = (Receivers) {};
}

/* --- life cycle ------------------------------------------------------------------------------------- */

int signals_new(Signals **ret, sd_bus *bus) {
        _cleanup_(signals_freep) Signals *signals = calloc(1, sizeof(*signals));
        int r;

        if (!signals)
                return -ENOMEM;
        signals->bus = sd_bus_ref(bus);
        LIST_INIT(&signals->owners);
        TAILQ_INIT(&signals->turns);
        r = sd_event_add_defer(sd_bus_get_event(bus), &signals->idle, on_idle, signals);
        if (r >= 0)
                r = sd_event_source_set_priority(signals->idle, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_enabled(signals->idle, SD_EVENT_OFF);
        if (r >= 0)
                *ret = TAKE_PTR(signals);
        return r;
}

Signals *signals_free(Signals *signals) {
        if (!signals)
                return NULL;

        (void) sd_event_source_disable_unref(signals->idle);
        while (!LIST_EMPTY(&signals->owners))
                owner_free(LIST_FIRST(&signals->owners));
        (void) sd_bus_unref(signals->bus);
        free(signals);
        return NULL;
}
