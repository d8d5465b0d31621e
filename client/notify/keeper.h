/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Keeps the connection to a bus: opens it again whenever it was lost. Owns the link. */

#include "link.h"

typedef struct Keeper Keeper;

/* system: the system bus, else the session bus. */
int keeper_new(sd_event *event, bool system, Keeper **ret);
Keeper *keeper_free(Keeper *k); /* sends what is queued first */
DEFINE_CLEANUP(Keeper *, keeper_free);

Link *keeper_link(const Keeper *k);

/* Connects now, or as soon as possible. */
int keeper_open(Keeper *k);
