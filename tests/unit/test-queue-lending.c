/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "queue-fixture.h"

/* One child at a time, the first of them; the others wait for a slot of their own, or for their turn. */
static void lent_slot(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7),
                                 *x = new_job('x', 8);
        Queue queue;

        init_queue(&queue, 1, UINT32_MAX);
        check_ok(queue_take_slot(&queue, p));
        p->phase = JOB_ACTIVE;
        c->record.priority = 1;
        for (Job **job = (Job *[]) { a, b, c, NULL }; *job; job++) {
                check_ok(queue_nest(&queue, *job, p));
                check_ok(queue_push(&queue, *job));
        }
        check_ok(queue_push(&queue, x));
        check(queue_pop(&queue) == c);
        check(queue_has_slot(c) && !c->has_slot);
        check(!queue_pop(&queue));
        check_lent(&queue, 1, 1);
        queue_put_back(&queue, c);
        check_lent(&queue, 1, 0);
        check(queue_pop(&queue) == c);
        queue_leave(&queue, c);
        check(queue_pop(&queue) == a);
        queue.max_running = 2;
        check(queue_pop(&queue) == x); /* fewest running first */
        queue.max_running = 3;
        check(queue_pop(&queue) == b); /* a slot of its own */
        check_lent(&queue, 3, 1);
        queue_leave(&queue, p); /* its slot goes on to a */
        check_lent(&queue, 3, 0);
        check(a->has_slot && !a->lender && !a->parent);
        RELEASE(&queue, a, b, x);
}

/* A slot that is lent on, whichever job ends first. */
static void lent_on(void) {
        for (unsigned order = 0; order < 6; order++) {
                static const char orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
                _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7), *x = new_job('x', 7);
                Job *jobs[] = { p, a, b };
                Queue queue;

                init_queue(&queue, 1, UINT32_MAX);
                check_ok(queue_take_slot(&queue, p));
                check_ok(queue_nest(&queue, a, p));
                check_ok(queue_push(&queue, a));
                check(queue_pop(&queue) == a);
                check_ok(queue_nest(&queue, b, a));
                check_ok(queue_push(&queue, b));
                check(queue_pop(&queue) == b);
                check_lent(&queue, 1, 2);
                check_ok(queue_push(&queue, x));
                for (uint32_t i = 0; i < 3; i++) {
                        check(!queue_pop(&queue));
                        queue_leave(&queue, jobs[(size_t) orders[order][i]]);
                        check_lent(&queue, i < 2, i < 2 ? 1 - i : 0);
                        for (size_t k = 0; k < 3; k++)
                                check(!jobs[k]->lender || queue_has_slot(jobs[k]->lender));
                }
                check(queue_pop(&queue) == x);
                RELEASE(&queue, x);
                check(TAILQ_EMPTY(&queue.lenders));
        }
}

static void lent_by_a_paused_user(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7);
        Queue queue;

        init_queue(&queue, 1, UINT32_MAX);
        check_ok(queue_take_slot(&queue, p));
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, true));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue));
        check_ok(queue_set_paused(&queue, 7, JOB_QUEUE_DEFAULT, false));
        check(queue_pop(&queue) == a);
        queue_leave(&queue, a);
        queue_leave(&queue, p);
        check_counts(&queue, 0, 0);
}

/* After a restart: a job that was found running gets the slot of its parent. */
static void lent_again(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init_queue(&queue, 1, UINT32_MAX);
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_nest(&queue, b, p));
        check_ok(queue_take_any_slot(&queue, p));
        check_ok(queue_take_any_slot(&queue, a));
        check_ok(queue_take_any_slot(&queue, b));
        check_lent(&queue, 2, 1);
        for (Job **job = (Job *[]) { p, a, b, NULL }; *job; job++)
                queue_leave(&queue, *job);
        check_lent(&queue, 0, 0);
        check(TAILQ_EMPTY(&queue.users));
}

/* --- lanes --- */

/* The limit of a lane holds for children, too. */
static void lent_to_a_full_lane(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu");
        Queue queue;

        init_queue(&queue, 2, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "gpu", 1));
        check_ok(queue_take_slot(&queue, p));
        check_ok(queue_take_slot(&queue, b));
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue)); /* b will end */
        queue_leave(&queue, b);
        check(queue_pop(&queue) == a);
        queue_leave(&queue, a);
        queue_leave(&queue, p);
        queue_clear(&queue);
}

/* A job on the slot of its parent counts for the limit of its lane. */
static void lent_in_a_lane(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu");
        Queue queue;

        init_queue(&queue, 1, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "gpu", 1));
        check_ok(queue_take_slot(&queue, p));
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_push(&queue, a));
        check(queue_pop(&queue) == a && a->lender == p);
        queue.max_running = 2;
        check_ok(queue_push(&queue, b));
        check(!queue_pop(&queue));
        queue_leave(&queue, a);
        check(queue_pop(&queue) == b);
        queue_leave(&queue, b);
        queue_leave(&queue, p);
        queue_clear(&queue);
}

/* Two trees, each in the lane that the other one waits for. */
static void lent_across_lanes(void) {
        _cleanup_(job_freep) Job *p = new_job_in('p', "x"), *a = new_job_in('a', "y"), *q = new_job_in('q', "y"), *b = new_job_in('b', "x");
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "x", 1));
        check_ok(queue_set_lane(&queue, 7, "y", 1));
        check_ok(queue_take_slot(&queue, p));
        check_ok(queue_take_slot(&queue, q));
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue)); /* q may end */
        check_ok(queue_nest(&queue, b, q));
        check_ok(queue_push(&queue, b));
        check(queue_pop(&queue) == a); /* neither would */
        check(a->lender == p && a->record.slot == 1);
        check(!queue_pop(&queue));
        queue_leave(&queue, a);
        queue_leave(&queue, p);
        check(queue_pop(&queue) == b);
        queue_leave(&queue, b);
        queue_leave(&queue, q);
        check_counts(&queue, 0, 0);
        queue_clear(&queue);
}

/* A slot that is lent is bounded by the limit of the queue, unless all that run there may wait for a child. */
static void lent_in_a_shared_lane(void) {
        _cleanup_(job_freep) Job *p = new_job_in('p', "gpu"), *a = new_job_in('a', "gpu"), *o = new_job_of('o', 8, "gpu");
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_shared(&queue, "gpu", 2, 0));
        check_ok(queue_take_slot(&queue, p));
        check_ok(queue_take_slot(&queue, o));
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_push(&queue, a));
        check(!queue_pop(&queue)); /* the other one will end */
        queue_leave(&queue, o);
        check_ok(queue_set_shared(&queue, "gpu", 1, 0));
        check(queue_pop(&queue) == a);
        check(a->lender == p && a->record.slot == 1);
        queue_leave(&queue, p);
        check(a->has_slot);
        check_int(queue_get_lane_standing(&queue, 8, "gpu").n_running_all, 1);
        queue_leave(&queue, a);
        check_int(queue_get_lane_standing(&queue, 8, "gpu").n_running_all, 0);
        queue_clear(&queue);
}

/* By its new priority, also among the children of its parent. */
static void edited(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init_queue(&queue, 1, UINT32_MAX);
        check_ok(queue_take_slot(&queue, p));
        p->phase = JOB_ACTIVE;
        check_ok(queue_nest(&queue, a, p));
        check_ok(queue_push(&queue, a));
        check_ok(queue_nest(&queue, b, p));
        check_ok(queue_push(&queue, b));
        queue_block(&queue, b, JOB_IS_EDITED, true);
        b->record.priority = 1;
        queue_block(&queue, b, JOB_IS_EDITED, false);
        check(queue_pop(&queue) == b);
        queue_leave(&queue, b);
        check(queue_pop(&queue) == a);
        queue_leave(&queue, a);
        queue_leave(&queue, p);
        queue_clear(&queue);
}

TEST_MAIN(TEST(lent_slot), TEST(lent_on), TEST(lent_by_a_paused_user), TEST(lent_again), TEST(lent_to_a_full_lane),
          TEST(lent_in_a_lane), TEST(lent_across_lanes), TEST(lent_in_a_shared_lane), TEST(edited))
