/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* pick JOBS...: for each number of waiting jobs, of several priorities, of which each third is held: nanoseconds to add
 * one, and to pick the next one. */

#include <time.h>

#include "queue.h"

#define PICKED 1000U
#define ROUNDS 20U

static double now_nsec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static void must(int r) {
        if (r >= 0)
                return;
        (void) fprintf(stderr, "pick: %s\n", strerror(-r));
        exit(EXIT_FAILURE);
}

static Job *make_job(unsigned i) {
        char id[32];
        Job *job;

        (void) snprintf(id, sizeof(id), "job-%010u", i);
        must(job_new(&job, id, "job", 1000 + i % 4));
        job->record.priority = (int32_t) (i * 7919 % 201) - 100;
        job->blocked = i % 3 == 0 ? JOB_IS_HELD : 0;
        return job;
}

/* The ones that were picked come back, so that there are as many in each round. */
static void measure(unsigned n) {
        Job **jobs = calloc(n, sizeof(Job *)), *picked[PICKED];
        unsigned n_picked = MIN(n / 2, PICKED);
        double begin, add = 0, pick = 0;
        Queue queue;

        must(jobs ? 0 : -ENOMEM);
        queue_init(&queue);
        queue.max_running = queue.max_running_user = PICKED;
        for (unsigned i = 0; i < n; i++)
                jobs[i] = make_job(i);
        begin = now_nsec();
        for (unsigned i = 0; i < n; i++)
                must(queue_push(&queue, jobs[i]));
        add = now_nsec() - begin;
        for (unsigned round = 0; round < ROUNDS; round++) {
                begin = now_nsec();
                for (unsigned i = 0; i < n_picked; i++)
                        picked[i] = queue_pop(&queue);
                pick += now_nsec() - begin;
                for (unsigned i = 0; i < n_picked; i++)
                        queue_put_back(&queue, picked[i]);
        }
        (void) printf("%u %.0f %.0f\n", n, add / n, pick / n_picked / ROUNDS);
        for (unsigned i = 0; i < n; i++) {
                queue_remove(&queue, jobs[i]);
                (void) job_free(jobs[i]);
        }
        queue_clear(&queue);
        free(jobs);
}

int main(int argc, char *argv[]) {
        for (int i = 1; i < argc; i++)
                measure((unsigned) strtoul(argv[i], NULL, 10));
        return EXIT_SUCCESS;
}
