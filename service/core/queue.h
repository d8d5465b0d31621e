/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Selects the next job to run. Among users: the one with the fewest running jobs, and of those the one who was
 * served least recently, so that many jobs of one user do not delay the first job of another. Among the jobs of a
 * user: by priority, then first in, first out. If no slot is free, a job that runs lends its own to the first of its
 * children, that is to one at a time: whatever waits for a child can go on. A job waits without a turn as long as it is
 * blocked.
 *
 * The jobs of a user are in named queues, here called lanes: those that the user made, which may be limited further,
 * "default", and the user's parts of the queues of the administrator, which are limited together. In these, the user comes
 * first who has the fewest jobs running there. A job that runs has the lowest number that no other one of its queue has. Does
 * not own jobs.
 *
 *   queue.c          waiting, selection of the next job, slots
 *   queue-lending.c  slots of parents
 *   queue-lanes.c    users, lanes and queues of the administrator, numbers */

#include "heap.h"
#include "job.h"

typedef struct QueueUser QueueUser;
typedef struct QueueLane QueueLane;
struct QueueShared;

typedef TAILQ_HEAD(QueueNestList, QueueNest) QueueNestList;

typedef struct Queue {
        QueueNestList lenders;         /* jobs that run and can lend their slot to a child */
        LIST_HEAD(, QueueShared) shared; /* queues of the administrator */
        TAILQ_HEAD(, QueueUser) users; /* users with queued or running jobs; the one served last is at the end */
        uint32_t n_waiting;
        uint32_t n_coming;  /* see queue_expect() */
        uint32_t n_running; /* occupied slots */
        uint32_t n_lent;    /* jobs that use the slot of their parent */
        uint64_t last_number; /* see Job.number */
        uint32_t max_running;
        uint32_t max_running_user; /* of one user */
} Queue;

void queue_init(Queue *queue);

/* Frees the state of users; no job may be queued any more. */
void queue_clear(Queue *queue);

/* A job is being recorded and will then wait; or is no longer expected, whether recorded or not. Returns 0 or
 * -ENOMEM. */
int queue_expect(Queue *queue, Job *job);
void queue_expect_no_more(Queue *queue, Job *job);

/* Appends a job to those of its user; it becomes JOB_WAITING. Returns 0 or -ENOMEM. */
int queue_push(Queue *queue, Job *job);

/* A job that has a slot and could not be started waits again, in its old position. */
void queue_put_back(Queue *queue, Job *job);

/* Removes a waiting job, at any position. */
void queue_remove(Queue *queue, Job *job);

/* What keeps a job from its turn begins or ends. */
void queue_block(Queue *queue, Job *job, JobBlock block, bool on);

/* A job that waits, and is blocked until then, is about to move to another lane of its user, which has room for it. It moves,
 * unless it no longer waits; NULL: it does not. Returns 0 or -ENOMEM. */
int queue_expect_move(Queue *queue, const Job *job, const char *lane, QueueLane **ret);
void queue_move(Queue *queue, Job *job, QueueLane *lane);

/* The job is a child of another one, which runs, until one of the two has ended. Returns 0 or -ENOMEM. */
int queue_nest(Queue *queue, Job *job, Job *parent);

/* Whether it has a slot, be it that of its parent. */
static inline bool queue_has_slot(const Job *job) {
        return job->has_slot || job->lender;
}

/* Removes the next job that may run from the queue and gives it a slot; NULL if there is none. */
Job *queue_pop(Queue *queue);

/* Whether a job of that user and lane that is not blocked can start immediately: a slot is free and no other job comes
 * first. */
bool queue_has_free_slot(const Queue *queue, uint32_t uid, const char *lane);

/* Takes a slot for a job that can start immediately, or that was found running, even beyond the maximum. The latter gets
 * that of its parent, if it can. Returns 0 or -ENOMEM. */
int queue_take_slot(Queue *queue, Job *job);
int queue_take_any_slot(Queue *queue, Job *job);

/* Releases the slot of the job, if it has one; to the child that uses it, if there is one. */
void queue_release_slot(Queue *queue, Job *job);

/* The job has ended, or is no longer in memory: releases its slot, and it is neither parent nor child any more. */
void queue_leave(Queue *queue, Job *job);

/* --- lanes --- */

/* A user makes a lane, or changes its limit of running jobs (0: none but that of the user). It takes the place of a queue of the
 * administrator with that name. Returns 0 or -ENOMEM. */
int queue_set_lane(Queue *queue, uint32_t uid, const char *lane, uint32_t max_running);

/* It has no jobs, and no more are accepted for it. */
void queue_remove_lane(Queue *queue, uint32_t uid, const char *lane);

/* Jobs of a paused lane wait; running jobs keep running. Returns 0 or -ENOMEM. */
int queue_set_paused(Queue *queue, uint32_t uid, const char *lane, bool paused);

/* Whether jobs are accepted for it; whether it is one of the user alone. */
bool queue_has_lane(const Queue *queue, uint32_t uid, const char *lane);
bool queue_has_own_lane(const Queue *queue, uint32_t uid, const char *lane);

/* The queues of the administrator are configured again: first none is, then each of these. 0: no limit. Jobs of one that
 * is no longer configured wait; those that run keep running. Returns 0 or -ENOMEM. */
void queue_withdraw_shared(Queue *queue);
int queue_set_shared(Queue *queue, const char *name, uint32_t max_running, uint32_t max_running_user);

/* Counters of a user, or of a lane. */
typedef struct QueueStanding {
        const char *lane; /* its name */
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_moving; /* from other lanes, see queue_expect_move(); they wait already */
        uint32_t n_running; /* with a slot */
        uint32_t n_lent;    /* with that of their parent */
        uint32_t n_running_all; /* of all users, in either way */
        uint32_t max_running; /* 0: no limit; of all users: */
        uint32_t max_running_user;
        bool paused;
        bool is_made; /* by its user */
        bool is_shared; /* made by the administrator */
        bool is_missing; /* which is no longer configured */
} QueueStanding;

/* Of all lanes of a user together; it is paused if "default" is. */
QueueStanding queue_get_standing(const Queue *queue, uint32_t uid);
QueueStanding queue_get_lane_standing(const Queue *queue, uint32_t uid, const char *lane);

/* Those of all lanes of a user, "default" first, then by name, in an array that the caller frees, including all queues of
 * the administrator. Returns their number or -ENOMEM. */
int queue_get_lanes(const Queue *queue, uint32_t uid, QueueStanding **ret);
