/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The phases of a job in its worker:
 *
 *   STARTING     the command is to be started; no process can be created for it yet
 *   RUNNING      the command runs
 *   FINISHING    the command has exited; filters that it has written to process the rest, see readers.c
 *   TERMINATING  the processes of the job have received SIGTERM: it was stopped, has exceeded a limit, or the command has
 *                exited and left processes running
 *   KILLING      the time after SIGTERM is over, and they have received SIGKILL
 *   SETTLING     no process is left; the rest of the output is written
 *   SETTLED      the end is reported; waiting for the service to record it
 *
 * Every step is caused by an event; all deadlines are in one list, see next_time(). supervise.c has the start and the
 * loop, progress.c notifications of the job, ending.c the transitions between phases. */

#include <sys/epoll.h>
#include <time.h>

#include "worker.h"

#define DISK_USEC USEC_PER_SEC        /* between two attempts on a full disk */
#define AWAY_USEC (10 * USEC_PER_SEC) /* until the service, whose socket unit is stopped, is considered gone */

typedef enum Phase {
        STARTING,
        RUNNING,
        FINISHING,
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
        sigset_t mask; /* the original one, for the command */
        Pump pump;
        Tree tree;
        Folder folder;
        Link link;

        int input; /* descriptors of the command, until it is started */
        int ends[2];
        WorkerCause cause;
        Failure failure; /* with WORKER_CAUSE_CANNOT */
        bool stopped;    /* the service manager waits for our exit */
        bool gave_up;    /* the service does not come back */
        int code;        /* of the command, as in waitid(2); 0: it has not exited */
        int status;
        uint64_t started_usec; /* CLOCK_REALTIME */
        uint64_t ended_usec;
        uint64_t start_pause; /* before start_time */

        timer_t cpu_timer; /* of the command, until it writes */
        unsigned n_cpu;    /* how often it expired */

        int oom; /* see tree_open_oom() */
        bool oom_polls;
        bool oom_killed; /* the command */
        uint64_t oom_kills;

        int left; /* a pidfd */
        uint64_t filtered; /* see ending_check_filters() */
        char left_text[WORKER_TEXT_MAX]; /* processes that the command left behind */
        size_t left_size;
        char denied_text[WORKER_TEXT_MAX]; /* processes that cannot be terminated */
        size_t denied_size;

        /* CLOCK_MONOTONIC, 0: not due */
        uint64_t start_time; /* the next attempt */
        uint64_t runtime_time;
        uint64_t stall_time;
        uint64_t phase_time; /* the next phase, the report of remaining processes, or giving up on the service */
        uint64_t finish_time; /* the end of FINISHING, whatever filters do */
        uint64_t look_time;
        uint64_t disk_time;
        uint64_t flush_time; /* at the latest, if there is no pause */
        uint64_t progress_time;
        uint64_t progress_sent;
} Worker;

static inline void supervise_watch(Worker *w, int fd, uint32_t events, uint32_t source) {
        (void) epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event) { .events = events, .data.u32 = source });
}

/* --- progress.c --- */

/* Restarts the time until the job is considered stalled. */
void progress_saw_activity(Worker *w, uint64_t now);

/* Reads one notification. Returns whether there was one. */
bool progress_read(Worker *w, uint64_t now);

/* Reads notifications that the command sent before it exited, up to a limit. */
void progress_read_all(Worker *w, uint64_t now);

void progress_send(Worker *w, uint64_t now);

/* --- ending.c --- */

/* Terminates the job before the command has exited. */
void ending_stop(Worker *w, WorkerCause cause, uint64_t now);

/* Filters must have done something since the last time. */
void ending_check_filters(Worker *w, uint64_t now);

/* The time after SIGTERM is over. */
void ending_kill_all(Worker *w, uint64_t now);

/* Children have exited: the command, or orphans of it. */
void ending_reap(Worker *w, uint64_t now);

/* Checks whether the job has ended, and if not, what to wait for. */
void ending_look(Worker *w, uint64_t now);

/* The process that was waited for has exited. */
void ending_unwatch_left(Worker *w);

/* A process was killed by the OOM killer. */
void ending_look_at_oom(Worker *w);

/* No process is left: syncs the output, and reports the end. */
void ending_settle(Worker *w, uint64_t now);

bool ending_may_exit(const Worker *w, uint64_t now);

/* Exits like the command; returns the exit status if there is one. */
int ending_mirror(const Worker *w);
