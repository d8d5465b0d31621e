/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Waiting for jobs to end, by signal: subscribe, read the state, sleep until JobFinished. Whenever a signal may
 * have been missed the state is read again. */

#include "client-bus.h"
#include "job-record.h"

typedef struct Wait Wait;

typedef struct WaitedJob {
        char *id;         /* in full once resolved is set, before that as it was given */
        bool resolved;
        JobRecord record; /* the last that was read */
        bool complete;    /* the record is all there */

        Wait *wait;
        Call *await; /* Await under way, which is answered with the record */
        Call *call;  /* Get under way */
        bool again; /* and its answer may be too old */
} WaitedJob;

typedef struct WaitOptions {
        bool any;           /* the first job ends the wait, not the last */
        uint64_t poll_usec; /* read the states that often, too; 0: never */
        const char *only;   /* the one id that will be added, if it may be one in full */
} WaitOptions;

/* Subscribes. What is enqueued afterwards cannot end unseen. */
int wait_new(Client *c, const WaitOptions *options, Wait **ret);
Wait *wait_free(Wait *w);
DEFINE_CLEANUP(Wait *, wait_free);

/* Has room for n jobs; to be called once, before the first is added. */
int wait_reserve(Wait *w, size_t n);

/* Adds a job to wait for, and reads its state. */
int wait_add(Wait *w, const char *id);

/* Adds a job that was enqueued behind wait_new(): its end is still to come. Its record comes with that. */
int wait_add_new(Wait *w, const char *id);

/* Called with each record that is read. */
void wait_on_record(Wait *w, void (*on_record)(const JobRecord *record, void *userdata), void *userdata);

/* Reads the state of a job, by its id in full, and of all that are not terminal for NULL. */
void wait_refresh(Wait *w, const char *id);

/* Runs the event loop until the wait is over. Returns 0 or what client_iterate() returned. */
int wait_run(Wait *w, sd_bus_error *error);

/* Runs the event loop until the state of every job was read, or the wait is over. */
int wait_settle(Wait *w, sd_bus_error *error);

bool wait_is_over(const Wait *w);
size_t wait_count(const Wait *w);
const WaitedJob *wait_job(const Wait *w, size_t i);

/* The first job that is terminal, in the order in which they were added; NULL: none. */
const WaitedJob *wait_first_ended(const Wait *w);
