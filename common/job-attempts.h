/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The attempts of a job that have ended, as a text: one word for each, "REASON:EXITCODE:SIGNAL:STARTED:FINISHED:STDOUT:STDERR",
 * with the reason "completed" for none, and with the sizes of the output up to its end. And the reasons for another one, as
 * words. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job-state.h"

#define JOB_RETRIES_MAX 100U
#define JOB_RETRY_DELAY_MAX (UINT64_C(24) * 3600 * 1000000) /* microseconds; likewise: */
#define JOB_RETRY_DELAY_DEFAULT (UINT64_C(10) * 1000000)
#define JOB_RETRY_DELAY_BOUND (UINT64_C(3600) * 1000000) /* up to which a delay grows */

typedef struct JobAttempt {
        JobReason reason;
        int32_t exit_code;
        int32_t signal;
        uint64_t started_usec;
        uint64_t finished_usec;
        uint64_t stdout_bytes;
        uint64_t stderr_bytes;
} JobAttempt;

/* Reads the next one and advances. Returns 1, 0 at the end, or -EINVAL. */
int job_attempts_next(const char **text, JobAttempt *ret);

/* Appends one to a text, which may be NULL. Returns 0 or -ENOMEM. */
int job_attempts_append(char **text, const JobAttempt *attempt);

/* NULL: none. */
unsigned job_attempts_count(const char *text);

/* Delay before the attempt of that number, from 2: it doubles each time. */
uint64_t job_retry_delay(uint64_t first_usec, unsigned attempt);

/* Whether a job is retried for that reason; words: NULL for the default. */
bool job_retry_on_has(const char *words, JobReason reason);

/* The reason of that word, if jobs can be retried for it, or _JOB_REASON_INVALID. And all of these words. */
JobReason job_retry_reason(const char *word);
#define JOB_RETRY_WORDS "exit-code, signal, core-dump, oom-kill, stalled, runtime-limit or host-restarted"
#define JOB_RETRY_WORDS_N 7U

/* Appends it to words. Returns 0, -EEXIST if it is there, -ENOMEM. */
int job_retry_on_append(char **words, JobReason reason);
