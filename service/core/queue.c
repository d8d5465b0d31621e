/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>

#include "queue.h"

struct QueueUser {
        TAILQ_ENTRY(QueueUser) entry;
        uint32_t uid;
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_running;
        uint32_t n_lent;
        bool paused;
        Heap ready; /* waiting jobs that nothing else keeps from their turn */
};

/* The children of a job. */
struct QueueNest {
        Job *parent;
        Job *borrower; /* the one that uses its slot */
        size_t n;
        Heap ready; /* those that may run */
        bool is_listed;
        TAILQ_ENTRY(QueueNest) entry; /* among the lenders */
};

/* The order of the jobs of a user. */
static int compare_jobs(const void *a, const void *b) {
        const Job *x = a, *y = b;

        if (x->record.priority != y->record.priority)
                return x->record.priority > y->record.priority ? -1 : 1;
        return x->number < y->number ? -1 : x->number > y->number;
}

void queue_init(Queue *queue) {
        *queue = (Queue) { .max_running = 1, .max_running_user = 1 };
        TAILQ_INIT(&queue->users);
        TAILQ_INIT(&queue->lenders);
}

static void user_free(Queue *queue, QueueUser *user) {
        TAILQ_REMOVE(&queue->users, user, entry);
        heap_clear(&user->ready);
        free(user);
}

void queue_clear(Queue *queue) {
        QueueUser *user;

        while ((user = TAILQ_FIRST(&queue->users))) /* users with a paused queue */
                user_free(queue, user);
}

static QueueUser *find_user(const Queue *queue, uint32_t uid) {
        QueueUser *user;

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->uid == uid)
                        return user;
        return NULL;
}

static QueueUser *get_user(Queue *queue, uint32_t uid) {
        QueueUser *user = find_user(queue, uid);

        if (user)
                return user;
        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;
        user->uid = uid;
        heap_init(&user->ready, compare_jobs, offsetof(Job, queue_place));
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        return user;
}

/* Users without any state are removed. */
static void put_user(Queue *queue, QueueUser *user) {
        if (user->n_waiting > 0 || user->n_coming > 0 || user->n_running > 0 || user->n_lent > 0 ||
            user->paused)
                return;
        user_free(queue, user);
}

/* A user for one more job. All jobs that may ever have to wait have room: only new ones are refused. */
static QueueUser *get_user_for_job(Queue *queue, Job *job) {
        QueueUser *user = get_user(queue, job->record.uid);

        if (!user)
                return NULL;
        if (heap_reserve(&user->ready, (size_t) user->n_waiting + user->n_coming + user->n_running + user->n_lent + 1) < 0) {
                put_user(queue, user);
                return NULL;
        }
        if (job->number == 0)
                job->number = ++queue->last_number;
        return user;
}

/* --- jobs that lend their slot ----------------------------------------------------------------------- */

static void list_nest(Queue *queue, QueueNest *nest) {
        bool lends = queue_has_slot(nest->parent) && !nest->borrower && nest->ready.n > 0;

        if (lends && !nest->is_listed)
                TAILQ_INSERT_TAIL(&queue->lenders, nest, entry);
        else if (!lends && nest->is_listed)
                TAILQ_REMOVE(&queue->lenders, nest, entry);
        nest->is_listed = lends;
}

static void nest_free(Queue *queue, QueueNest *nest) {
        if (nest->is_listed)
                TAILQ_REMOVE(&queue->lenders, nest, entry);
        nest->parent->nest = NULL;
        heap_clear(&nest->ready);
        free(nest);
}

/* A grandchild may still use the slot, if it was passed on. */
static void update_nest(Queue *queue, QueueNest *nest) {
        if (nest->n == 0 && !nest->borrower)
                nest_free(queue, nest);
        else
                list_nest(queue, nest);
}

static QueueNest *get_nest(Job *parent) {
        if (parent->nest)
                return parent->nest;
        parent->nest = calloc(1, sizeof(QueueNest));
        if (!parent->nest)
                return NULL;
        parent->nest->parent = parent;
        heap_init(&parent->nest->ready, compare_jobs, offsetof(Job, nest_place));
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
        QueueNest *nest = job->parent->nest;

        assert(job->lender != job->parent);
        heap_remove(&nest->ready, job);
        LIST_REMOVE(job, of_parent);
        job->parent = NULL;
        nest->n--;
        update_nest(queue, nest);
}

static void add_ready(Queue *queue, QueueUser *user, Job *job) {
        heap_add(&user->ready, job);
        if (job->parent) {
                heap_add(&job->parent->nest->ready, job);
                list_nest(queue, job->parent->nest);
        }
}

static void remove_ready(Queue *queue, QueueUser *user, Job *job) {
        heap_remove(&user->ready, job);
        if (job->parent) {
                heap_remove(&job->parent->nest->ready, job);
                list_nest(queue, job->parent->nest);
        }
}

static void borrow(Queue *queue, QueueUser *user, Job *job) {
        job->lender = job->parent;
        job->parent->nest->borrower = job;
        user->n_lent++;
        queue->n_lent++;
        list_nest(queue, job->parent->nest);
        if (job->nest)
                list_nest(queue, job->nest);
}

static void give_back(Queue *queue, QueueUser *user, Job *job) {
        QueueNest *nest = job->lender->nest;

        nest->borrower = NULL;
        job->lender = NULL;
        user->n_lent--;
        queue->n_lent--;
        update_nest(queue, nest);
}

/* --- waiting ------------------------------------------------------------------------------------------ */

static void begin_to_wait(Queue *queue, QueueUser *user, Job *job) {
        job->phase = JOB_WAITING;
        if (job->blocked == 0)
                add_ready(queue, user, job);
        user->n_waiting++;
        queue->n_waiting++;
}

int queue_expect(Queue *queue, Job *job) {
        QueueUser *user = get_user_for_job(queue, job);

        if (!user)
                return -ENOMEM;
        job->is_coming = true;
        user->n_coming++;
        queue->n_coming++;
        return 0;
}

void queue_expect_no_more(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        if (!job->is_coming)
                return;
        assert(user && user->n_coming > 0);
        job->is_coming = false;
        user->n_coming--;
        queue->n_coming--;
        put_user(queue, user);
}

int queue_push(Queue *queue, Job *job) {
        QueueUser *user = get_user_for_job(queue, job);

        if (!user)
                return -ENOMEM;
        begin_to_wait(queue, user, job);
        return 0;
}

void queue_put_back(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        assert(user && queue_has_slot(job));
        begin_to_wait(queue, user, job);
        queue_release_slot(queue, job);
}

void queue_remove(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        assert(user && job->phase == JOB_WAITING);
        remove_ready(queue, user, job);
        user->n_waiting--;
        queue->n_waiting--;
        put_user(queue, user);
}

void queue_block(Queue *queue, Job *job, JobBlock block, bool on) {
        unsigned blocked = on ? job->blocked | block : job->blocked & ~block;
        QueueUser *user;

        if (job->phase == JOB_WAITING && (blocked == 0) != (job->blocked == 0)) {
                user = find_user(queue, job->record.uid);
                assert(user);
                if (blocked == 0)
                        add_ready(queue, user, job);
                else
                        remove_ready(queue, user, job);
        }
        job->blocked = blocked;
}

static bool may_run_more(const Queue *queue, const QueueUser *user) {
        return !user->paused && queue->n_running < queue->max_running && user->n_running < queue->max_running_user;
}

static void take_slot(Queue *queue, QueueUser *user, Job *job) {
        job->has_slot = true;
        user->n_running++;
        queue->n_running++;
        TAILQ_REMOVE(&queue->users, user, entry);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        if (job->nest) /* it began before, and could not be started */
                list_nest(queue, job->nest);
}

static Job *pop_for_slot(Queue *queue) {
        QueueUser *user, *next = NULL;
        Job *job;

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->ready.n > 0 && may_run_more(queue, user) && (!next || user->n_running < next->n_running))
                        next = user;
        if (!next)
                return NULL;
        job = heap_first(&next->ready);
        take_slot(queue, next, job);
        queue_remove(queue, job);
        return job;
}

/* The lender that comes first goes to the end, when it lends again. */
static Job *pop_for_lent_slot(Queue *queue) {
        QueueNest *nest;

        TAILQ_FOREACH(nest, &queue->lenders, entry) {
                Job *job = heap_first(&nest->ready);
                QueueUser *user = find_user(queue, job->record.uid);

                assert(user);
                if (user->paused)
                        continue;
                borrow(queue, user, job);
                queue_remove(queue, job);
                return job;
        }
        return NULL;
}

Job *queue_pop(Queue *queue) {
        return pop_for_slot(queue) ?: pop_for_lent_slot(queue);
}

bool queue_has_free_slot(const Queue *queue, uint32_t uid) {
        const QueueUser *user, *own = find_user(queue, uid);

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->ready.n > 0 && may_run_more(queue, user))
                        return false;
        return own ? own->ready.n == 0 && may_run_more(queue, own) : queue->n_running < queue->max_running;
}

int queue_take_slot(Queue *queue, Job *job) {
        QueueUser *user = get_user_for_job(queue, job);

        if (!user)
                return -ENOMEM;
        take_slot(queue, user, job);
        return 0;
}

int queue_take_any_slot(Queue *queue, Job *job) {
        Job *parent = job->parent;
        QueueUser *user;

        if (!parent || !queue_has_slot(parent) || parent->nest->borrower)
                return queue_take_slot(queue, job);
        user = get_user_for_job(queue, job);
        if (!user)
                return -ENOMEM;
        borrow(queue, user, job);
        return 0;
}

/* The slot of a job that has lent it goes on to the borrower: both count as before, but for the lender. */
static void pass_on(Job *job, Job *borrower) {
        job->nest->borrower = NULL;
        borrower->lender = job->lender;
        borrower->has_slot = job->has_slot;
        if (job->lender)
                job->lender->nest->borrower = borrower;
        job->has_slot = false;
        job->lender = NULL;
}

void queue_release_slot(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        if (!queue_has_slot(job))
                return;
        assert(user && user->n_running > 0);
        if (job->nest && job->nest->borrower) {
                pass_on(job, job->nest->borrower);
                user->n_lent--;
                queue->n_lent--;
        } else if (job->lender)
                give_back(queue, user, job);
        else {
                job->has_slot = false;
                user->n_running--;
                queue->n_running--;
        }
        if (job->nest)
                update_nest(queue, job->nest);
        put_user(queue, user);
}

void queue_leave(Queue *queue, Job *job) {
        queue_release_slot(queue, job);
        while (!LIST_EMPTY(&job->children))
                unnest(queue, LIST_FIRST(&job->children));
        if (job->parent)
                unnest(queue, job);
}

int queue_set_paused(Queue *queue, uint32_t uid, bool paused) {
        QueueUser *user = get_user(queue, uid);

        if (!user)
                return -ENOMEM;
        user->paused = paused;
        put_user(queue, user);
        return 0;
}

QueueStanding queue_get_standing(const Queue *queue, uint32_t uid) {
        const QueueUser *user = find_user(queue, uid);

        return user ? (QueueStanding) { user->n_waiting, user->n_coming, user->n_running, user->n_lent, user->paused } : (QueueStanding) {};
}
