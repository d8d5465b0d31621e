/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The users of the queue, and their jobs in named queues: those of a user alone, and those of the administrator, of which
 * each user has a part. A name means a queue that the user made, if there is one, "default", or one of the administrator. */

#include <assert.h>

#include "queue-internal.h"

int queue_compare_jobs(const void *a, const void *b) {
        const Job *x = a, *y = b;

        if (x->record.priority != y->record.priority)
                return x->record.priority > y->record.priority ? -1 : 1;
        return x->number < y->number ? -1 : x->number > y->number;
}

/* --- numbers ------------------------------------------------------------------------------------------ */

static int numbers_reserve(QueueNumbers *numbers, size_t n) {
        size_t words = n / 64 + 1;
        uint64_t *bigger;

        if (words <= numbers->n)
                return 0;
        bigger = reallocarray(numbers->words, words, sizeof(uint64_t));
        if (!bigger)
                return -ENOMEM;
        memset(bigger + numbers->n, 0, (words - numbers->n) * sizeof(uint64_t));
        *numbers = (QueueNumbers) { bigger, words };
        return 0;
}

static int32_t numbers_lowest(const QueueNumbers *numbers) {
        size_t i = 0;

        while (numbers->words[i] == UINT64_MAX)
                i++;
        return (int32_t) (64 * i) + __builtin_ctzll(~numbers->words[i]);
}

static void numbers_set(QueueNumbers *numbers, int32_t number, bool is_taken) {
        uint64_t bit = UINT64_C(1) << number % 64;

        assert(numbers->words && (size_t) number / 64 < numbers->n);
        if (is_taken)
                numbers->words[number / 64] |= bit;
        else
                numbers->words[number / 64] &= ~bit;
}

static QueueNumbers *numbers_of(QueueLane *lane) {
        return lane->shared ? &lane->shared->numbers : &lane->numbers;
}

void lane_take_number(Job *job) {
        QueueNumbers *numbers = numbers_of(job->lane);

        if (job->record.slot < 0)
                job->record.slot = numbers_lowest(numbers);
        numbers_set(numbers, job->record.slot, true);
        LIST_INSERT_HEAD(&job->lane->numbered, job, of_lane);
}

void lane_give_number_back(Job *job) {
        numbers_set(numbers_of(job->lane), job->record.slot, false);
        LIST_REMOVE(job, of_lane);
}

/* --- queues of the administrator ---------------------------------------------------------------------- */

QueueShared *queue_find_shared(const Queue *queue, const char *name) {
        QueueShared *shared;

        LIST_FOREACH(shared, &queue->shared, entry)
                if (streq(shared->name, name))
                        return shared;
        return NULL;
}

static QueueShared *get_shared(Queue *queue, const char *name) {
        QueueShared *shared = queue_find_shared(queue, name);

        if (shared)
                return shared;
        shared = calloc(1, sizeof(*shared));
        if (!shared)
                return NULL;
        shared->name = strdup(name);
        if (!shared->name) {
                free(shared);
                return NULL;
        }
        TAILQ_INIT(&shared->lanes);
        LIST_INSERT_HEAD(&queue->shared, shared, entry);
        return shared;
}

static void put_shared(QueueShared *shared) {
        if (shared->is_configured || !TAILQ_EMPTY(&shared->lanes))
                return;
        LIST_REMOVE(shared, entry);
        free(shared->numbers.words);
        free(shared->name);
        free(shared);
}

int queue_set_shared(Queue *queue, const char *name, uint32_t max_running, uint32_t max_running_user) {
        QueueShared *shared = get_shared(queue, name);

        if (!shared)
                return -ENOMEM;
        shared->is_configured = true;
        shared->max_running = max_running;
        shared->max_running_user = max_running_user;
        return 0;
}

void queue_withdraw_shared(Queue *queue) {
        QueueShared *shared, *next;

        for (shared = LIST_FIRST(&queue->shared); shared; shared = next) {
                next = LIST_NEXT(shared, entry);
                shared->is_configured = false;
                put_shared(shared);
        }
}

static int lane_join(Queue *queue, QueueLane *lane) {
        lane->shared = get_shared(queue, lane->name);
        if (!lane->shared)
                return -ENOMEM;
        TAILQ_INSERT_TAIL(&lane->shared->lanes, lane, of_shared);
        return 0;
}

static void lane_part(QueueLane *lane) {
        QueueShared *shared = lane->shared;

        if (!shared)
                return;
        lane->shared = NULL;
        TAILQ_REMOVE(&shared->lanes, lane, of_shared);
        put_shared(shared);
}

/* --- users and their lanes ---------------------------------------------------------------------------- */

static void user_free(Queue *queue, QueueUser *user) {
        TAILQ_REMOVE(&queue->users, user, entry);
        free(user);
}

static void lane_free(QueueLane *lane) {
        LIST_REMOVE(lane, entry);
        lane_part(lane);
        heap_clear(&lane->ready);
        free(lane->numbers.words);
        free(lane->name);
        free(lane);
}

void queue_clear(Queue *queue) {
        QueueUser *user;

        while ((user = TAILQ_FIRST(&queue->users))) { /* with lanes that are empty */
                while (!LIST_EMPTY(&user->lanes))
                        lane_free(LIST_FIRST(&user->lanes));
                user_free(queue, user);
        }
        queue_withdraw_shared(queue);
}

QueueUser *queue_find_user(const Queue *queue, uint32_t uid) {
        QueueUser *user;

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user->uid == uid)
                        return user;
        return NULL;
}

static QueueUser *get_user(Queue *queue, uint32_t uid) {
        QueueUser *user = queue_find_user(queue, uid);

        if (user)
                return user;
        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;
        user->uid = uid;
        LIST_INIT(&user->lanes);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        return user;
}

/* Users without any state are removed. */
static void put_user(Queue *queue, QueueUser *user) {
        if (LIST_EMPTY(&user->lanes))
                user_free(queue, user);
}

QueueLane *queue_find_lane(const Queue *queue, uint32_t uid, const char *name) {
        const QueueUser *user = queue_find_user(queue, uid);
        QueueLane *lane = NULL;

        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        if (streq(lane->name, name))
                                break;
        return lane;
}

static QueueLane *lane_new(Queue *queue, QueueUser *user, const char *name) {
        QueueLane *lane = calloc(1, sizeof(*lane));

        if (!lane)
                return NULL;
        lane->user = user;
        LIST_INIT(&lane->numbered);
        heap_init(&lane->ready, queue_compare_jobs, offsetof(Job, queue_place));
        LIST_INSERT_HEAD(&user->lanes, lane, entry);
        lane->name = strdup(name);
        if (lane->name && (streq(name, JOB_QUEUE_DEFAULT) || lane_join(queue, lane) >= 0))
                return lane;
        lane_free(lane);
        return NULL;
}

static QueueLane *get_lane(Queue *queue, uint32_t uid, const char *name) {
        QueueLane *lane = queue_find_lane(queue, uid, name);
        QueueUser *user;

        if (lane)
                return lane;
        user = get_user(queue, uid);
        lane = user ? lane_new(queue, user, name) : NULL;
        if (user && !lane)
                put_user(queue, user);
        return lane;
}

static size_t count_jobs(const QueueLane *lane) {
        return (size_t) lane->n_waiting + lane->n_coming + lane->n_moving + lane->n_running + lane->n_lent;
}

void lane_put(Queue *queue, QueueLane *lane) {
        QueueUser *user = lane->user;

        if (count_jobs(lane) > 0 || lane->paused || lane->is_made)
                return;
        lane_free(lane);
        put_user(queue, user);
}

/* A number is at most that of the jobs that run. */
static int reserve_number(QueueLane *lane, const Job *job) {
        const QueueLane *other;
        size_t n = 1;

        if (!lane->shared)
                n += count_jobs(lane);
        else
                TAILQ_FOREACH(other, &lane->shared->lanes, of_shared)
                        n += count_jobs(other);
        return numbers_reserve(numbers_of(lane), MAX(n, (size_t) (job->record.slot + 1)));
}

QueueLane *lane_get_with_room(Queue *queue, const Job *job, const char *name) {
        QueueLane *lane = get_lane(queue, job->record.uid, name);

        if (!lane)
                return NULL;
        if (heap_reserve(&lane->ready, count_jobs(lane) + 1) < 0 || reserve_number(lane, job) < 0) {
                lane_put(queue, lane);
                return NULL;
        }
        return lane;
}

QueueLane *lane_get_for_job(Queue *queue, Job *job) {
        QueueLane *lane = lane_get_with_room(queue, job, job->record.queue);

        if (!lane)
                return NULL;
        if (job->number == 0)
                job->number = ++queue->last_number;
        job->lane = lane;
        return lane;
}

/* --- what runs ---------------------------------------------------------------------------------------- */

static void count(uint32_t *counter, int n) {
        assert(n >= 0 || *counter >= (uint32_t) -n);
        *counter += (uint32_t) n;
}

void lane_count_running(QueueLane *lane, int n) {
        count(&lane->n_running, n);
        if (lane->shared)
                count(&lane->shared->n_running, n);
}

void lane_count_lent(QueueLane *lane, int n) {
        count(&lane->n_lent, n);
        if (lane->shared)
                count(&lane->shared->n_running, n);
}

void lane_count_lenders(QueueLane *lane, int n) {
        count(&lane->n_lenders, n);
        if (lane->shared)
                count(&lane->shared->n_lenders, n);
}

static bool is_below(uint32_t n, uint32_t max) {
        return max == 0 || n < max;
}

bool shared_has_room(const QueueShared *shared) {
        return shared->is_configured && is_below(shared->n_running, shared->max_running);
}

static uint32_t limit_of(const QueueLane *lane) {
        return lane->shared ? lane->shared->max_running_user : lane->max_running;
}

bool lane_may_run_more(const QueueLane *lane) {
        return !lane->paused && is_below(lane->n_running + lane->n_lent, limit_of(lane)) &&
                (!lane->shared || shared_has_room(lane->shared));
}

/* A lane that is full of jobs which may all wait for a child of theirs lets one more run: they could wait for each other
 * for ever. */
bool lane_may_run_child(const QueueLane *lane) {
        const QueueShared *shared = lane->shared;
        uint32_t n = lane->n_running + lane->n_lent;

        if (lane->paused || (shared && !shared->is_configured))
                return false;
        if (!is_below(n, limit_of(lane)) && lane->n_lenders < n)
                return false;
        return !shared || shared_has_room(shared) || shared->n_lenders >= shared->n_running;
}

/* --- what users say about their lanes --------------------------------------------------------------- */

/* Their own queue takes the place of one of the administrator, with the jobs that they have there. */
static int make_own(QueueLane *lane) {
        QueueShared *shared = lane->shared;
        int32_t highest = 0;
        Job *job;

        if (!shared)
                return 0;
        LIST_FOREACH(job, &lane->numbered, of_lane)
                highest = MAX(highest, job->record.slot);
        if (numbers_reserve(&lane->numbers, MAX(count_jobs(lane) + 1, (size_t) highest + 1)) < 0)
                return -ENOMEM;
        LIST_FOREACH(job, &lane->numbered, of_lane) {
                numbers_set(&shared->numbers, job->record.slot, false);
                numbers_set(&lane->numbers, job->record.slot, true);
        }
        count(&shared->n_running, -(int) (lane->n_running + lane->n_lent));
        count(&shared->n_lenders, -(int) lane->n_lenders);
        lane->paused = false;
        lane_part(lane);
        return 0;
}

int queue_set_lane(Queue *queue, uint32_t uid, const char *name, uint32_t max_running) {
        QueueLane *lane = get_lane(queue, uid, name);
        int r;

        if (!lane)
                return -ENOMEM;
        r = make_own(lane);
        if (r < 0) {
                lane_put(queue, lane);
                return r;
        }
        lane->is_made = true;
        lane->max_running = max_running;
        return 0;
}

/* It has no jobs. */
void queue_remove_lane(Queue *queue, uint32_t uid, const char *name) {
        QueueLane *lane = queue_find_lane(queue, uid, name);

        if (!lane || !lane->is_made)
                return;
        lane->is_made = lane->paused = false;
        lane->max_running = 0;
        lane_put(queue, lane);
}

int queue_set_paused(Queue *queue, uint32_t uid, const char *name, bool paused) {
        QueueLane *lane = get_lane(queue, uid, name);

        if (!lane)
                return -ENOMEM;
        lane->paused = paused;
        lane_put(queue, lane);
        return 0;
}

bool queue_has_own_lane(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = queue_find_lane(queue, uid, name);

        return streq(name, JOB_QUEUE_DEFAULT) || (lane && lane->is_made);
}

bool queue_has_lane(const Queue *queue, uint32_t uid, const char *name) {
        const QueueShared *shared = queue_find_shared(queue, name);

        return queue_has_own_lane(queue, uid, name) || (shared && shared->is_configured);
}

/* --- standings ---------------------------------------------------------------------------------------- */

static QueueStanding standing_of_shared(const QueueShared *shared) {
        return (QueueStanding) {
                .lane = shared->name,
                .max_running = shared->max_running,
                .max_running_user = shared->max_running_user,
                .n_running_all = shared->n_running,
                .is_shared = true,
                .is_missing = !shared->is_configured,
        };
}

static QueueStanding standing_of(const QueueLane *lane) {
        QueueStanding standing = lane->shared ? standing_of_shared(lane->shared) : (QueueStanding) {
                .lane = lane->name,
                .max_running = lane->max_running,
                .n_running_all = lane->n_running + lane->n_lent,
        };

        standing.n_waiting = lane->n_waiting;
        standing.n_coming = lane->n_coming;
        standing.n_moving = lane->n_moving;
        standing.n_running = lane->n_running;
        standing.n_lent = lane->n_lent;
        standing.paused = lane->paused;
        standing.is_made = lane->is_made;
        return standing;
}

QueueStanding queue_get_lane_standing(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = queue_find_lane(queue, uid, name);
        const QueueShared *shared = queue_find_shared(queue, name);

        return lane ? standing_of(lane) : shared ? standing_of_shared(shared) : (QueueStanding) { .lane = name };
}

QueueStanding queue_get_standing(const Queue *queue, uint32_t uid) {
        QueueStanding all = queue_get_lane_standing(queue, uid, JOB_QUEUE_DEFAULT);
        const QueueUser *user = queue_find_user(queue, uid);
        const QueueLane *lane;

        if (user)
                LIST_FOREACH(lane, &user->lanes, entry) {
                        if (streq(lane->name, JOB_QUEUE_DEFAULT))
                                continue;
                        all.n_waiting += lane->n_waiting;
                        all.n_coming += lane->n_coming;
                        all.n_moving += lane->n_moving;
                        all.n_running += lane->n_running;
                        all.n_lent += lane->n_lent;
                }
        return all;
}

static int compare_standings(const void *a, const void *b) {
        return strcmp(((const QueueStanding *) a)->lane, ((const QueueStanding *) b)->lane);
}

/* One that was paused before it was removed from the configuration is not shown. */
static bool is_shown(const QueueLane *lane) {
        return !streq(lane->name, JOB_QUEUE_DEFAULT) && (!lane->shared || lane->shared->is_configured || count_jobs(lane) > 0);
}

int queue_get_lanes(const Queue *queue, uint32_t uid, QueueStanding **ret) {
        const QueueUser *user = queue_find_user(queue, uid);
        const QueueShared *shared;
        const QueueLane *lane;
        QueueStanding *found;
        size_t n = 1;

        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        n += is_shown(lane);
        LIST_FOREACH(shared, &queue->shared, entry)
                n++;
        found = calloc(n, sizeof(QueueStanding));
        if (!found)
                return -ENOMEM;
        found[0] = queue_get_lane_standing(queue, uid, JOB_QUEUE_DEFAULT);
        n = 1;
        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        if (is_shown(lane))
                                found[n++] = standing_of(lane);
        LIST_FOREACH(shared, &queue->shared, entry)
                if (shared->is_configured && !queue_find_lane(queue, uid, shared->name))
                        found[n++] = standing_of_shared(shared);
        qsort(found + 1, n - 1, sizeof(QueueStanding), compare_standings);
        *ret = found;
        return (int) n;
}
