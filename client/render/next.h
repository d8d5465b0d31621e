/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What can be done next about a job, as commands: the same from every verb that tells of it. */

#include "client-bus.h"
#include "job-record.h"
#include "own-queue.h"

/* "codex-jobs VERB ID…" as it is to be typed to reach the same service. NULL: memory is short. */
char *next_command(Client *c, const char *verb, const char *const *ids, size_t n, const char *option);

#define NEXT_MAX 4

typedef enum NextKind {
        NEXT_SHOWN,  /* the result was shown: only what is not over or failed leaves something to do */
        NEXT_RESULT, /* it was not */
        NEXT_ALL,    /* all that can be done, for who asks for that */
} NextKind;

typedef struct Next {
        char *commands[NEXT_MAX + 1]; /* the nearest first; ends with NULL */
        size_t n;
} Next;

void next_clear(Next *next);
#define _cleanup_next_ _cleanup_(next_clear)

/* Whether a job has its prompt from standard input, which is erased when it ends unless the configuration, which we do
 * not see, keeps it: to start it again is not offered. */
bool is_prompted(const JobRecord *record);

/* For one job, and for several: these are waited for together. queue: the caller's own, NULL where it was not asked
 * for. Each returns 0 or -ENOMEM. */
int next_for_job(Next *next, Client *c, const JobRecord *record, const OwnQueue *queue, NextKind kind);
int next_for_jobs(Next *next, Client *c, const JobRecord *const *records, size_t n, const OwnQueue *queue);
