/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Callers: the connections on the bus, each with what it owns. The uid and the groups of a peer are obtained from the bus only. A
 * filter holds back method calls of an unknown peer until the bus has reported them, asynchronously; every
 * handler after it can rely on the peer. Unicast signals to the service are dropped by the filter. When a peer
 * leaves the bus, everything it owns is dropped. */

#include "polkit.h"

typedef struct Peer Peer;
typedef struct Peers Peers;
typedef struct PendingCall PendingCall;

/* Embedded in objects owned by a peer: they are dropped when the peer leaves, or the service stops. Removed before
 * an object is freed otherwise. */
typedef struct PeerItem {
        LIST_ENTRY(PeerItem) entry;
        Peer *peer; /* NULL: not owned (any more) */
        void (*drop)(struct PeerItem *item, bool stopping); /* removes it, or frees what it is in, which does */
} PeerItem;

/* A connection on the bus. Its unique name is never reused while the bus runs. */
struct Peer {
        Peers *peers;
        char *name;
        User *user; /* NULL: not known yet */
        uint32_t *gids; /* the groups of the process when it connected; NULL: the bus does not tell */
        size_t n_gids;
        sd_bus_slot *call; /* queries it */
        STAILQ_HEAD(, Parked) parked; /* calls held back until it is known */
        unsigned n_parked;
        LIST_HEAD(, PeerItem) items; /* the latest first */

        /* Whether it may run jobs, see permission.c. */
        bool is_permitted;
        Question *question;             /* pending check */
        TAILQ_HEAD(, PendingCall) asking; /* waiting for the check, not owned */
};

/* Installs the filter. */
int peers_new(Peers **ret, sd_bus *bus);
Peers *peers_free(Peers *peers);

/* Drops everything, and replies to held-back calls and all further ones with Unavailable. */
void peers_refuse(Peers *peers);

/* The sender of a method call that has passed the filter; NULL for other messages. */
Peer *peers_sender(Peers *peers, sd_bus_message *m);

void peer_add(Peer *peer, PeerItem *item, void (*drop)(PeerItem *item, bool stopping));
void peer_remove(PeerItem *item);
