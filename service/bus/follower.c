/* SPDX-License-Identifier: Apache-2.0 */

#include "follower.h"
#include "macro.h"

#define FOLLOWERS_MAX 64U /* connections of a user that are told of one thing */

struct Follower {
        LIST_ENTRY(Follower) entry;
        char peer[]; /* a unique name, which is never used again */
};

static void follower_free(Follower *follower) {
        LIST_REMOVE(follower, entry);
        free(follower);
}

bool follower_list_has(const FollowerList *list, const char *peer) {
        const Follower *follower;

        LIST_FOREACH(follower, list, entry)
                if (streq(follower->peer, peer))
                        return true;
        return false;
}

/* Those that left are dropped here, so that a list is never longer than there are connections. */
static void drop_gone(FollowerList *list, Authorize *authorize) {
        Follower *next;

        for (Follower *follower = LIST_FIRST(list); follower; follower = next) {
                next = LIST_NEXT(follower, entry);
                if (authorize_peer(authorize, follower->peer) == UINT32_MAX)
                        follower_free(follower);
        }
}

/* The one that asked first, where there are too many of that user: it may be forgotten by its owner, too. */
static void make_room(FollowerList *list, Authorize *authorize, uint32_t uid) {
        Follower *follower, *oldest = NULL;
        unsigned n = 0;

        LIST_FOREACH(follower, list, entry)
                if (authorize_peer(authorize, follower->peer) == uid) {
                        oldest = follower;
                        n++;
                }
        if (n >= FOLLOWERS_MAX)
                follower_free(oldest);
}

int follower_list_add(FollowerList *list, Authorize *authorize, sd_bus_message *call) {
        const char *peer = sd_bus_message_get_sender(call);
        size_t size = strlen(peer) + 1;
        Follower *follower;

        if (follower_list_has(list, peer))
                return 0;
        drop_gone(list, authorize);
        make_room(list, authorize, authorize_peer(authorize, peer));
        follower = malloc(sizeof(*follower) + size);
        if (!follower)
                return -ENOMEM;
        memcpy(follower->peer, peer, size);
        LIST_INSERT_HEAD(list, follower, entry);
        return 0;
}

void follower_list_foreach(FollowerList *list, Authorize *authorize, uint32_t owner,
                           void (*found)(const char *peer, void *userdata), void *userdata) {
        const Follower *follower;

        drop_gone(list, authorize);
        LIST_FOREACH(follower, list, entry)
                if (authorize_may_manage(authorize_peer(authorize, follower->peer), owner))
                        found(follower->peer, userdata);
}

void follower_list_clear(FollowerList *list) {
        while (!LIST_EMPTY(list))
                follower_free(LIST_FIRST(list));
}
