/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Jobs of jobs: a job that runs lends its slot to one of its children at a time. */

#include <assert.h>

#include "queue-internal.h"

static void set_listed(Queue *queue, QueueNest *nest, bool is_listed) {
        if (is_listed == nest->is_listed)
                return;
        if (is_listed)
                TAILQ_INSERT_TAIL(&queue->lenders, nest, entry);
        else
                TAILQ_REMOVE(&queue->lenders, nest, entry);
        lane_count_lenders(nest->parent->lane, is_listed ? 1 : -1);
        nest->is_listed = is_listed;
}

void nest_list(Queue *queue, QueueNest *nest) {
        set_listed(queue, nest, queue_has_slot(nest->parent) && !nest->borrower && nest->ready.n > 0);
}

static void nest_free(Queue *queue, QueueNest *nest) {
        set_listed(queue, nest, false);
        nest->parent->nest = NULL;
        heap_clear(&nest->ready);
        free(nest);
}

/* A grandchild may still use the slot, if it was passed on. */
void nest_update(Queue *queue, QueueNest *nest) {
        if (nest->n == 0 && !nest->borrower)
                nest_free(queue, nest);
        else
                nest_list(queue, nest);
}

static QueueNest *get_nest(Job *parent) {
        if (parent->nest)
                return parent->nest;
        parent->nest = calloc(1, sizeof(QueueNest));
        if (!parent->nest)
                return NULL;
        parent->nest->parent = parent;
        heap_init(&parent->nest->ready, queue_compare_jobs, offsetof(Job, nest_place));
        return parent->nest;
}

int queue_nest(Queue *queue, Job *job, Job *parent) {
        QueueNest *nest = get_nest(parent);

        if (!nest)
                return -ENOMEM;
        if (heap_reserve(&nest->ready, nest->n + 1) < 0) {
                if (nest->n == 0)
                        nest_free(queue, nest);
                return -ENOMEM;
        }
        nest->n++;
        job->parent = parent;
        LIST_INSERT_HEAD(&parent->children, job, of_parent);
        return 0;
}

static void unnest(Queue *queue, Job *job) {
        QueueNest *nest;

        assert(job->parent && job->lender != job->parent);
        nest = job->parent->nest;
        heap_remove(&nest->ready, job);
        LIST_REMOVE(job, of_parent);
        job->parent = NULL;
        nest->n--;
        nest_update(queue, nest);
}

void nest_leave(Queue *queue, Job *job) {
        while (!LIST_EMPTY(&job->children))
                unnest(queue, LIST_FIRST(&job->children));
        if (job->parent)
                unnest(queue, job);
}

void nest_add_ready(Queue *queue, Job *job) {
        if (!job->parent)
                return;
        heap_add(&job->parent->nest->ready, job);
        nest_list(queue, job->parent->nest);
}

void nest_remove_ready(Queue *queue, Job *job) {
        if (!job->parent)
                return;
        heap_remove(&job->parent->nest->ready, job);
        nest_list(queue, job->parent->nest);
}

/* --- the slot ----------------------------------------------------------------------------------------- */

void nest_borrow(Queue *queue, Job *job) {
        job->lender = job->parent;
        job->parent->nest->borrower = job;
        lane_take_number(job);
        lane_count_lent(job->lane, 1);
        queue->n_lent++;
        nest_list(queue, job->parent->nest);
        if (job->nest)
                nest_list(queue, job->nest);
}

void nest_give_back(Queue *queue, Job *job) {
        QueueNest *nest = job->lender->nest;

        nest->borrower = NULL;
        job->lender = NULL;
        lane_count_lent(job->lane, -1);
        queue->n_lent--;
        nest_update(queue, nest);
}

/* Both count as before, but for the lender. */
void nest_pass_on(Queue *queue, Job *job) {
        Job *borrower = job->nest->borrower;

        job->nest->borrower = NULL;
        borrower->lender = job->lender;
        borrower->has_slot = job->has_slot;
        if (job->lender)
                job->lender->nest->borrower = borrower;
        if (job->has_slot) {
                lane_count_running(job->lane, -1);
                lane_count_lent(borrower->lane, -1);
                lane_count_running(borrower->lane, 1);
        } else
                lane_count_lent(job->lane, -1);
        job->has_slot = false;
        job->lender = NULL;
        queue->n_lent--;
}

/* The lender that comes first goes to the end, when it lends again. */
Job *nest_borrow_next(Queue *queue) {
        QueueNest *nest;

        TAILQ_FOREACH(nest, &queue->lenders, entry) {
                Job *job = heap_first(&nest->ready);

                if (!lane_may_run_child(job->lane))
                        continue;
                nest_borrow(queue, job);
                return job;
        }
        return NULL;
}
