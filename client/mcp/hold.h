/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A wait for jobs on behalf of an exchange, with a limit of time and notifications of progress. */

#include "exchange.h"

typedef struct Hold Hold;

typedef struct HoldOptions {
        bool any;      /* for the first that ends; else for all */
        uint64_t usec; /* at most; 0: only until the states are known; USEC_INFINITY: no limit */

        /* Called once, when the wait is over: for its reason, because of the time, or with an error. The hold may be
         * freed inside. */
        void (*over)(Hold *hold, const sd_bus_error *error, void *userdata);
        void *userdata; /* not owned */
} HoldOptions;

/* over() is not called inside. Returns 0 or a negative errno, as watch_add(). */
int hold_new(Exchange *x, const char *const *ids, size_t n, const HoldOptions *options, Hold **ret);
Hold *hold_free(Hold *h);
DEFINE_CLEANUP(Hold *, hold_free);

/* Whether what was waited for has come. */
bool hold_is_done(const Hold *h);

/* Whether every job has been read, as it was at some time of the wait. */
bool hold_is_known(const Hold *h);

/* The jobs in the order of the IDs, as they were read last; of one that was not, only its ID is known. Each is given by
 * the ID or prefix that it was asked for with. */
size_t hold_count(const Hold *h);
const JobRecord *hold_record(const Hold *h, size_t i);
