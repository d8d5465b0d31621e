/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Internals of the queue, lowest file first. */

#include "queue.h"

typedef struct QueueShared QueueShared;

/* Those of the jobs that run: a bit for each number, set if a job has it. */
typedef struct QueueNumbers {
        uint64_t *words;
        size_t n;
} QueueNumbers;

/* The jobs of a user in one queue. */
struct QueueLane {
        LIST_ENTRY(QueueLane) entry;
        QueueUser *user;
        char *name;
        QueueShared *shared; /* the queue of the administrator that it belongs to; NULL: the user's own, or "default" */
        TAILQ_ENTRY(QueueLane) of_shared;
        bool is_made; /* by its user */
        bool paused;
        uint32_t max_running; /* 0: no limit */
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_moving;
        uint32_t n_running;
        uint32_t n_lent;
        uint32_t n_lenders; /* of the jobs that run, those that could lend their slot */
        LIST_HEAD(, Job) numbered; /* jobs that run */
        QueueNumbers numbers; /* unless it belongs to a shared one, which has its own: */
        Heap ready; /* waiting jobs that nothing else keeps from their turn */
};

/* A queue of the administrator. One that is no longer configured exists as long as there are lanes of it. */
struct QueueShared {
        LIST_ENTRY(QueueShared) entry;
        char *name;
        bool is_configured;
        uint32_t max_running;      /* of all users; 0: no limit */
        uint32_t max_running_user; /* of one user; likewise */
        uint32_t n_running;        /* with a slot of their own or that of their parent */
        uint32_t n_lenders;
        QueueNumbers numbers;
        TAILQ_HEAD(, QueueLane) lanes; /* the one served last is at the end */
        const QueueLane *next;         /* see choose_lanes() */
};

struct QueueUser {
        TAILQ_ENTRY(QueueUser) entry;
        LIST_HEAD(, QueueLane) lanes;
        uint32_t uid;
        uint32_t n_running;
};

/* The children of a job. */
struct QueueNest {
        Job *parent;
        Job *borrower; /* the one that uses its slot */
        size_t n;
        Heap ready; /* those that may run */
        bool is_listed;
        TAILQ_ENTRY(QueueNest) entry; /* among the lenders */
};

/* --- queue-lanes.c --- */

/* The order of the jobs of a user. */
int queue_compare_jobs(const void *a, const void *b);

QueueUser *queue_find_user(const Queue *queue, uint32_t uid);
QueueLane *queue_find_lane(const Queue *queue, uint32_t uid, const char *name);
QueueShared *queue_find_shared(const Queue *queue, const char *name);

/* The lane with room for one more job, NULL: out of memory. All jobs that may ever have to wait have room: only new ones
 * are refused. The second one also places the job in it. */
QueueLane *lane_get_with_room(Queue *queue, const Job *job, const char *name);
QueueLane *lane_get_for_job(Queue *queue, Job *job);

/* Frees it unless something is to be remembered of it. */
void lane_put(Queue *queue, QueueLane *lane);

/* More, or fewer, jobs of it run: with a slot, with that of their parent; jobs that could lend theirs. */
void lane_count_running(QueueLane *lane, int n);
void lane_count_lent(QueueLane *lane, int n);
void lane_count_lenders(QueueLane *lane, int n);

/* A job that begins to run takes the lowest number; one that was found running has its number already. */
void lane_take_number(Job *job);
void lane_give_number_back(Job *job);

/* Whether one more job may run there, except for the limits of all jobs and of the user; in the second case a job whose parent
 * waits for it. lane is that of the user, NULL: none. */
bool shared_has_room(const QueueShared *shared);
bool lane_may_run_more(const QueueLane *lane);
bool lane_may_run_child(const QueueLane *lane);

/* --- queue-lending.c --- */

/* A child is ready to run, or no longer. */
void nest_add_ready(Queue *queue, Job *job);
void nest_remove_ready(Queue *queue, Job *job);

/* The jobs that could lend their slot are listed: to be called when one has got its slot. */
void nest_list(Queue *queue, QueueNest *nest);

/* The next child that may run on the slot of its parent, which it then has; NULL: none. */
Job *nest_borrow_next(Queue *queue);
void nest_borrow(Queue *queue, Job *job);

/* The slot goes back to the parent; to the child that uses it. */
void nest_give_back(Queue *queue, Job *job);
void nest_pass_on(Queue *queue, Job *job);

/* It lost its slot, or a child. */
void nest_update(Queue *queue, QueueNest *nest);

/* The job is neither parent nor child any more. */
void nest_leave(Queue *queue, Job *job);
