/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which job runs next: first in, first out, while fewer than a maximum have a slot. Owns no job. */

#include "job.h"

typedef struct Queue {
        TAILQ_HEAD(, Job) waiting;
        uint32_t n_waiting;
        uint32_t n_running; /* slots that are taken */
        uint32_t max_running;
} Queue;

void queue_init(Queue *queue, uint32_t max_running);

/* Puts a job at the end; it becomes JOB_WAITING. */
void queue_push(Queue *queue, Job *job);

/* Takes a waiting job out, wherever it stands. */
void queue_remove(Queue *queue, Job *job);

/* The next job that may run, out of the queue and with a slot; NULL if there is none now. */
Job *queue_pop(Queue *queue);

/* Takes a slot for a job that need not wait: one is free and nobody is before it. */
bool queue_take_free_slot(Queue *queue);

/* A job that was found running has a slot, even beyond the maximum; and gives it back. */
void queue_take_slot(Queue *queue);
void queue_release_slot(Queue *queue);
