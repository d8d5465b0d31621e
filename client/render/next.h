/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Suggested next commands for a job, the same for every verb that shows it. */

#include "client-bus.h"
#include "job-record.h"
#include "own-queue.h"

/* "codex-jobs VERB ID…" as typed to reach the same service. NULL: out of memory. */
char *next_command(Client *c, const char *verb, const char *const *ids, size_t n, const char *option);

#define NEXT_MAX 5

typedef enum NextKind {
        NEXT_SHOWN,  /* the result was shown: commands only for unfinished and failed jobs */
        NEXT_RESULT, /* it was not shown */
        NEXT_ALL,    /* all possible commands */
} NextKind;

typedef struct Next {
        char *commands[NEXT_MAX + 1]; /* the most relevant first; NULL-terminated */
        size_t n;
} Next;

void next_clear(Next *next);
#define _cleanup_next_ _cleanup_(next_clear)

/* Whether the job reads its prompt from standard input. That is erased when the job finishes, unless the configuration
 * of the service, which is unknown here, keeps it: retrying is not suggested. */
static inline bool is_prompted(const JobRecord *record) {
        const char *kind = strempty(record->kind);

        return streq(kind, "task") || streq(kind, "adversarial-review");
}

/* Whether the command of the job was started, or why it could not be was written to its output. */
static inline bool has_run(const JobRecord *record) {
        return record->started_usec > 0 || record->stdout_bytes + record->stderr_bytes > 0;
}

/* For one job, and for several, which are awaited together. queue: that of the caller, NULL if not requested. Both
 * return 0 or -ENOMEM. */
int next_for_job(Next *next, Client *c, const JobRecord *record, const OwnQueue *queue, NextKind kind);
int next_for_jobs(Next *next, Client *c, const JobRecord *const *records, size_t n, const OwnQueue *queue);
