/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>

#include "queue-internal.h"

void queue_init(Queue *queue) {
        *queue = (Queue) { .max_running = 1, .max_running_user = 1 };
        TAILQ_INIT(&queue->users);
        TAILQ_INIT(&queue->lenders);
        LIST_INIT(&queue->shared);
}

static void add_ready(Queue *queue, Job *job) {
        heap_add(&job->lane->ready, job);
        nest_add_ready(queue, job);
}

static void remove_ready(Queue *queue, Job *job) {
        heap_remove(&job->lane->ready, job);
        nest_remove_ready(queue, job);
}

/* --- waiting ------------------------------------------------------------------------------------------ */

static void begin_to_wait(Queue *queue, Job *job) {
        job->phase = JOB_WAITING;
        if (job->blocked == 0)
                add_ready(queue, job);
        job->lane->n_waiting++;
        queue->n_waiting++;
}

int queue_expect(Queue *queue, Job *job) {
        QueueLane *lane = lane_get_for_job(queue, job);

        if (!lane)
                return -ENOMEM;
        job->is_coming = true;
        lane->n_coming++;
        queue->n_coming++;
        return 0;
}

void queue_expect_no_more(Queue *queue, Job *job) {
        if (!job->is_coming)
                return;
        assert(job->lane->n_coming > 0);
        job->is_coming = false;
        job->lane->n_coming--;
        queue->n_coming--;
        lane_put(queue, job->lane);
}

int queue_push(Queue *queue, Job *job) {
        job->record.slot = -1; /* it may have had one, in an earlier attempt */
        if (!lane_get_for_job(queue, job))
                return -ENOMEM;
        begin_to_wait(queue, job);
        return 0;
}

void queue_put_back(Queue *queue, Job *job) {
        assert(queue_has_slot(job));
        begin_to_wait(queue, job);
        queue_release_slot(queue, job);
        job->record.slot = -1;
}

void queue_remove(Queue *queue, Job *job) {
        assert(job->phase == JOB_WAITING);
        remove_ready(queue, job);
        job->lane->n_waiting--;
        queue->n_waiting--;
        lane_put(queue, job->lane);
}

void queue_block(Queue *queue, Job *job, JobBlock block, bool on) {
        unsigned blocked = on ? job->blocked | block : job->blocked & ~block;

        if (job->phase == JOB_WAITING && (blocked == 0) != (job->blocked == 0)) {
                if (blocked == 0)
                        add_ready(queue, job);
                else
                        remove_ready(queue, job);
        }
        job->blocked = blocked;
}

int queue_expect_move(Queue *queue, const Job *job, const char *name, QueueLane **ret) {
        QueueLane *lane = lane_get_with_room(queue, job, name);

        if (!lane)
                return -ENOMEM;
        lane->n_moving++;
        *ret = lane;
        return 0;
}

void queue_move(Queue *queue, Job *job, QueueLane *lane) {
        lane->n_moving--;
        if (job && job->phase == JOB_WAITING) {
                QueueLane *old = job->lane;

                assert(job->blocked != 0);
                old->n_waiting--;
                job->lane = lane;
                lane->n_waiting++;
                lane_put(queue, old);
        } else
                lane_put(queue, lane);
}

static bool user_may_run_more(const Queue *queue, const QueueUser *user) {
        return queue->n_running < queue->max_running && user->n_running < queue->max_running_user;
}

/* Of a queue of the administrator, the next job is one of the user who has the fewest running there, and of those the one who
 * was served least recently. */
static void choose_lanes(const Queue *queue) {
        const QueueLane *lane;
        QueueShared *shared;

        LIST_FOREACH(shared, &queue->shared, entry) {
                shared->next = NULL;
                if (!shared_has_room(shared))
                        continue;
                TAILQ_FOREACH(lane, &shared->lanes, of_shared)
                        if (lane->ready.n > 0 && lane_may_run_more(lane) && user_may_run_more(queue, lane->user) &&
                            (!shared->next || lane->n_running + lane->n_lent < shared->next->n_running + shared->next->n_lent))
                                shared->next = lane;
        }
}

static bool is_next(const QueueLane *lane) {
        return lane->shared ? lane->shared->next == lane : lane->ready.n > 0 && lane_may_run_more(lane);
}

static Job *first_of_user(const QueueUser *user) {
        const QueueLane *lane;
        Job *first = NULL;

        LIST_FOREACH(lane, &user->lanes, entry)
                if (is_next(lane) && (!first || queue_compare_jobs(heap_first(&lane->ready), first) < 0))
                        first = heap_first(&lane->ready);
        return first;
}

/* Users take turns, and so they do in each queue of the administrator. */
static void served(Queue *queue, QueueLane *lane) {
        QueueUser *user = lane->user;

        TAILQ_REMOVE(&queue->users, user, entry);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        if (!lane->shared)
                return;
        TAILQ_REMOVE(&lane->shared->lanes, lane, of_shared);
        TAILQ_INSERT_TAIL(&lane->shared->lanes, lane, of_shared);
}

static void take_slot(Queue *queue, Job *job) {
        QueueUser *user = job->lane->user;

        job->has_slot = true;
        lane_take_number(job);
        lane_count_running(job->lane, 1);
        user->n_running++;
        queue->n_running++;
        served(queue, job->lane);
        if (job->nest) /* it began before, and could not be started */
                nest_list(queue, job->nest);
}

static Job *pop_for_slot(Queue *queue) {
        QueueUser *user, *next = NULL;
        Job *job, *first = NULL;

        choose_lanes(queue);
        TAILQ_FOREACH(user, &queue->users, entry) {
                if (!user_may_run_more(queue, user) || (next && user->n_running >= next->n_running))
                        continue;
                job = first_of_user(user);
                if (job) {
                        next = user;
                        first = job;
                }
        }
        if (!first)
                return NULL;
        take_slot(queue, first);
        queue_remove(queue, first);
        return first;
}

static Job *pop_for_lent_slot(Queue *queue) {
        Job *job = nest_borrow_next(queue);

        if (job)
                queue_remove(queue, job);
        return job;
}

Job *queue_pop(Queue *queue) {
        return pop_for_slot(queue) ?: pop_for_lent_slot(queue);
}

bool queue_has_free_slot(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = queue_find_lane(queue, uid, name);
        const QueueShared *shared = queue_find_shared(queue, name);
        const QueueUser *user, *own = queue_find_user(queue, uid);

        choose_lanes(queue);
        TAILQ_FOREACH(user, &queue->users, entry)
                if (user_may_run_more(queue, user) && first_of_user(user))
                        return false;
        if (own ? !user_may_run_more(queue, own) : queue->n_running >= queue->max_running)
                return false;
        if (lane)
                return lane->ready.n == 0 && lane_may_run_more(lane);
        return streq(name, JOB_QUEUE_DEFAULT) || (shared && shared_has_room(shared));
}

int queue_take_slot(Queue *queue, Job *job) {
        if (!lane_get_for_job(queue, job))
                return -ENOMEM;
        take_slot(queue, job);
        return 0;
}

int queue_take_any_slot(Queue *queue, Job *job) {
        Job *parent = job->parent;

        if (!parent || !queue_has_slot(parent) || parent->nest->borrower)
                return queue_take_slot(queue, job);
        if (!lane_get_for_job(queue, job))
                return -ENOMEM;
        nest_borrow(queue, job);
        return 0;
}

void queue_release_slot(Queue *queue, Job *job) {
        if (!queue_has_slot(job))
                return;
        assert(job->lane->user->n_running > 0);
        if (job->nest && job->nest->borrower)
                nest_pass_on(queue, job);
        else if (job->lender)
                nest_give_back(queue, job);
        else {
                job->has_slot = false;
                lane_count_running(job->lane, -1);
                job->lane->user->n_running--;
                queue->n_running--;
        }
        lane_give_number_back(job);
        if (job->nest)
                nest_update(queue, job->nest);
        lane_put(queue, job->lane);
}

void queue_leave(Queue *queue, Job *job) {
        queue_release_slot(queue, job);
        nest_leave(queue, job);
}
