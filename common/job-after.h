/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Dependencies of a job on others, as a text "ID:CONDITION ID:CONDITION": what option After of Enqueue becomes in the
 * record, in which each ID is a full one. The words are the interface. */

#include "job-id.h"
#include "job-state.h"

#define JOB_AFTER_MAX 256U /* dependencies of one job */

typedef enum JobCondition {
        JOB_AFTER_OK,     /* it completed */
        JOB_AFTER_ANY,    /* it is terminal */
        JOB_AFTER_FAILED, /* it failed or was cancelled */
        _JOB_CONDITION_MAX,
        _JOB_CONDITION_INVALID = -1,
} JobCondition;

const char *job_condition_to_string(JobCondition condition);
JobCondition job_condition_from_string(const char *word);

/* Whether a job that ended in that state meets it. */
bool job_condition_is_met(JobCondition condition, JobState ended);

/* Takes the next dependency from a text, and advances it. Returns 1, 0 at the end, or -EINVAL. */
int job_after_next(const char **text, char id[static JOB_ID_MAX + 1], JobCondition *ret);

/* Appends one, unless there is one on the same job: -EEXIST. *text, which may be NULL, is reallocated. Returns 0, that or
 * -ENOMEM. */
int job_after_append(char **text, const char *id, JobCondition condition);

/* The number of dependencies. */
unsigned job_after_count(const char *text);
