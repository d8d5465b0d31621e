/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Waiting for jobs by signal: subscribe, read the state, sleep until JobFinished. The state is read again whenever
 * signals may have been missed. */

#include "client-bus.h"
#include "job-record.h"

typedef struct Wait Wait;

typedef struct WaitedJob {
        char *id;         /* the full ID once resolved is set, before that as given */
        bool resolved;
        JobRecord record; /* the last one read */
        bool complete;    /* the record has been read */

        Wait *wait;
        Call *await; /* pending Await, which is answered with the record */
        Call *call;  /* pending Get */
        bool again; /* its reply may be outdated */
} WaitedJob;

typedef struct WaitOptions {
        bool any;           /* wait for the first job, not for all */
        uint64_t poll_usec; /* also poll the states at this interval; 0: never */
        const char *only;   /* the only ID that will be added, if it may be a full one */
} WaitOptions;

/* Subscribes. Jobs that are submitted afterwards cannot finish unnoticed. */
int wait_new(Client *c, const WaitOptions *options, Wait **ret);
Wait *wait_free(Wait *w);
DEFINE_CLEANUP(Wait *, wait_free);

/* Reserves room for n jobs; must be called once, before the first is added. */
int wait_reserve(Wait *w, size_t n);

/* Adds a job to wait for, and reads its state. */
int wait_add(Wait *w, const char *id);

/* Adds a job that was submitted after wait_new(), and cannot have been missed. Its record is read when it finishes. */
int wait_add_new(Wait *w, const char *id);

/* Called with each record that is read. */
void wait_on_record(Wait *w, void (*on_record)(const JobRecord *record, void *userdata), void *userdata);

/* Reads the state of a job, given by its full ID, or of all unfinished ones for NULL. */
void wait_refresh(Wait *w, const char *id);

/* Runs the event loop until the wait is over. Returns 0 or what client_iterate() returned. */
int wait_run(Wait *w, sd_bus_error *error);

/* Runs the event loop until the state of every job has been read, or the wait is over. */
int wait_settle(Wait *w, sd_bus_error *error);

bool wait_is_over(const Wait *w);
size_t wait_count(const Wait *w);
const WaitedJob *wait_job(const Wait *w, size_t i);

/* The first finished job, in the order in which they were added; NULL: none. */
const WaitedJob *wait_first_ended(const Wait *w);
