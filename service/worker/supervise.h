/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The life of a job as its worker sees it:
 *
 *   RUNNING      the command runs
 *   TERMINATING  the processes of the job have got SIGTERM: it was stopped, has passed a limit, or the command has ended
 *                and left some behind
 *   KILLING      they had their time, and got SIGKILL
 *   SETTLING     none is left; the rest of the output goes to the disk
 *   SETTLED      the end is reported; waiting for the service to have recorded it
 *
 * Every step follows from an event; the times that matter are in one list, see next_time(). supervise.c has the
 * beginning and the loop, progress.c what the job says of itself, ending.c what brings it from one phase to the next. */

#include <sys/epoll.h>

#include "worker.h"

#define DISK_USEC USEC_PER_SEC        /* between two tries on a full disk */
#define AWAY_USEC (10 * USEC_PER_SEC) /* until the service, which is away with its socket unit, is taken to be gone */

typedef enum Phase {
        RUNNING,
        TERMINATING,
        KILLING,
        SETTLING,
        SETTLED,
} Phase;

typedef struct Worker {
        Description *description;
        Phase phase;
        int epoll;
        int signals;
        sigset_t mask; /* as it was, for the command */
        Pump pump;
        Tree tree;
        Folder folder;
        Link link;

        WorkerCause cause;
        Failure failure; /* with WORKER_CAUSE_CANNOT */
        bool stopped;    /* the service manager waits for us to end */
        bool gave_up;    /* the service does not come back */
        int code;        /* of the command, as waitid(2) has it; 0: it has not ended */
        int status;
        uint64_t started_usec; /* CLOCK_REALTIME */
        uint64_t ended_usec;

        int oom; /* see tree_open_oom() */
        bool oom_polls;
        bool oom_killed; /* the command */
        uint64_t oom_kills;

        int left; /* a pidfd */
        char left_text[WORKER_TEXT_MAX]; /* what the command has left behind */
        size_t left_size;
        char denied_text[WORKER_TEXT_MAX]; /* what cannot be ended */
        size_t denied_size;

        /* CLOCK_MONOTONIC, 0: not due */
        uint64_t runtime_time;
        uint64_t stall_time;
        uint64_t phase_time; /* the next phase, the report of what is left, or that the service is gone */
        uint64_t look_time;
        uint64_t disk_time;
        uint64_t flush_time; /* at the latest, where there is no pause */
        uint64_t progress_time;
        uint64_t progress_sent;
} Worker;

static inline void supervise_watch(Worker *w, int fd, uint32_t events, uint32_t source) {
        (void) epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event) { .events = events, .data.u32 = source });
}

/* --- progress.c --- */

/* Puts off that it is stalled. */
void progress_saw_activity(Worker *w, uint64_t now);

/* Reads one notification. Returns whether there was one. */
bool progress_read(Worker *w, uint64_t now);

/* What the command has said before it ended, as much as there can be. */
void progress_read_all(Worker *w, uint64_t now);

void progress_send(Worker *w, uint64_t now);

/* --- ending.c --- */

/* Ends the job before the command has ended. */
void ending_stop(Worker *w, WorkerCause cause, uint64_t now);

/* The processes had their time. */
void ending_kill_all(Worker *w, uint64_t now);

/* Children have ended: the command, or orphans of its. */
void ending_reap(Worker *w, uint64_t now);

/* Whether all is over, and if not, what is to be waited for. */
void ending_look(Worker *w, uint64_t now);

/* The process that was waited for has ended. */
void ending_unwatch_left(Worker *w);

/* Something was killed for want of memory. */
void ending_look_at_oom(Worker *w);

/* None is left: brings the output to the disk, and reports. */
void ending_settle(Worker *w, uint64_t now);

bool ending_may_exit(const Worker *w, uint64_t now);

/* Ends as the command ended; returns the exit status where that is one. */
int ending_mirror(const Worker *w);
