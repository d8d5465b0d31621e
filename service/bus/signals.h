/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Connections that follow changes, and the signals to them. Signals of a job are not broadcast to everybody on the bus, but
 * sent to each connection that has asked for the job before, as long as its user may see it.
 *
 * There are as many as changes times receivers, and users may have many jobs that change at once and many connections that
 * follow. Signals about the jobs of one user are sent immediately up to a rate. Beyond it they wait until the service has
 * nothing else to do, and are then sent in turns with those of other users, in their order. If too many wait, further ones
 * are dropped. */

#include "peer.h"

typedef struct Follower Follower;
typedef LIST_HEAD(FollowerList, Follower) FollowerList;

bool follower_list_has(const FollowerList *list, const Peer *peer);

/* Adds a connection, once, until it leaves the bus, or 64 other connections of its user have been added after it;
 * does nothing if out of memory. */
void follower_list_add(FollowerList *list, Peer *peer);

/* Calls back with each follower who may see jobs of owner. */
void follower_list_foreach(FollowerList *list, uint32_t owner, void (*found)(const Peer *peer, void *userdata), void *userdata);

void follower_list_clear(FollowerList *list);

/* --- sending ---------------------------------------------------------------------------------------- */

/* Whether messages wait to be written. */
bool bus_is_congested(sd_bus *bus);

typedef struct Signals Signals;

/* Connections, by their unique names. */
typedef struct Receivers {
        char *names; /* each followed by a NUL; owned */
        size_t size;
        unsigned n;
} Receivers;

int receivers_add(Receivers *receivers, const char *name);

int signals_new(Signals **ret, sd_bus *bus);
Signals *signals_free(Signals *signals);
DEFINE_CLEANUP(Signals *, signals_free);

/* Takes a signal about a job of owner, which is complete but for its destination, and its receivers; *receivers is empty
 * then. If memory is short, it is not sent. */
void signals_send(Signals *signals, uint32_t owner, sd_bus_message *m, Receivers *receivers);

/* Goes on once replies are written. */
void signals_resume(Signals *signals);
