/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which job runs next. Among users: whoever has the fewest running, and of those the one who was served
 * longest ago, so that one user's many jobs do not keep another's first from the next slot. Among the
 * jobs of a user: first in, first out. Owns no job. */

#include "job.h"

typedef struct QueueUser QueueUser;

typedef struct Queue {
        TAILQ_HEAD(, QueueUser) users; /* who has jobs that wait or run; who was served last is last */
        uint32_t n_waiting;
        uint32_t n_coming;  /* see queue_expect() */
        uint32_t n_running; /* slots that are taken */
        uint32_t max_running;
        uint32_t max_running_user; /* of one user */
} Queue;

void queue_init(Queue *queue);

/* Frees what is known of users; no job is in it any more. */
void queue_clear(Queue *queue);

/* A job is being recorded and will wait then; or not any more, be it recorded or not. Returns 0 or -ENOMEM. */
int queue_expect(Queue *queue, Job *job);
void queue_expect_no_more(Queue *queue, Job *job);

/* Puts a job at the end of its user's; it becomes JOB_WAITING. Returns 0 or -ENOMEM. */
int queue_push(Queue *queue, Job *job);

/* Takes a waiting job out, wherever it stands. */
void queue_remove(Queue *queue, Job *job);

/* The next job that may run, out of the queue and with a slot; NULL if there is none now. */
Job *queue_pop(Queue *queue);

/* Whether a job of that user need not wait: a slot is free and nobody is before it. */
bool queue_has_free_slot(const Queue *queue, uint32_t uid);

/* Takes a slot for a job: that need not wait; or that was found running, even beyond the maximum. Returns 0 or -ENOMEM. */
int queue_take_slot(Queue *queue, Job *job);

/* Gives the slot of the job back, if it has one. */
void queue_release_slot(Queue *queue, Job *job);

/* A paused user's jobs wait; those that run go on. Returns 0 or -ENOMEM. */
int queue_set_paused(Queue *queue, uint32_t uid, bool paused);

/* How a user stands. */
typedef struct QueueStanding {
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_running;
        bool paused;
} QueueStanding;
QueueStanding queue_get_standing(const Queue *queue, uint32_t uid);
