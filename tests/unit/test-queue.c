/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "queue-fixture.h"

static void first_in_first_out(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
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

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, true));
        check(queue_get_standing(&queue, 7).paused);
        check(!queue_get_standing(&queue, 8).paused);
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue));
        check(queue_has_free_slot(&queue, 8, JOB_QUEUE_DEFAULT));
        check_ok(queue_take_slot(&queue, b));

        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, false));
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT)); /* another is before it */
        check(queue_pop(&queue) == a);
        check_ok(queue_take_slot(&queue, c));
        RELEASE(&queue, a, b, c);
        check_ok(queue_set_paused(&queue, 9, JOB_QUEUE_DEFAULT, true));
        check_ok(queue_set_paused(&queue, 9, JOB_QUEUE_DEFAULT, false));
        check(TAILQ_EMPTY(&queue.users));
}

static void slots(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7);
        Queue queue;

        init_queue(&queue, 2, UINT32_MAX);
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

        init_queue(&queue, 1, UINT32_MAX);
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

        init_queue(&queue, 1, UINT32_MAX);
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

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check_ok(queue_push(&queue, d));
        queue_remove(&queue, b);
        queue_remove(&queue, a);
        queue_remove(&queue, d);
        check_counts(&queue, 1, 0);
        check_ok(queue_push(&queue, b)); /* where it was */
        check(queue_pop(&queue) == b);
        check(queue_pop(&queue) == c);
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

        init_queue(&queue, 1, UINT32_MAX);
        for (Job **job = (Job *[]) { a, b, c, d, x, y, z, NULL }; *job; job++)
                check_ok(queue_push(&queue, *job));
        for (Job **job = (Job *[]) { a, x, z, b, y, c, d, NULL }; *job; job++) {
                check(queue_pop(&queue) == *job);
                check(!queue_pop(&queue));
                queue_release_slot(&queue, *job);
        }
        check(TAILQ_EMPTY(&queue.users));
}

/* The next slot goes to the user with the fewest. */
static void fewest_running_first(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7), *d = new_job('d', 7),
                                 *x = new_job('x', 8), *y = new_job('y', 8), *z = new_job('z', 8);
        Queue queue;

        init_queue(&queue, 4, UINT32_MAX);
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

        init_queue(&queue, 10, 1);
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

        init_queue(&queue, 2, 1);
        check(queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT));
        check_ok(queue_take_slot(&queue, a));
        check_counts(&queue, 0, 1);
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT)); /* too many of this user */
        check(queue_has_free_slot(&queue, 8, JOB_QUEUE_DEFAULT));
        check_ok(queue_take_slot(&queue, x));
        queue.max_running_user = UINT32_MAX;
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT)); /* too many of all */
        check(!queue_has_free_slot(&queue, 9, JOB_QUEUE_DEFAULT));
        queue_release_slot(&queue, x);
        check(queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT));

        check_ok(queue_push(&queue, b));
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT)); /* somebody is before it */
        check(!queue_has_free_slot(&queue, 9, JOB_QUEUE_DEFAULT));
        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, true));
        check(!queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT));
        check(queue_has_free_slot(&queue, 9, JOB_QUEUE_DEFAULT));
        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, false));
        check(queue_pop(&queue) == b);
        RELEASE(&queue, a, b);
}

/* Of one user: the priority first, then the age; another user is not concerned. */
static void priorities(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7), *d = new_job('d', 7),
                                 *x = new_job('x', 8);
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        b->record.priority = 1000;
        c->record.priority = -1000;
        d->record.priority = 1000;
        for (Job **job = (Job *[]) { a, b, c, d, x, NULL }; *job; job++)
                check_ok(queue_push(&queue, *job));
        check(queue_pop(&queue) == b);
        check(queue_pop(&queue) == x); /* who has fewer running jobs */
        check(queue_pop(&queue) == d);
        queue_put_back(&queue, d); /* to where it was */
        check(queue_pop(&queue) == d);
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == c);
        RELEASE(&queue, a, b, c, d, x);
}

/* What is blocked waits, and keeps nobody from a free slot. */
static void blocked(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        a->blocked = JOB_IS_HELD | JOB_IS_EARLY;
        check_ok(queue_push(&queue, a));
        check_counts(&queue, 1, 0);
        check(!queue_pop(&queue));
        check(queue_has_free_slot(&queue, 7, JOB_QUEUE_DEFAULT));
        check_ok(queue_push(&queue, b));
        queue_block(&queue, a, JOB_IS_HELD, false);
        check(queue_pop(&queue) == b);
        check(!queue_pop(&queue));
        queue_block(&queue, a, JOB_IS_EARLY, false);
        queue_block(&queue, a, JOB_IS_HELD, true);
        check(!queue_pop(&queue));
        queue_block(&queue, a, JOB_IS_HELD, false);
        check(queue_pop(&queue) == a);
        RELEASE(&queue, a, b);
}

TEST_MAIN(TEST(first_in_first_out), TEST(paused), TEST(slots), TEST(maximum_changes), TEST(beyond_the_maximum),
          TEST(remove_anywhere), TEST(users_take_turns), TEST(fewest_running_first), TEST(maximum_of_a_user),
          TEST(free_slot), TEST(priorities), TEST(blocked))
