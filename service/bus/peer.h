/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who calls: the connections on the bus, each with what it has asked for. The uid of a peer comes from the bus and from
 * nowhere else. A filter holds back each method call of a peer that is not known yet until the bus has said who it is,
 * asynchronously; behind it, every handler has the peer at hand. Signals that somebody sends to the service alone
 * end at the filter. When a peer leaves the bus, what it owns is dropped with it. */

#include "polkit.h"

typedef struct Peer Peer;
typedef struct Peers Peers;
typedef struct Request Request;

/* Embedded in what a peer owns: it is dropped when the peer has left, or the service stops. Who frees it before removes it. */
typedef struct PeerItem {
        LIST_ENTRY(PeerItem) entry;
        Peer *peer; /* NULL: nobody owns it (any more) */
        void (*drop)(struct PeerItem *item, bool stopping); /* peer is NULL already */
} PeerItem;

/* A connection on the bus. Its unique name is never used again while the bus runs. */
struct Peer {
        Peers *peers;
        char *name;
        User *user; /* NULL: not known yet */
        sd_bus_slot *call; /* asks for it */
        STAILQ_HEAD(, Parked) parked; /* calls, until it is known */
        unsigned n_parked;
        LIST_HEAD(, PeerItem) items; /* the latest first */

        /* Whether it may run jobs, see permission.c. */
        bool is_permitted;
        Question *question;             /* that was asked and not answered */
        TAILQ_HEAD(, Request) asking; /* for the answer, not owned */
};

/* Installs the filter. */
int peers_new(Peers **ret, sd_bus *bus);
Peers *peers_free(Peers *peers);

/* Drops all, and answers with Unavailable whatever is parked, and each call from now on. */
void peers_refuse(Peers *peers);

/* The sender of a method call that has passed the filter; NULL for any other message. */
Peer *peers_sender(Peers *peers, sd_bus_message *m);

void peer_add(Peer *peer, PeerItem *item, void (*drop)(PeerItem *item, bool stopping));
void peer_remove(PeerItem *item);
