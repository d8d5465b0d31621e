/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "queue-fixture.h"

Job *new_job(char letter, uint32_t uid) {
        char id[] = "a-000000000?";
        Job *job = NULL;

        id[sizeof(id) - 2] = letter;
        check_ok(job_new(&job, id, "a", uid));
        return job;
}

Job *new_job_of(char letter, uint32_t uid, const char *lane) {
        Job *job = new_job(letter, uid);

        free(job->record.queue);
        job->record.queue = strdup(lane);
        return job;
}

Job *new_job_in(char letter, const char *lane) {
        return new_job_of(letter, 7, lane);
}

void init_queue(Queue *queue, uint32_t max_running, uint32_t max_running_user) {
        queue_init(queue);
        queue->max_running = max_running;
        queue->max_running_user = max_running_user;
}

void check_counts(const Queue *queue, uint32_t n_waiting, uint32_t n_running) {
        check_int(queue->n_waiting, n_waiting);
        check_int(queue->n_running, n_running);
}

void check_lent(const Queue *queue, uint32_t n_running, uint32_t n_lent) {
        check_int(queue->n_running, n_running);
        check_int(queue->n_lent, n_lent);
}

void release_all(Queue *queue, Job *const *jobs, size_t n) {
        for (size_t i = 0; i < n; i++)
                queue_release_slot(queue, jobs[i]);
        check_counts(queue, 0, 0);
        check(TAILQ_EMPTY(&queue->users));
}
