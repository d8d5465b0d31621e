/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>

#include "queue.h"

void queue_init(Queue *queue, uint32_t max_running) {
        *queue = (Queue) { .max_running = max_running };
        TAILQ_INIT(&queue->waiting);
}

void queue_push(Queue *queue, Job *job) {
        job->phase = JOB_WAITING;
        TAILQ_INSERT_TAIL(&queue->waiting, job, queue_entry);
        queue->n_waiting++;
}

void queue_remove(Queue *queue, Job *job) {
        assert(job->phase == JOB_WAITING);
        TAILQ_REMOVE(&queue->waiting, job, queue_entry);
        queue->n_waiting--;
}

Job *queue_pop(Queue *queue) {
        Job *job = TAILQ_FIRST(&queue->waiting);

        if (!job || queue->n_running >= queue->max_running)
                return NULL;
        queue_remove(queue, job);
        queue_take_slot(queue);
        return job;
}

bool queue_take_free_slot(Queue *queue) {
        if (queue->n_waiting > 0 || queue->n_running >= queue->max_running)
                return false;
        queue_take_slot(queue);
        return true;
}

void queue_take_slot(Queue *queue) {
        queue->n_running++;
}

void queue_release_slot(Queue *queue) {
        assert(queue->n_running > 0);
        queue->n_running--;
}
