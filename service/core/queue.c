/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>

#include "queue.h"

struct QueueLane {
        LIST_ENTRY(QueueLane) entry;
        QueueUser *user;
        char *name;
        bool is_made; /* by its user */
        bool paused;
        uint32_t max_running; /* 0: no limit */
        uint32_t n_waiting;
        uint32_t n_coming;
        uint32_t n_moving;
        uint32_t n_running;
        uint32_t n_lent;
        uint32_t n_lenders; /* of the jobs that run, those that could lend their slot */
        uint64_t *numbers; /* a bit for each number, set if a job that runs has it */
        size_t n_numbers;  /* words */
        Heap ready; /* waiting jobs that nothing else keeps from their turn */
};

struct QueueUser {
        TAILQ_ENTRY(QueueUser) entry;
        LIST_HEAD(, QueueLane) lanes;
        uint32_t uid;
        uint32_t n_running;
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

/* --- users and their lanes -------------------------------------------------------------------------- */

static void user_free(Queue *queue, QueueUser *user) {
        TAILQ_REMOVE(&queue->users, user, entry);
        free(user);
}

static void lane_free(QueueLane *lane) {
        LIST_REMOVE(lane, entry);
        heap_clear(&lane->ready);
        free(lane->numbers);
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
        LIST_INIT(&user->lanes);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        return user;
}

/* Users without any state are removed. */
static void put_user(Queue *queue, QueueUser *user) {
        if (LIST_EMPTY(&user->lanes))
                user_free(queue, user);
}

static QueueLane *find_lane(const Queue *queue, uint32_t uid, const char *name) {
        const QueueUser *user = find_user(queue, uid);
        QueueLane *lane = NULL;

        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        if (streq(lane->name, name))
                                break;
        return lane;
}

static QueueLane *lane_new(QueueUser *user, const char *name) {
        QueueLane *lane = calloc(1, sizeof(*lane));

        if (!lane)
                return NULL;
        lane->user = user;
        heap_init(&lane->ready, compare_jobs, offsetof(Job, queue_place));
        LIST_INSERT_HEAD(&user->lanes, lane, entry);
        lane->name = strdup(name);
        if (lane->name)
                return lane;
        lane_free(lane);
        return NULL;
}

static QueueLane *get_lane(Queue *queue, uint32_t uid, const char *name) {
        QueueLane *lane = find_lane(queue, uid, name);
        QueueUser *user;

        if (lane)
                return lane;
        user = get_user(queue, uid);
        lane = user ? lane_new(user, name) : NULL;
        if (user && !lane)
                put_user(queue, user);
        return lane;
}

static size_t count_jobs(const QueueLane *lane) {
        return (size_t) lane->n_waiting + lane->n_coming + lane->n_moving + lane->n_running + lane->n_lent;
}

static void put_lane(Queue *queue, QueueLane *lane) {
        QueueUser *user = lane->user;

        if (count_jobs(lane) > 0 || lane->paused || lane->is_made)
                return;
        lane_free(lane);
        put_user(queue, user);
}

static int reserve_numbers(QueueLane *lane, size_t n) {
        size_t words = n / 64 + 1;
        uint64_t *bigger;

        if (words <= lane->n_numbers)
                return 0;
        bigger = reallocarray(lane->numbers, words, sizeof(uint64_t));
        if (!bigger)
                return -ENOMEM;
        memset(bigger + lane->n_numbers, 0, (words - lane->n_numbers) * sizeof(uint64_t));
        lane->numbers = bigger;
        lane->n_numbers = words;
        return 0;
}

/* The lane with room for one more job. All jobs that may ever have to wait have room: only new ones are refused. */
static QueueLane *get_lane_with_room(Queue *queue, const Job *job, const char *name) {
        QueueLane *lane = get_lane(queue, job->record.uid, name);
        size_t n;

        if (!lane)
                return NULL;
        n = count_jobs(lane) + 1;
        if (heap_reserve(&lane->ready, n) < 0 || reserve_numbers(lane, MAX(n, (size_t) (job->record.slot + 1))) < 0) {
                put_lane(queue, lane);
                return NULL;
        }
        return lane;
}

static QueueLane *get_lane_for_job(Queue *queue, Job *job) {
        QueueLane *lane = get_lane_with_room(queue, job, job->record.queue);

        if (!lane)
                return NULL;
        if (job->number == 0)
                job->number = ++queue->last_number;
        job->lane = lane;
        return lane;
}

/* One that was found running has its number already. */
static void take_number(Job *job) {
        uint64_t *words = job->lane->numbers;
        size_t i = 0;

        if (job->record.slot < 0) {
                while (words[i] == UINT64_MAX)
                        i++;
                job->record.slot = (int32_t) (64 * i) + __builtin_ctzll(~words[i]);
        }
        words[job->record.slot / 64] |= UINT64_C(1) << job->record.slot % 64;
}

static void give_number_back(Job *job) {
        job->lane->numbers[job->record.slot / 64] &= ~(UINT64_C(1) << job->record.slot % 64);
}

/* --- jobs that lend their slot ----------------------------------------------------------------------- */

static void set_listed(Queue *queue, QueueNest *nest, bool is_listed) {
        if (is_listed == nest->is_listed)
                return;
        if (is_listed) {
                TAILQ_INSERT_TAIL(&queue->lenders, nest, entry);
                nest->parent->lane->n_lenders++;
        } else {
                TAILQ_REMOVE(&queue->lenders, nest, entry);
                nest->parent->lane->n_lenders--;
        }
        nest->is_listed = is_listed;
}

static void list_nest(Queue *queue, QueueNest *nest) {
        set_listed(queue, nest, queue_has_slot(nest->parent) && !nest->borrower && nest->ready.n > 0);
}

static void nest_free(Queue *queue, QueueNest *nest) {
        set_listed(queue, nest, false);
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
        QueueNest *nest;

        assert(job->parent && job->lender != job->parent);
        nest = job->parent->nest;
        heap_remove(&nest->ready, job);
        LIST_REMOVE(job, of_parent);
        job->parent = NULL;
        nest->n--;
        update_nest(queue, nest);
}

static void add_ready(Queue *queue, Job *job) {
        heap_add(&job->lane->ready, job);
        if (job->parent) {
                heap_add(&job->parent->nest->ready, job);
                list_nest(queue, job->parent->nest);
        }
}

static void remove_ready(Queue *queue, Job *job) {
        heap_remove(&job->lane->ready, job);
        if (job->parent) {
                heap_remove(&job->parent->nest->ready, job);
                list_nest(queue, job->parent->nest);
        }
}

static void borrow(Queue *queue, Job *job) {
        job->lender = job->parent;
        job->parent->nest->borrower = job;
        take_number(job);
        job->lane->n_lent++;
        queue->n_lent++;
        list_nest(queue, job->parent->nest);
        if (job->nest)
                list_nest(queue, job->nest);
}

static void give_back(Queue *queue, Job *job) {
        QueueNest *nest = job->lender->nest;

        nest->borrower = NULL;
        job->lender = NULL;
        job->lane->n_lent--;
        queue->n_lent--;
        update_nest(queue, nest);
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
        QueueLane *lane = get_lane_for_job(queue, job);

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
        put_lane(queue, job->lane);
}

int queue_push(Queue *queue, Job *job) {
        job->record.slot = -1; /* it may have had one, in an earlier attempt */
        if (!get_lane_for_job(queue, job))
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
        put_lane(queue, job->lane);
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
        QueueLane *lane = get_lane_with_room(queue, job, name);

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
                put_lane(queue, old);
        } else
                put_lane(queue, lane);
}

static bool user_may_run_more(const Queue *queue, const QueueUser *user) {
        return queue->n_running < queue->max_running && user->n_running < queue->max_running_user;
}

static bool lane_has_room(const QueueLane *lane) {
        return lane->max_running == 0 || lane->n_running + lane->n_lent < lane->max_running;
}

static bool lane_may_run_more(const QueueLane *lane) {
        return !lane->paused && lane_has_room(lane);
}

/* A lane that is full of jobs which may all wait for a child of theirs lets one more run: they could wait for each other
 * for ever. */
static bool lane_may_run_child(const QueueLane *lane) {
        return !lane->paused && (lane_has_room(lane) || lane->n_lenders >= lane->n_running + lane->n_lent);
}

static Job *first_of_user(const QueueUser *user) {
        const QueueLane *lane;
        Job *first = NULL;

        LIST_FOREACH(lane, &user->lanes, entry)
                if (lane->ready.n > 0 && lane_may_run_more(lane) &&
                    (!first || compare_jobs(heap_first(&lane->ready), first) < 0))
                        first = heap_first(&lane->ready);
        return first;
}

static void take_slot(Queue *queue, Job *job) {
        QueueUser *user = job->lane->user;

        job->has_slot = true;
        take_number(job);
        job->lane->n_running++;
        user->n_running++;
        queue->n_running++;
        TAILQ_REMOVE(&queue->users, user, entry);
        TAILQ_INSERT_TAIL(&queue->users, user, entry);
        if (job->nest) /* it began before, and could not be started */
                list_nest(queue, job->nest);
}

static Job *pop_for_slot(Queue *queue) {
        QueueUser *user, *next = NULL;
        Job *job, *first = NULL;

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

/* The lender that comes first goes to the end, when it lends again. */
static Job *pop_for_lent_slot(Queue *queue) {
        QueueNest *nest;

        TAILQ_FOREACH(nest, &queue->lenders, entry) {
                Job *job = heap_first(&nest->ready);

                if (!lane_may_run_child(job->lane))
                        continue;
                borrow(queue, job);
                queue_remove(queue, job);
                return job;
        }
        return NULL;
}

Job *queue_pop(Queue *queue) {
        return pop_for_slot(queue) ?: pop_for_lent_slot(queue);
}

bool queue_has_free_slot(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = find_lane(queue, uid, name);
        const QueueUser *user, *own = find_user(queue, uid);

        TAILQ_FOREACH(user, &queue->users, entry)
                if (user_may_run_more(queue, user) && first_of_user(user))
                        return false;
        if (own ? !user_may_run_more(queue, own) : queue->n_running >= queue->max_running)
                return false;
        return !lane || (lane->ready.n == 0 && lane_may_run_more(lane));
}

int queue_take_slot(Queue *queue, Job *job) {
        if (!get_lane_for_job(queue, job))
                return -ENOMEM;
        take_slot(queue, job);
        return 0;
}

int queue_take_any_slot(Queue *queue, Job *job) {
        Job *parent = job->parent;

        if (!parent || !queue_has_slot(parent) || parent->nest->borrower)
                return queue_take_slot(queue, job);
        if (!get_lane_for_job(queue, job))
                return -ENOMEM;
        borrow(queue, job);
        return 0;
}

/* The slot of a job that has lent it goes on to the borrower: both count as before, but for the lender. */
static void pass_on(Job *job, Job *borrower) {
        job->nest->borrower = NULL;
        borrower->lender = job->lender;
        borrower->has_slot = job->has_slot;
        if (job->lender)
                job->lender->nest->borrower = borrower;
        if (job->has_slot) {
                job->lane->n_running--;
                borrower->lane->n_lent--;
                borrower->lane->n_running++;
        } else
                job->lane->n_lent--;
        job->has_slot = false;
        job->lender = NULL;
}

void queue_release_slot(Queue *queue, Job *job) {
        if (!queue_has_slot(job))
                return;
        assert(job->lane->user->n_running > 0);
        if (job->nest && job->nest->borrower) {
                pass_on(job, job->nest->borrower);
                queue->n_lent--;
        } else if (job->lender)
                give_back(queue, job);
        else {
                job->has_slot = false;
                job->lane->n_running--;
                job->lane->user->n_running--;
                queue->n_running--;
        }
        give_number_back(job);
        if (job->nest)
                update_nest(queue, job->nest);
        put_lane(queue, job->lane);
}

void queue_leave(Queue *queue, Job *job) {
        queue_release_slot(queue, job);
        while (!LIST_EMPTY(&job->children))
                unnest(queue, LIST_FIRST(&job->children));
        if (job->parent)
                unnest(queue, job);
}

/* --- what users say about their lanes --------------------------------------------------------------- */

int queue_set_lane(Queue *queue, uint32_t uid, const char *name, uint32_t max_running) {
        QueueLane *lane = get_lane(queue, uid, name);

        if (!lane)
                return -ENOMEM;
        lane->is_made = true;
        lane->max_running = max_running;
        return 0;
}

void queue_remove_lane(Queue *queue, uint32_t uid, const char *name) {
        QueueLane *lane = find_lane(queue, uid, name);

        if (!lane)
                return;
        lane->is_made = lane->paused = false;
        lane->max_running = 0;
        put_lane(queue, lane);
}

int queue_set_paused(Queue *queue, uint32_t uid, const char *name, bool paused) {
        QueueLane *lane = get_lane(queue, uid, name);

        if (!lane)
                return -ENOMEM;
        lane->paused = paused;
        put_lane(queue, lane);
        return 0;
}

bool queue_has_lane(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = find_lane(queue, uid, name);

        return streq(name, JOB_QUEUE_DEFAULT) || (lane && lane->is_made);
}

static QueueStanding standing_of(const QueueLane *lane) {
        return (QueueStanding) {
                .lane = lane->name,
                .n_waiting = lane->n_waiting,
                .n_coming = lane->n_coming,
                .n_moving = lane->n_moving,
                .n_running = lane->n_running,
                .n_lent = lane->n_lent,
                .max_running = lane->max_running,
                .paused = lane->paused,
                .is_made = lane->is_made,
        };
}

QueueStanding queue_get_lane_standing(const Queue *queue, uint32_t uid, const char *name) {
        const QueueLane *lane = find_lane(queue, uid, name);

        return lane ? standing_of(lane) : (QueueStanding) { .lane = name };
}

QueueStanding queue_get_standing(const Queue *queue, uint32_t uid) {
        QueueStanding all = queue_get_lane_standing(queue, uid, JOB_QUEUE_DEFAULT);
        const QueueUser *user = find_user(queue, uid);
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

int queue_get_lanes(const Queue *queue, uint32_t uid, QueueStanding **ret) {
        const QueueUser *user = find_user(queue, uid);
        const QueueLane *lane;
        QueueStanding *found;
        size_t n = 1;

        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        n += !streq(lane->name, JOB_QUEUE_DEFAULT);
        found = calloc(n, sizeof(QueueStanding));
        if (!found)
                return -ENOMEM;
        found[0] = queue_get_lane_standing(queue, uid, JOB_QUEUE_DEFAULT);
        n = 1;
        if (user)
                LIST_FOREACH(lane, &user->lanes, entry)
                        if (!streq(lane->name, JOB_QUEUE_DEFAULT))
                                found[n++] = standing_of(lane);
        qsort(found + 1, n - 1, sizeof(QueueStanding), compare_standings);
        *ret = found;
        return (int) n;
}
