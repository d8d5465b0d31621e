/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A job that has not ended, or whose unit is not yet released. Jobs that are over live in the store only.
 * Does no I/O; the core owns all jobs. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "job-end.h"
#include "job-record.h"
#include "spec.h"
#include "worker-protocol.h"

#define WORKER_SECRET_TEXT_MAX (2 * WORKER_SECRET_SIZE + 1)

typedef struct Job Job;
typedef struct Core Core;
typedef struct Unit Unit;
typedef struct WorkerLink WorkerLink;

/* Where the core stands with a job, finer than its state: */
typedef enum JobPhase {
        JOB_RECORDING,  /* being written for the first time: nobody knows it yet */
        JOB_WAITING,    /* queued, in the queue */
        JOB_BEGINNING,  /* queued, has a slot; its begin is being committed */
        JOB_STARTING,   /* queued, StartTransientUnit is under way */
        JOB_ACTIVE,     /* running */
        JOB_COLLECTING, /* its outcome is known, its output is being brought to the disk */
        JOB_ENDING,     /* its outcome is being committed */
        JOB_RELEASING,  /* terminal; its unit is being let go */
} JobPhase;

/* What the worker of a job has said about its end. */
typedef struct JobReport {
        bool final; /* nothing is left of it */
        bool stop_asked; /* by us, before it said so */
        WorkerCause cause;
        int code;   /* as in JobEnd; 0: the command has not ended */
        int status;
        uint64_t started_usec;
        uint64_t ended_usec;
        int output_error; /* errno of what it could not write or sync, 0: all was */
        char *left;       /* not final: what it cannot terminate */
} JobReport;

struct Job {
        JobRecord record;
        JobLimits limits;
        JobPhase phase;
        JobOutcome outcome;    /* once it is JOB_COLLECTING */
        char *instance;         /* of the service manager it was begun under, NULL: never begun */
        char secret[WORKER_SECRET_TEXT_MAX]; /* that its worker knows, in hexadecimal digits; empty: there is none */
        JobReason stop_reason;  /* why we end it; JOB_REASON_NONE: we do not */
        bool has_slot;          /* counts as running in the queue */
        bool is_coming;         /* counts as one that will wait there */

        Core *core;                 /* not owned */
        Unit *unit;                       /* owned; NULL until it begins */
        WorkerLink *link;                 /* owned; NULL: its worker is not connected */
        sd_event_source *link_timer;      /* owned; until it should be */
        int growth_fd;                    /* owned; an eventfd for those who follow its output, -EBADF: nobody does */
        JobReport *report;                /* owned; NULL: its worker has not said that it ended */
        bool asked_for_help;              /* the service manager is to end what its worker cannot */
        char *stuck;                      /* what of it cannot be ended, for people; NULL: nothing */
        sd_event_source *left_source;     /* owned; on one of these, where the unit has ended: */
        JobEnd left_end;                  /* how; with the times */
        uint64_t left_started_usec;
        uint64_t left_ended_usec;
        sd_event_source *retry;           /* owned; the next try of what was refused: */
        void (*again)(Job *job);
        void *attachment;                 /* what JobEvents have made of it; theirs */

        TAILQ_ENTRY(Job) entry;       /* among all jobs of the core */
        TAILQ_ENTRY(Job) queue_entry; /* in the queue, while JOB_WAITING */
};

/* Makes a job of the given id. The caller owns it. Returns 0 or -ENOMEM. */
int job_new(Job **ret, const char *id, const char *kind, uint32_t uid);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free);

/* The only gates of a state; -EINVAL for a step that does not exist. To running: */
int job_set_running(Job *job, uint64_t started_usec);

/* To a terminal state, in two steps: what it will be, and that it is on disk. */
int job_set_outcome(Job *job, JobState state, JobReason reason, uint64_t finished_usec);
void job_apply_outcome(Job *job, uint64_t sequence);

/* The outcome that follows from how the unit ended and from what we asked for; where that came too late, it is
 * forgotten. The sizes of the output are to be up to date. */
int job_set_end(Job *job, const JobEnd *end, uint64_t finished_usec);

/* Sets the progress of a job, cut where it is too long. */
void job_set_progress(Job *job, const char *text);

/* Does again in a second what could not be done; with a line in the journal that says what, and why. What fails for lack of
 * space, memory or descriptors is done again until it works: the job was accepted. */
void job_retry_later(Job *job, sd_event *event, void (*again)(Job *job));
void job_try_again(Job *job, sd_event *event, const char *what, int error, void (*again)(Job *job));
