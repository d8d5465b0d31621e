/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Connections that follow changes. Signals of a job are not broadcast to everybody on the bus, but sent to each
 * connection that has asked for the job before, as long as its user may see it. */

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
