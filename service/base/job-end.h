/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a job and its unit end, as those who see it, record it and report it say it to each other. */

#include <stdint.h>

#include "job-state.h"

/* How a job has ended, while that is not on disk: nobody hears of it before. */
typedef struct JobOutcome {
        JobState state;
        JobReason reason;
        int32_t exit_code;
        int32_t signal;
        uint64_t started_usec;
        uint64_t finished_usec;
} JobOutcome;

/* What ended a unit. */
typedef enum JobCause {
        JOB_CAUSE_ITSELF,  /* the command exited, or a signal came from somewhere */
        JOB_CAUSE_WORKER,  /* the worker could not execute the command */
        JOB_CAUSE_STOP,    /* we did, by unit_stop() */
        JOB_CAUSE_OOM,     /* the kernel, for want of memory */
        JOB_CAUSE_TIMEOUT, /* the service manager: it ran, or took to end when somebody else stopped it, for too long */
        JOB_CAUSE_OTHERS,  /* somebody else stopped it */
} JobCause;

/* How a main process and its unit ended. */
typedef struct JobEnd {
        JobCause cause;
        int code;   /* CLD_EXITED, CLD_KILLED or CLD_DUMPED; 0: it never ran */
        int status; /* exit status or signal */
        uint64_t ran_usec; /* until somebody stopped it, 0: nobody did */
        uint64_t cpu_usage_usec; /* 0: not known, as of a job that ran for less than a second; likewise: */
        uint64_t memory_peak;
} JobEnd;
