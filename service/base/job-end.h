/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* How a job and its unit end, for those who detect, record and report it. */

#include <stdint.h>

#include "job-record.h"

/* The outcome of a job until it is on disk; it is not reported before. */
typedef struct JobOutcome {
        JobState state;
        JobReason reason;
        int32_t exit_code;
        int32_t signal;
        uint64_t started_usec;
        uint64_t finished_usec;
} JobOutcome;

static inline void job_outcome_apply(const JobOutcome *outcome, JobRecord *record) {
        record->state = outcome->state;
        record->reason = outcome->reason;
        record->exit_code = outcome->exit_code;
        record->signal = outcome->signal;
        record->started_usec = outcome->started_usec;
        record->finished_usec = outcome->finished_usec;
}

/* What ended a unit. */
typedef enum JobCause {
        JOB_CAUSE_ITSELF,  /* the command exited, or was terminated by a signal of unknown origin */
        JOB_CAUSE_WORKER,  /* the worker could not execute the command */
        JOB_CAUSE_STOP,    /* unit_stop() was called */
        JOB_CAUSE_OOM,     /* the OOM killer */
        JOB_CAUSE_TIMEOUT, /* the service manager: it ran for too long, or took too long to stop for somebody else */
        JOB_CAUSE_OTHERS,  /* somebody else stopped it */
        JOB_CAUSE_NODE_LOST, /* of a job that runs elsewhere: where it ran was lost; nobody knows what became of it */
        JOB_CAUSE_LOST,
        JOB_CAUSE_LACK,    /* the service manager lacked what it takes to start a process */
} JobCause;

/* End of a main process and its unit. */
typedef struct JobEnd {
        JobCause cause;
        int code;   /* CLD_EXITED, CLD_KILLED or CLD_DUMPED; 0: it never ran */
        int status; /* exit status or signal */
        uint64_t ran_usec; /* until it was stopped, 0: it was not */
        uint64_t cpu_usage_usec; /* 0: not known, for example if the job ran for less than a second; likewise: */
        uint64_t memory_peak;
        bool is_left; /* of a job that runs elsewhere: what may be left there was not ended */
} JobEnd;
