/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Lists the processes of a control group and of all groups below it. Needs libc only. */

#include <stdbool.h>
#include <sys/types.h>

/* Returns whether to continue. */
typedef bool (*GroupFound)(pid_t pid, void *userdata);

/* Calls found for each process. folder: of the group, in any hierarchy that has processes. Returns whether found()
 * always returned true. */
bool group_walk(int folder, GroupFound found, void *userdata);
