/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "queue.h"
#include "test.h"

/* A job of a user; its id ends in that letter. */
static Job *new_job(char letter, uint32_t uid) {
        char id[] = "a-000000000?";
        Job *job = NULL;

        id[sizeof(id) - 2] = letter;
        check_ok(job_new(&job, id, "a", uid));
        return job;
}

static void init(Queue *queue, uint32_t max_running, uint32_t max_running_user) {
        queue_init(queue);
        queue->max_running = max_running;
        queue->max_running_user = max_running_user;
}

static void check_counts(const Queue *queue, uint32_t n_waiting, uint32_t n_running) {
        check_int(queue->n_waiting, n_waiting);
        check_int(queue->n_running, n_running);
}

/* Gives all slots back, so that the queue holds no user any more: a leak would be found. */
static void release(Queue *queue, Job *const *jobs, size_t n) {
        for (size_t i = 0; i < n; i++)
                queue_release_slot(queue, jobs[i]);
        check_counts(queue, 0, 0);
        check(TAILQ_EMPTY(&queue->users));
}
#define RELEASE(queue, ...) release(queue, (Job *[]) { __VA_ARGS__ }, ELEMENTSOF(((Job *[]) { __VA_ARGS__ })))

static void first_in_first_out(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init(&queue, 10, UINT32_MAX);
        check(!queue_pop(&queue));
        check_counts(&queue, 0, 0);

        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check_int(a->phase, JOB_WAITING);
        check(!a->has_slot);
        check_counts(&queue, 3, 0);
        check_int(queue_get_standing(&queue, 7).n_waiting, 3);
        check_int(queue_get_standing(&queue, 8).n_waiting, 0);
        check(queue_pop(&queue) == a);
        check(a->has_slot);
        check(queue_pop(&queue) == b);
        check(queue_pop(&queue) == c);
        check(!queue_pop(&queue));
        check_counts(&queue, 0, 3);
        RELEASE(&queue, a, b, c);
        check(!a->has_slot);
}

/* The jobs of a user who paused wait, and keep nobody from a free slot. */
static void paused(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 8), *c = new_job('c', 7);
        Queue queue;

        init(&queue, 10, UINT32_MAX);
        check_ok(queue_set_paused(&queue, 7, true));
        check(queue_get_standing(&queue, 7).paused);
        check(!queue_get_standing(&queue, 8).paused);
        check(!queue_has_free_slot(&queue, 7));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue));
        check(queue_has_free_slot(&queue, 8));
        check_ok(queue_take_slot(&queue, b));

        check_ok(queue_set_paused(&queue, 7, false));
        check(!queue_has_free_slot(&queue, 7)); /* another is before it */
        check(queue_pop(&queue) == a);
        check_ok(queue_take_slot(&queue, c));
        RELEASE(&queue, a, b, c);
        check_ok(queue_set_paused(&queue, 9, true));
        check_ok(queue_set_paused(&queue, 9, false));
        check(TAILQ_EMPTY(&queue.users));
}

static void slots(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init(&queue, 2, UINT32_MAX);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == b);
        check(!queue_pop(&queue));
        queue_release_slot(&queue, a);
        queue_release_slot(&queue, a); /* has none any more */
        check_counts(&queue, 1, 1);
        check(queue_pop(&queue) == c);
        RELEASE(&queue, b, c);
}

/* The configuration may be read again at any time. */
static void maximum_changes(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init(&queue, 1, UINT32_MAX);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check(queue_pop(&queue) == a);
        check(!queue_pop(&queue));
        queue.max_running = 2;
        check(queue_pop(&queue) == b);
        queue.max_running = 1;
        queue_release_slot(&queue, a);
        check(!queue_pop(&queue));
        queue_release_slot(&queue, b);
        check(queue_pop(&queue) == c);
        RELEASE(&queue, c);
}

/* Jobs that were found running after a restart. */
static void beyond_the_maximum(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init(&queue, 1, UINT32_MAX);
        check_ok(queue_take_slot(&queue, a));
        check_ok(queue_take_slot(&queue, b));
        check_counts(&queue, 0, 2);
        check_ok(queue_push(&queue, c));
        check(!queue_pop(&queue));
        queue_release_slot(&queue, a);
        check(!queue_pop(&queue));
        queue_release_slot(&queue, b);
        check(queue_pop(&queue) == c);
        RELEASE(&queue, c);
}

static void remove_anywhere(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7), *d = new_job('d', 7);
        Queue queue;

        init(&queue, 10, UINT32_MAX);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check_ok(queue_push(&queue, d));
        queue_remove(&queue, b);
        queue_remove(&queue, a);
        queue_remove(&queue, d);
        check_counts(&queue, 1, 0);
        check_ok(queue_push(&queue, b)); /* behind the others again */
        check(queue_pop(&queue) == c);
        check(queue_pop(&queue) == b);
        check(!queue_pop(&queue));
        RELEASE(&queue, b, c);

        check_ok(queue_push(&queue, a)); /* the last one takes its user along */
        queue_remove(&queue, a);
        check(TAILQ_EMPTY(&queue.users));
}

/* One user's many jobs do not keep another's first from the next slot. */
static void users_take_turns(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7), *d = new_job('d', 7),
                                 *x = new_job('x', 8), *y = new_job('y', 8), *z = new_job('z', 9);
        Queue queue;

        init(&queue, 1, UINT32_MAX);
        for (Job **job = (Job *[]) { a, b, c, d, x, y, z, NULL }; *job; job++)
                check_ok(queue_push(&queue, *job));
        for (Job **job = (Job *[]) { a, x, z, b, y, c, d, NULL }; *job; job++) {
                check(queue_pop(&queue) == *job);
                check(!queue_pop(&queue));
                queue_release_slot(&queue, *job);
        }
        check(TAILQ_EMPTY(&queue.users));
}

/* The next slot is for whoever has the fewest. */
static void fewest_running_first(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7), *d = new_job('d', 7),
                                 *x = new_job('x', 8), *y = new_job('y', 8), *z = new_job('z', 8);
        Queue queue;

        init(&queue, 4, UINT32_MAX);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check_ok(queue_push(&queue, d));
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == b);
        check(queue_pop(&queue) == c);
        check_ok(queue_push(&queue, x));
        check_ok(queue_push(&queue, y));
        check_ok(queue_push(&queue, z));
        check(queue_pop(&queue) == x);
        queue_release_slot(&queue, a);
        check(queue_pop(&queue) == y);
        queue_release_slot(&queue, b);
        check(queue_pop(&queue) == d); /* one against two */
        queue_release_slot(&queue, c);
        check(queue_pop(&queue) == z);
        RELEASE(&queue, d, x, y, z);
}

static void maximum_of_a_user(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *x = new_job('x', 8);
        Queue queue;

        init(&queue, 10, 1);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, x));
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == x);
        check(!queue_pop(&queue)); /* slots are free, but not for b */
        check_int(queue_get_standing(&queue, 7).n_waiting, 1);
        queue_release_slot(&queue, x);
        check(!queue_pop(&queue));
        queue_release_slot(&queue, a);
        check(queue_pop(&queue) == b);
        RELEASE(&queue, b);
}

/* A job that need not wait, and those that must. */
static void free_slot(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *x = new_job('x', 8);
        Queue queue;

        init(&queue, 2, 1);
        check(queue_has_free_slot(&queue, 7));
        check_ok(queue_take_slot(&queue, a));
        check_counts(&queue, 0, 1);
        check(!queue_has_free_slot(&queue, 7)); /* too many of this user */
        check(queue_has_free_slot(&queue, 8));
        check_ok(queue_take_slot(&queue, x));
        queue.max_running_user = UINT32_MAX;
        check(!queue_has_free_slot(&queue, 7)); /* too many of all */
        check(!queue_has_free_slot(&queue, 9));
        queue_release_slot(&queue, x);
        check(queue_has_free_slot(&queue, 7));

        check_ok(queue_push(&queue, b));
        check(!queue_has_free_slot(&queue, 7)); /* somebody is before it */
        check(!queue_has_free_slot(&queue, 9));
        check_ok(queue_set_paused(&queue, 7, true));
        check(!queue_has_free_slot(&queue, 7));
        check(queue_has_free_slot(&queue, 9));
        check_ok(queue_set_paused(&queue, 7, false));
        check(queue_pop(&queue) == b);
        RELEASE(&queue, a, b);
}

TEST_MAIN(TEST(first_in_first_out), TEST(slots), TEST(maximum_changes), TEST(beyond_the_maximum), TEST(remove_anywhere),
          TEST(users_take_turns), TEST(fewest_running_first), TEST(maximum_of_a_user), TEST(free_slot), TEST(paused))
