/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Named places at which a test build can be killed (meson option failpoints; not in release builds). A test arms one
 * by creating the file failpoints/NAME in the state directory. The first thread that reaches it removes the file,
 * and kills the process with SIGKILL or, for failpoint_take(), takes a path that is hard to provoke from outside.
 * docs/durability.md lists them. */

#include <stdbool.h>

#ifdef WITH_FAILPOINTS

#include <stdio.h>

void failpoint_init(const char *state_directory);
bool failpoint_take(const char *name);
void failpoint_die(const char *name);

/* The name has two parts, for a place that several operations pass. */
#define failpoint2(first, second)                                                       \
        do {                                                                            \
                char _name[64];                                                         \
                (void) snprintf(_name, sizeof(_name), "%s-%s", first, second);          \
                failpoint_die(_name);                                                   \
        } while (false)

#else

#define failpoint_init(state_directory) ((void) 0)
#define failpoint_take(name) false
#define failpoint_die(name) ((void) 0)
#define failpoint2(first, second) ((void) 0)

#endif
