/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* States of a job and reasons for its end, as numbers internally and as words on the bus, in the store and in JSON.
 * The words are the interface; the numbers never leave a process. */

#include <stdbool.h>

typedef enum JobState {
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_COMPLETED,
        JOB_FAILED,
        JOB_CANCELLED,
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -1,
} JobState;

typedef enum JobReason {
        JOB_REASON_NONE,           /* completed, or not terminal */
        JOB_REASON_EXIT_CODE,      /* the command exited with non-zero status */
        JOB_REASON_SIGNAL,         /* a signal terminated it */
        JOB_REASON_CORE_DUMP,      /* a signal terminated it with a core dump */
        JOB_REASON_OOM_KILL,       /* killed by the OOM killer */
        JOB_REASON_RUNTIME_LIMIT,  /* RuntimeMaxUSec exceeded */
        JOB_REASON_OUTPUT_LIMIT,   /* OutputMax exceeded */
        JOB_REASON_STALLED,        /* no output and no progress for StallUSec */
        JOB_REASON_NOT_EXECUTABLE, /* the command could not be started */
        JOB_REASON_DEPENDENCY,     /* reserved */
        JOB_REASON_HOST_RESTARTED, /* the host or the service manager of the user went down while it ran */
        JOB_REASON_NODE_LOST,      /* the node of a cluster on which it ran */
        JOB_REASON_LOST,           /* its unit was removed before its end was seen */
        JOB_REASON_USER,           /* cancelled */
        _JOB_REASON_MAX,
        _JOB_REASON_INVALID = -1,
} JobReason;

/* The word for a value; "" for JOB_REASON_NONE. Static strings. */
const char *job_state_to_string(JobState state);
const char *job_reason_to_string(JobReason reason);

/* The value for a word, or _JOB_…_INVALID. */
JobState job_state_from_string(const char *word);
JobReason job_reason_from_string(const char *word);

static inline bool job_state_is_terminal(JobState state) {
        return state == JOB_COMPLETED || state == JOB_FAILED || state == JOB_CANCELLED;
}
