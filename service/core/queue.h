/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Selects the next job to run. Among users: the one with the fewest running jobs, and of those the one who was
 * served least recently, so that many jobs of one user do not delay the first job of another. Among the jobs of a
 * user: first in, first out. Does not own jobs. */

#include "job.h"

typedef struct QueueUser QueueUser;

typedef struct Queue {
        TAILQ_HEAD(, QueueUser) users; /* users with queued or running jobs; the one served last is at the end */
        uint32_t n_waiting;
        uint32_t n_coming;  /* see queue_expect() */
        uint32_t n_running; /* occupied slots */
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

/* A job that has a slot and could not be started waits again, among those of its user in the order of their creation. */
void queue_put_back(Queue *queue, Job *job);

/* Removes a waiting job, at any position. */
void queue_remove(Queue *queue, Job *job);

/* Removes the next job that may run from the queue and gives it a slot; NULL if there is none. */
Job *queue_pop(Queue *queue);

/* Whether a job of that user can start immediately: a slot is free and no other job comes first. */
bool queue_has_free_slot(const Queue *queue, uint32_t uid);

/* Takes a slot for a job that can start immediately, or that was found running, even beyond the maximum. Returns 0
 * or -ENOMEM. */
int queue_take_slot(Queue *queue, Job *job);

/* Releases the slot of the job, if it has one. */
void queue_release_slot(Queue *queue, Job *job);

/* Jobs of a paused user wait; running jobs keep running. Returns 0 or -ENOMEM. */
int queue_set_paused(Queue *queue, uint32_t uid, bool paused);

/* Counters of a user. */
typedef struct QueueStanding {
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_running;
        bool paused;
} QueueStanding;
QueueStanding queue_get_standing(const Queue *queue, uint32_t uid);
