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

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 10, UINT32_MAX);
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

static void check_lent(const Queue *queue, uint32_t n_running, uint32_t n_lent) {
        check_int(queue->n_running, n_running);
        check_int(queue->n_lent, n_lent);
}

/* One child at a time, the first of them; the others wait for a slot of their own, or for their turn. */
static void lent_slot(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7), *c = new_job('c', 7),
                                 *x = new_job('x', 8);
        Queue queue;

        init(&queue, 1, UINT32_MAX);
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

/* A slot that is lent on; whoever ends first. */
static void lent_on(void) {
        for (unsigned order = 0; order < 6; order++) {
                static const char orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
                _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7), *x = new_job('x', 7);
                Job *jobs[] = { p, a, b };
                Queue queue;

                init(&queue, 1, UINT32_MAX);
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

        init(&queue, 1, UINT32_MAX);
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

        init(&queue, 1, UINT32_MAX);
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

static Job *new_job_of(char letter, uint32_t uid, const char *lane) {
        Job *job = new_job(letter, uid);

        free(job->record.queue);
        job->record.queue = strdup(lane);
        return job;
}

static Job *new_job_in(char letter, const char *lane) {
        return new_job_of(letter, 7, lane);
}

static void lane_limit(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu"), *c = new_job('c', 7);
        QueueStanding lane;
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 1000, UINT32_MAX);
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

/* The limit of a lane holds for children, too. */
static void lent_to_a_full_lane(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu");
        Queue queue;

        init(&queue, 2, UINT32_MAX);
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

        init(&queue, 1, UINT32_MAX);
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

/* Another attempt takes the lowest number again. */
static void number_of_an_attempt(void) {
        _cleanup_(job_freep) Job *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

/* Two trees, each in the lane that the other one waits for. */
static void lent_across_lanes(void) {
        _cleanup_(job_freep) Job *p = new_job_in('p', "x"), *a = new_job_in('a', "y"), *q = new_job_in('q', "y"), *b = new_job_in('b', "x");
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

/* A queue of the administrator: its limits are those of all users together, and of each. */
static void shared_limits(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "gpu"), *b = new_job_in('b', "gpu"), *c = new_job_in('c', "gpu"),
                                 *d = new_job_of('d', 8, "gpu"), *e = new_job_of('e', 9, "gpu"), *f = new_job('f', 9);
        QueueStanding standing;
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 10, 3);
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

        init(&queue, 10, UINT32_MAX);
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

        init(&queue, 10, UINT32_MAX);
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

/* A slot that is lent is bounded by the limit of the queue, unless all that run there may wait for a child. */
static void lent_in_a_shared_lane(void) {
        _cleanup_(job_freep) Job *p = new_job_in('p', "gpu"), *a = new_job_in('a', "gpu"), *o = new_job_of('o', 8, "gpu");
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

static void moved(void) {
        _cleanup_(job_freep) Job *a = new_job_in('a', "x"), *b = new_job_in('b', "y"), *c = new_job_in('c', "x");
        QueueLane *lane = NULL;
        Queue queue;

        init(&queue, 10, UINT32_MAX);
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

/* By its new priority, also among the children of its parent. */
static void edited(void) {
        _cleanup_(job_freep) Job *p = new_job('p', 7), *a = new_job('a', 7), *b = new_job('b', 7);
        Queue queue;

        init(&queue, 1, UINT32_MAX);
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

TEST_MAIN(TEST(first_in_first_out), TEST(slots), TEST(maximum_changes), TEST(beyond_the_maximum), TEST(remove_anywhere),
          TEST(users_take_turns), TEST(fewest_running_first), TEST(maximum_of_a_user), TEST(free_slot), TEST(paused),
          TEST(priorities), TEST(blocked), TEST(lent_slot), TEST(lent_on), TEST(lent_by_a_paused_user), TEST(lent_again),
          TEST(lane_limit), TEST(lane_paused), TEST(lanes_in_order), TEST(numbers), TEST(lent_to_a_full_lane), TEST(lent_in_a_lane),
          TEST(lent_across_lanes), TEST(number_of_an_attempt), TEST(moved), TEST(edited), TEST(shared_limits),
          TEST(shared_in_turns), TEST(shared_withdrawn), TEST(shared_replaced), TEST(lent_in_a_shared_lane))
