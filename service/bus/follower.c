/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "follower.h"
#include "macro.h"

#define FOLLOWERS_MAX 64U /* connections of a user that follow the same thing */

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
