/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A job that has not ended, or whose unit is not released yet. Other finished jobs are in the store only. Does no
 * I/O; the core owns all jobs. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "job-after.h"
#include "job-end.h"
#include "job-record.h"
#include "spec.h"
#include "worker-protocol.h"

#define WORKER_SECRET_TEXT_MAX (2 * WORKER_SECRET_SIZE + 1)

typedef struct Job Job;
typedef struct Core Core;
typedef struct Unit Unit;
typedef struct WorkerLink WorkerLink;

/* Phase of a job in the core, in more detail than its state: */
typedef enum JobPhase {
        JOB_RECORDING,  /* being recorded for the first time, not visible yet */
        JOB_WAITING,    /* queued, in the queue */
        JOB_BEGINNING,  /* queued, has a slot; its begin is being committed */
        JOB_STARTING,   /* queued, StartTransientUnit is pending */
        JOB_ACCEPTED,   /* queued, its unit exists; its worker is about to be executed */
        JOB_ACTIVE,     /* running */
        JOB_COLLECTING, /* its outcome is known, its output is being synced */
        JOB_ENDING,     /* its outcome is being committed */
        JOB_RETRYING,   /* queued; the end of an attempt is recorded, its unit is being released */
        JOB_RELEASING,  /* terminal; those that wait for it are told, and its unit is being released */
} JobPhase;

/* What keeps a job that waits from its turn, as bits. */
typedef enum JobBlock {
        JOB_IS_HELD = 1 << 0,
        JOB_HAS_DEPENDENCIES = 1 << 1,
        JOB_IS_EARLY = 1 << 2,  /* its time has not come */
        JOB_IS_DOOMED = 1 << 3, /* it ends without being started, see conditions.c */
        JOB_IS_EDITED = 1 << 4, /* changes of it are being recorded */
        JOB_IS_REFUSED = 1 << 5, /* its queue cannot run it, as it is configured */
} JobBlock;

typedef struct QueueNest QueueNest; /* see queue.c */
typedef struct QueueLane QueueLane;

/* A job that is to end before another one may start. */
typedef struct Dependency {
        Job *job;
        Job *other;
        JobCondition condition;
        const void *coming; /* the change of its job that it is part of, while that is being recorded, see edit.c; or NULL */
        LIST_ENTRY(Dependency) of_job;
        LIST_ENTRY(Dependency) of_other;
} Dependency;
typedef LIST_HEAD(DependencyList, Dependency) DependencyList;

/* The worker's report of the end of its job. */
typedef struct JobReport {
        bool final; /* no process of the job is left */
        bool stop_asked; /* we stopped it before the report */
        WorkerCause cause;
        int code;   /* as in JobEnd; 0: the command has not exited */
        int status;
        uint64_t started_usec;
        uint64_t ended_usec;
        int output_error; /* errno of a failure to write or sync output, 0: none */
        char *left;       /* not final: processes that it cannot terminate */
} JobReport;

struct Job {
        JobRecord record;
        JobLimits limits;
        JobPhase phase;
        JobOutcome outcome;    /* from JOB_COLLECTING on */
        char *ended_attempts;  /* owned; from JOB_ENDING on, until they are on disk: those of the record and the last one */
        uint64_t next_attempt_usec; /* likewise */
        char *instance;         /* the run of the service manager it began under, NULL: it has not begun */
        char secret[WORKER_SECRET_TEXT_MAX]; /* shared with its worker, in hexadecimal digits; empty: none */
        JobReason stop_reason;  /* why it is being stopped; JOB_REASON_NONE: it is not */
        bool stop_is_coming;    /* that is being recorded */
        unsigned blocked;       /* JobBlock */
        unsigned n_holding;     /* calls of Hold that are being recorded */
        unsigned n_editing;     /* likewise of Edit */
        uint64_t number;        /* the order of jobs as they were submitted; 0: not known yet */
        bool has_slot;          /* counts as running in the queue */
        Job *lender;            /* the parent whose slot it uses; NULL: it does not */
        bool is_coming;         /* counts as one that is about to wait in the queue */

        Core *core;                 /* not owned */
        Unit *unit;                       /* owned; NULL until it begins */
        WorkerLink *link;                 /* owned; NULL: its worker is not connected */
        sd_event_source *link_timer;      /* owned; until the worker should be connected */
        int growth_fd;                    /* owned; an eventfd for clients that follow its output, -EBADF: none */
        JobReport *report;                /* owned; NULL: its worker has not reported the end */
        char *postponed;                  /* why it could not be started, while its unit is released; NULL: it could */
        bool reaping_is_coming;           /* that it is reaped is being recorded, see reaping.c: no unit reaps before; */
        bool is_gone;                     /* the unit, until then */
        bool is_reaped;                   /* the unit is one that reaps, or will be */
        bool is_heard;                    /* this run of the service started it, or heard its worker: a report is due */
        bool waits_alone;                 /* for the next attempt to start it, with its slot: others may be started */
        bool waits_for_process;           /* its worker runs, and no process can be created for its command */
        bool asked_for_help;              /* the service manager was asked to terminate what its worker cannot */
        char *stuck;                      /* processes that cannot be terminated, to display; NULL: none */
        sd_event_source *left_source;     /* owned; waits for one of these processes after the end of the unit: */
        JobEnd left_end;                  /* the end of the unit, with its times */
        uint64_t left_started_usec;
        uint64_t left_ended_usec;
        sd_event_source *retry;           /* owned; timer to retry a failed step: */
        void (*again)(Job *job);
        void *attachment;                 /* data of the receiver of JobEvents */

        TAILQ_ENTRY(Job) entry;       /* among all jobs of the core */
        TAILQ_ENTRY(Job) accepted_entry; /* in a list of the core, if is_accepted */
        bool is_accepted;
        QueueLane *lane;              /* of the queue; valid while it counts there */
        LIST_ENTRY(Job) of_lane;      /* while it has a number there */
        size_t queue_place;           /* in the queue, see heap.h */
        size_t timer_place;           /* among those that are early, or wait for an attempt: */
        uint64_t attempt_due_usec;    /* CLOCK_BOOTTIME */
        TAILQ_ENTRY(Job) doomed_entry;
        bool is_last_attempt;         /* it was cancelled: no other one follows, even if this one ended by itself */
        bool is_doomed_end;           /* it was doomed, and its end is being recorded */
        TAILQ_ENTRY(Job) telling_entry; /* in a list of the core, if is_telling */
        bool is_telling;
        size_t nest_place;            /* among the children of its parent that may run */
        QueueNest *nest;              /* of its children; owned by the queue; NULL: it has none */
        Job *parent;                  /* as long as that is live and not terminal; NULL: none */
        LIST_HEAD(, Job) children;    /* of which that is this job */
        LIST_ENTRY(Job) of_parent;
        DependencyList dependencies;  /* owned, like the next ones: what it waits for, */
        DependencyList dependents;    /* and what waits for it */
        STAILQ_ENTRY(Job) mark_entry;
        bool is_marked;
};

/* Creates a job with the given ID. The caller owns it. Returns 0 or -ENOMEM. */
int job_new(Job **ret, const char *id, const char *kind, uint32_t uid);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free);

/* Both jobs must be in memory. coming: see there. Returns 0 or -ENOMEM. */
int dependency_new(Job *job, Job *other, JobCondition condition, const void *coming);
Dependency *dependency_free(Dependency *dependency);

/* Frees those that a job waits for, and that are part of the same change; coming is NULL: those that are on disk. */
void job_drop_dependencies(Job *job, const void *coming);

/* Marks a job and all that wait for it, directly or through others, until job_unmark(). Returns 0, or -E2BIG if they have
 * more dependencies than max. */
typedef STAILQ_HEAD(JobMarks, Job) JobMarks;
int job_mark_dependents(Job *job, unsigned max, JobMarks *marks);
void job_unmark(JobMarks *marks);

/* The only functions that change the state; -EINVAL for an invalid transition. To running: */
int job_set_running(Job *job, uint64_t started_usec);

/* To a terminal state, in two steps: the outcome is known, and it is on disk. */
int job_set_outcome(Job *job, JobState state, JobReason reason, uint64_t finished_usec);
void job_apply_outcome(Job *job, uint64_t sequence);

/* Sets the outcome that follows from the end of the unit and the requested stop; a stop that came too late is
 * dropped. The sizes of the output must be up to date. */
int job_set_end(Job *job, const JobEnd *end, uint64_t finished_usec);

/* From JOB_COLLECTING on: whether another attempt follows the one that has ended. */
bool job_is_to_retry(const Job *job);

/* Sets ended_attempts. Returns 0 or -ENOMEM. */
int job_end_attempt(Job *job);

/* The end of an attempt is on disk: back to queued, for the next attempt: drops what belongs to the last one, but for its unit and its worker. */
int job_set_queued(Job *job);

/* Clears why it waits, which is computed for a caller, and then out of date. */
void job_clear_wait(Job *job);

/* Sets the progress of a job, truncated if too long; NULL: none. */
void job_set_progress(Job *job, const char *text);

/* Calls again() after that time, with the timer retry. */
void job_call_later(Job *job, sd_event *event, uint64_t usec, void (*again)(Job *job));

/* Retries a failed step of its end in one second, and logs what failed and why, until it succeeds. */
void job_try_again(Job *job, sd_event *event, const char *what, int error, void (*again)(Job *job));
