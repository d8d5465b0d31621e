/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The jobs that somebody waits for: one table, kept up to date by the signals of the service, and read anew when
 * signals may have been missed. Nothing is asked again and again. */

#include <sys/queue.h>

#include "client-bus.h"
#include "job-record.h"

#define WATCHERS_MAX 1024

typedef struct Watch Watch;
typedef struct WatchedJob WatchedJob;
typedef struct Watcher Watcher;

/* Who waits for a job; embedded by its owner. */
struct Watcher {
        /* The job was read, perhaps without a change; or error: it cannot be, and the watcher is removed. Watchers may
         * be removed inside, and be added. */
        void (*changed)(Watcher *watcher, const JobRecord *record, const sd_bus_error *error);
        bool progress; /* also while it runs; else only when it starts or ends */

        WatchedJob *job; /* NULL: not in the table. For watch.c. */
        LIST_ENTRY(Watcher) entry;
        bool due; /* is to be notified */
};

int watch_new(Client *c, Watch **ret);
Watch *watch_free(Watch *w);
DEFINE_CLEANUP(Watch *, watch_free);

/* Reads a job, given by its ID or a prefix, now and whenever it may have changed. changed() is not called inside.
 * Returns 0, -E2BIG if there are WATCHERS_MAX, or another negative errno. */
int watch_add(Watch *w, const char *id, Watcher *watcher);
void watch_remove(Watcher *watcher);
