/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "queue-fixture.h"

static void lane_limit(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu"), *c = new_job('c', 7);
        QueueStanding lane;
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check(queue_has_lane(&queue, 7, "default") && !queue_has_lane(&queue, 7, "gpu"));
        check_ok(queue_set_lane(&queue, 7, "gpu", 1));
        check(queue_has_lane(&queue, 7, "gpu") && !queue_has_lane(&queue, 8, "gpu"));
        check(queue_has_free_slot(&queue, 7, "gpu"));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == c); /* the lane of b is full */
        check(!queue_pop(&queue));
        check(!queue_has_free_slot(&queue, 7, "gpu") && queue_has_free_slot(&queue, 7, "default"));
        lane = queue_get_lane_standing(&queue, 7, "gpu");
        check(lane.n_waiting == 1 && lane.n_running == 1 && lane.max_running == 1 && lane.is_made);
        check_int(queue_get_standing(&queue, 7).n_running, 2);
        check_ok(queue_set_lane(&queue, 7, "gpu", 0));
        check(queue_pop(&queue) == b);
        queue_remove_lane(&queue, 7, "gpu"); /* with jobs: they run on */
        check(!queue_has_lane(&queue, 7, "gpu"));
        RELEASE(&queue, a, b, c);
}

static void lane_paused(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "night"), *b = new_job('b', 7);
        _cleanup_free_ QueueStanding *lanes = NULL;
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "night", 0));
        check_ok(queue_set_lane(&queue, 7, "day", 3));
        check_ok(queue_set_paused(&queue, 7, "night", true));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check(queue_pop(&queue) == b && !queue_pop(&queue));
        check_int(queue_get_lanes(&queue, 7, &lanes), 3);
        check_string(lanes[0].lane, "default");
        check_string(lanes[1].lane, "day");
        check_string(lanes[2].lane, "night");
        check(lanes[2].paused && lanes[2].n_waiting == 1 && lanes[1].max_running == 3 && lanes[0].n_running == 1);
        check_ok(queue_set_paused(&queue, 7, "night", false));
        check(queue_pop(&queue) == a);
        queue_release_slot(&queue, a);
        queue_release_slot(&queue, b);
        queue_clear(&queue);
        check(TAILQ_EMPTY(&queue.users));
}

/* Between lanes: by priority, then as submitted. */
static void lanes_in_order(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "x"), *b = new_job_in('b', "y"), *c = new_job_in('c', "x");
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "x", 0));
        check_ok(queue_set_lane(&queue, 7, "y", 0));
        c->record.priority = 1;
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check(queue_pop(&queue) == c);
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == b);
        queue_leave(&queue, a);
        queue_leave(&queue, b);
        queue_leave(&queue, c);
        queue_clear(&queue);
}

static void numbers(void) {
        Job *jobs[130], *other = new_job_in('x', "gpu"), *found = new_job('z', 7);
        Queue queue;

        init_queue(&queue, 1000, UINT32_MAX);
        for (int i = 0; i < 130; i++) {
                jobs[i] = new_job('a', 7);
                check_ok(queue_take_slot(&queue, jobs[i]));
                check_int(jobs[i]->record.slot, i);
        }
        check_ok(queue_take_slot(&queue, other));
        check_int(other->record.slot, 0); /* of another lane */
        queue_release_slot(&queue, jobs[70]);
        queue_release_slot(&queue, jobs[3]);
        check_int(jobs[3]->record.slot, 3); /* it had */
        jobs[3]->record.slot = jobs[70]->record.slot = -1;
        check_ok(queue_take_slot(&queue, jobs[70]));
        check_int(jobs[70]->record.slot, 3);
        check_ok(queue_push(&queue, jobs[3]));
        check(queue_pop(&queue) == jobs[3]);
        check_int(jobs[3]->record.slot, 70);
        queue_put_back(&queue, jobs[3]);
        check_int(jobs[3]->record.slot, -1);
        queue_remove(&queue, jobs[3]);
        found->record.slot = 500; /* after a restart */
        check_ok(queue_take_any_slot(&queue, found));
        check_int(found->record.slot, 500);
        for (int i = 0; i < 130; i++) {
                queue_leave(&queue, jobs[i]);
                (void) job_free(jobs[i]);
        }
        RELEASE(&queue, other, found);
        (void) job_free(other);
        (void) job_free(found);
}

/* Another attempt takes the lowest number again. */
static void number_of_an_attempt(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_take_slot(&queue, a));
        check_ok(queue_take_slot(&queue, b));
        queue_release_slot(&queue, a);
        queue_release_slot(&queue, b);
        check_ok(queue_push(&queue, b));
        check_int(b->record.slot, -1);
        check(queue_pop(&queue) == b);
        check_int(b->record.slot, 0);
        RELEASE(&queue, b);
}

/* A queue of the administrator: its limits are those of all users together, and of each. */
static void shared_limits(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu"), *c = new_job_in('c', "gpu"),
                                 *d = new_job_of('d', 8, "gpu"), *e = new_job_of('e', 9, "gpu"), *f = new_job('f', 9);
        QueueStanding standing;
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check(!queue_has_lane(&queue, 7, "gpu"));
        check_ok(queue_set_shared(&queue, "gpu", 3, 2));
        check(queue_has_lane(&queue, 7, "gpu") && !queue_has_own_lane(&queue, 7, "gpu"));
        check(queue_has_free_slot(&queue, 7, "gpu"));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check_ok(queue_push(&queue, d));
        check_ok(queue_push(&queue, e));
        check(!queue_has_free_slot(&queue, 7, "gpu"));
        check(queue_pop(&queue) == a);
        check(queue_pop(&queue) == d); /* each has fewer */
        check(queue_pop(&queue) == e);
        check(!queue_pop(&queue));
        check(!queue_has_free_slot(&queue, 10, "gpu") && queue_has_free_slot(&queue, 10, JOB_QUEUE_DEFAULT));
        check_int(a->record.slot, 0);
        check_int(d->record.slot, 1); /* of all users */
        check_int(e->record.slot, 2);
        check_ok(queue_take_slot(&queue, f));
        check_int(f->record.slot, 0);
        standing = queue_get_lane_standing(&queue, 7, "gpu");
        check(standing.is_shared && !standing.is_missing && !standing.is_made);
        check_int(standing.max_running, 3);
        check_int(standing.max_running_user, 2);
        check_int(standing.n_running_all, 3);
        check_int(standing.n_running, 1);
        check_int(standing.n_waiting, 2);
        queue_release_slot(&queue, d);
        check(queue_pop(&queue) == b);
        check_int(b->record.slot, 1);
        queue_release_slot(&queue, e);
        check(!queue_pop(&queue)); /* two of the user */
        check(queue_has_free_slot(&queue, 8, "gpu"));
        queue_release_slot(&queue, a);
        check(queue_pop(&queue) == c);
        RELEASE(&queue, b, c, f);
        queue_clear(&queue);
}

/* In such a queue, those who run much elsewhere have their turn, too. */
static void shared_in_turns(void) {
        _cleanup_(job_freep) Job *a = new_job_of('a', 7, "gpu"), *b = new_job_of('b', 7, "gpu"), *c = new_job_of('c', 8, "gpu"),
                                 *x = new_job('x', 8), *y = new_job('y', 8);
        Queue queue;

        init_queue(&queue, 10, 3);
        check_ok(queue_set_shared(&queue, "gpu", 1, 0));
        check_ok(queue_take_slot(&queue, x));
        check_ok(queue_take_slot(&queue, y));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        check(queue_pop(&queue) == a);
        check(!queue_pop(&queue));
        queue_release_slot(&queue, a);
        check(queue_pop(&queue) == c);
        queue_release_slot(&queue, c);
        check(queue_pop(&queue) == b);
        RELEASE(&queue, b, x, y);
        queue_clear(&queue);
}

/* Jobs of a queue that is no longer configured wait until it is. */
static void shared_withdrawn(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu");
        _cleanup_free_ QueueStanding *lanes = NULL;
        QueueLane *lane;
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_shared(&queue, "gpu", 1, 0));
        check_ok(queue_set_shared(&queue, "idle", 1, 0));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check(queue_pop(&queue) == a);
        check_int(queue_get_lanes(&queue, 7, &lanes), 3);
        check_string(lanes[1].lane, "gpu");
        check_string(lanes[2].lane, "idle");
        queue_withdraw_shared(&queue);
        check(!queue_has_lane(&queue, 7, "gpu"));
        queue_release_slot(&queue, a);
        check(!queue_pop(&queue));
        check(queue_get_lane_standing(&queue, 7, "gpu").is_missing);
        free(TAKE_PTR(lanes));
        check_int(queue_get_lanes(&queue, 7, &lanes), 2); /* it has a job */
        check_ok(queue_set_shared(&queue, "gpu", 0, 0));
        check(queue_pop(&queue) == b);
        queue_withdraw_shared(&queue);
        queue_put_back(&queue, b);
        queue_block(&queue, b, JOB_IS_EDITED, true);
        check_ok(queue_expect_move(&queue, b, JOB_QUEUE_DEFAULT, &lane));
        queue_move(&queue, b, lane);
        queue_block(&queue, b, JOB_IS_EDITED, false);
        check(!queue_get_lane_standing(&queue, 7, "gpu").is_shared); /* nothing of it is left */
        check(queue_pop(&queue) == b);
        RELEASE(&queue, b);
}

/* A user makes a queue with the name of one of the administrator while jobs are in that. */
static void shared_replaced(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu"), *c = new_job_of('c', 8, "gpu");
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_shared(&queue, "gpu", 2, 0));
        check_ok(queue_take_slot(&queue, c));
        check_ok(queue_take_slot(&queue, a));
        check_ok(queue_push(&queue, b));
        check(!queue_pop(&queue));
        check_ok(queue_set_paused(&queue, 7, "gpu", true));
        check_ok(queue_set_lane(&queue, 7, "gpu", 0));
        check(queue_has_own_lane(&queue, 7, "gpu") && !queue_get_lane_standing(&queue, 7, "gpu").paused);
        check_int(queue_get_lane_standing(&queue, 8, "gpu").n_running_all, 1);
        check(queue_pop(&queue) == b);
        check_int(b->record.slot, 0);
        check_int(a->record.slot, 1);
        queue_release_slot(&queue, a);
        queue_release_slot(&queue, b);
        queue_remove_lane(&queue, 7, "gpu");
        check(queue_get_lane_standing(&queue, 7, "gpu").is_shared);
        RELEASE(&queue, c);
        queue_clear(&queue);
}

static void moved(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "x"), *b = new_job_in('b', "y"), *c = new_job_in('c', "x");
        QueueLane *lane = NULL;
        Queue queue;

        init_queue(&queue, 10, UINT32_MAX);
        check_ok(queue_set_lane(&queue, 7, "x", 0));
        check_ok(queue_set_lane(&queue, 7, "y", 1));
        check_ok(queue_push(&queue, a));
        check_ok(queue_push(&queue, b));
        check_ok(queue_push(&queue, c));
        queue_block(&queue, a, JOB_IS_EDITED, true);
        check_ok(queue_expect_move(&queue, a, "y", &lane));
        check_int(queue_get_lane_standing(&queue, 7, "y").n_moving, 1);
        check_int(queue.n_coming, 0); /* it counts already */
        check(queue_pop(&queue) == b);
        queue_move(&queue, a, lane);
        queue_block(&queue, a, JOB_IS_EDITED, false);
        check_int(queue_get_lane_standing(&queue, 7, "x").n_waiting, 1);
        check_int(queue_get_lane_standing(&queue, 7, "y").n_waiting, 1);
        check_int(queue_get_lane_standing(&queue, 7, "y").n_moving, 0);
        check(queue_pop(&queue) == c);
        check(!queue_pop(&queue)); /* y is full */
        queue_release_slot(&queue, b);
        check(queue_pop(&queue) == a);
        check_int(a->record.slot, 0);

        check_ok(queue_expect_move(&queue, a, "z", &lane)); /* and does not */
        queue_move(&queue, NULL, lane);
        check_int(queue_get_standing(&queue, 7).n_moving, 0);
        queue_release_slot(&queue, a);
        queue_release_slot(&queue, c);
        queue_remove_lane(&queue, 7, "x");
        queue_remove_lane(&queue, 7, "y");
        check_counts(&queue, 0, 0);
        check(TAILQ_EMPTY(&queue.users));
}

TEST_MAIN(TEST(lane_limit), TEST(lane_paused), TEST(lanes_in_order), TEST(numbers), TEST(number_of_an_attempt),
          TEST(shared_limits), TEST(shared_in_turns), TEST(shared_withdrawn), TEST(shared_replaced), TEST(moved))
