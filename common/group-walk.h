/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The processes of a control group and of all groups below it. Needs libc only. */

#include <stdbool.h>
#include <sys/types.h>

/* Whether to go on. */
typedef bool (*GroupFound)(pid_t pid, void *userdata);

/* Tells of each. folder: of the group, in any hierarchy that has processes. Returns whether found() always did. */
bool group_walk(int folder, GroupFound found, void *userdata);
