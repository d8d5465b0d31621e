/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Named places at which a test build lets itself be killed (meson option failpoints; a release build has
 * none of this). A test arms one by making the file failpoints/NAME in the state directory; the first
 * thread that comes by removes it and the process dies by SIGKILL, or, where failpoint_take() asks, goes the
 * way that is hard to provoke from outside. docs/durability.md lists them. */

#include <stdbool.h>

#ifdef WITH_FAILPOINTS

#include <stdio.h>

void failpoint_init(const char *state_directory);
bool failpoint_take(const char *name);
void failpoint_die(const char *name);

/* name is put together of two parts, for a place that several operations pass. */
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
