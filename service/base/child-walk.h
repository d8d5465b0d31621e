/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The descendants of this process, which has to be a subreaper (see prctl(2)): then those that became daemons are found, too. */

#include "group-walk.h"

/* Calls found() for each of them, in no order, until it returns false. Returns 0 or a negative errno. */
int child_walk(GroupFound found, void *userdata);
