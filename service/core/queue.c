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
        bool paused;
        TAILQ_HEAD(, Job) waiting;
};

void queue_init(Queue *queue) {
        *queue = (Queue) { .max_running = 1, .max_running_user = 1 };
        TAILQ_INIT(&queue->users);
}

void queue_clear(Queue *queue) {
        QueueUser *user;

        while ((user = TAILQ_FIRST(&queue->users))) { /* users with a paused queue */
                TAILQ_REMOVE(&queue->users, user, entry);
                free(user);
        }
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
        TAILQ_INIT(&user->waiting);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        return user;
}

/* Users without any state are removed. */
static void put_user(Queue *queue, QueueUser *user) {
        if (user->n_waiting > 0 || user->n_coming > 0 || user->n_running > 0 || user->paused)
                return;
        TAILQ_REMOVE(&queue->users, user, entry);
        free(user);
}

int queue_expect(Queue *queue, Job *job) {
        QueueUser *user = get_user(queue, job->record.uid);

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
        QueueUser *user = get_user(queue, job->record.uid);

        if (!user)
                return -ENOMEM;
        job->phase = JOB_WAITING;
        TAILQ_INSERT_TAIL(&user->waiting, job, queue_entry);
        user->n_waiting++;
        queue->n_waiting++;
        return 0;
}

void queue_put_back(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);
        Job *next;

        assert(user && job->has_slot);
        job->phase = JOB_WAITING;
        TAILQ_FOREACH(next, &user->waiting, queue_entry)
                if (next->record.created_usec > job->record.created_usec)
                        break;
        if (next)
                TAILQ_INSERT_BEFORE(next, job, queue_entry);
        else
                TAILQ_INSERT_TAIL(&user->waiting, job, queue_entry);
        user->n_waiting++;
        queue->n_waiting++;
        queue_release_slot(queue, job);
}

void queue_remove(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        assert(user && job->phase == JOB_WAITING);
        TAILQ_REMOVE(&user->waiting, job, queue_entry);
        user->n_waiting--;
        queue->n_waiting--;
        put_user(queue, user);
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
}

Job *queue_pop(Queue *queue) {
        QueueUser *user, *next = NULL;
        Job *job;

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->n_waiting > 0 && may_run_more(queue, user) && (!next || user->n_running < next->n_running))
                        next = user;
        if (!next)
                return NULL;
        job = TAILQ_FIRST(&next->waiting);
        take_slot(queue, next, job);
        queue_remove(queue, job);
        return job;
}

bool queue_has_free_slot(const Queue *queue, uint32_t uid) {
        const QueueUser *user, *own = find_user(queue, uid);

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->n_waiting > 0 && may_run_more(queue, user))
                        return false;
        return own ? own->n_waiting == 0 && may_run_more(queue, own) : queue->n_running < queue->max_running;
}

int queue_take_slot(Queue *queue, Job *job) {
        QueueUser *user = get_user(queue, job->record.uid);

        if (!user)
                return -ENOMEM;
        take_slot(queue, user, job);
        return 0;
}

void queue_release_slot(Queue *queue, Job *job) {
        QueueUser *user = find_user(queue, job->record.uid);

        if (!job->has_slot)
                return;
        assert(user && user->n_running > 0);
        job->has_slot = false;
        user->n_running--;
        queue->n_running--;
        put_user(queue, user);
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

        return user ? (QueueStanding) { user->n_waiting, user->n_coming, user->n_running, user->paused } : (QueueStanding) {};
}
