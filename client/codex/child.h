/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The codex process: started, read from, passed signals, and waited for. It inherits standard input, working
 * directory and control group. When this process dies, it gets SIGTERM. */

#include <signal.h>
#include <systemd/sd-event.h>

#include "macro.h"

typedef struct Child Child;

/* All are called from the event loop. The data is gone when they return. */
typedef struct ChildListener {
        void (*output)(const char *data, size_t n, void *userdata);
        void (*errors)(const char *data, size_t n, void *userdata);
        void (*ended)(const siginfo_t *status, void *userdata); /* the last; what was written is read by then */
} ChildListener;

/* Blocks the given signals and SIGCHLD; child_new() undoes that for the process it starts. Must be called before there
 * are threads. */
int child_block_signals(const int *signals, size_t n);

/* Starts a program. Returns 0 or a negative errno, also that of execve(2). */
int child_new(Child **ret, sd_event *event, char *const argv[], const ChildListener *listener, void *userdata);

/* Sends it a signal; does nothing after it has exited. */
void child_signal(Child *child, int number);

/* Does not terminate it: send a signal and wait for the exit first. */
Child *child_free(Child *child);
DEFINE_CLEANUP(Child *, child_free);
