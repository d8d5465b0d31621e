/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What a queued job waits for besides its turn: to be released, its time, the end of other jobs. A dependency is kept in
 * the store until the other job has ended, and is resolved by the transaction that records that end: a job whose
 * dependency failed can never start, and is doomed; it ends like any other job, soon, with the reason dependency. */

#include "core-internal.h"
#include "service-log.h"
#include "slice.h"

/* --- time ------------------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

static int compare_times(const void *a, const void *b) {
        return compare(((const Job *) a)->record.not_before_usec, ((const Job *) b)->record.not_before_usec);
}

static int compare_attempts(const void *a, const void *b) {
        return compare(((const Job *) a)->attempt_due_usec, ((const Job *) b)->attempt_due_usec);
}

static uint64_t now_boottime(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static bool waits_for_attempt(const Job *job) {
        return job->record.next_attempt_usec > 0;
}

/* The kernel moves a timer of CLOCK_REALTIME along when that clock is set. */
static void set_timers(Core *core) {
        const Job *early = heap_first(&core->early), *retry = heap_first(&core->retrying);

        if (early)
                (void) sd_event_source_set_time(core->early_timer, early->record.not_before_usec);
        (void) sd_event_source_set_enabled(core->early_timer, early ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (retry)
                (void) sd_event_source_set_time(core->retry_timer, retry->attempt_due_usec);
        (void) sd_event_source_set_enabled(core->retry_timer, retry ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static Job *first_due(Core *core) {
        Job *early = heap_first(&core->early), *retry = heap_first(&core->retrying);

        if (early && early->record.not_before_usec <= now_realtime())
                return early;
        return retry && retry->attempt_due_usec <= now_boottime() ? retry : NULL;
}

/* At most a slice at a time: the timers elapse again. */
void conditions_check_times(Core *core) {
        uint64_t begin = now_monotonic();
        Job *job;

        while ((job = first_due(core))) {
                heap_remove(waits_for_attempt(job) ? &core->retrying : &core->early, job);
                queue_block(&core->queue, job, JOB_IS_EARLY, false);
                core->events->waits(job, core->userdata);
                core_schedule(core);
                if (slice_is_over(begin))
                        break;
        }
        set_timers(core);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        conditions_check_times(userdata);
        return 0;
}

static int add_timer(Core *core, clockid_t clock, sd_event_source **ret) {
        int r = sd_event_add_time(core->event, ret, clock, 0, USEC_PER_MSEC, on_time, core);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int conditions_init(Core *core) {
        int r;

        heap_init(&core->early, compare_times, offsetof(Job, timer_place));
        heap_init(&core->retrying, compare_attempts, offsetof(Job, timer_place));
        TAILQ_INIT(&core->doomed);
        r = add_timer(core, CLOCK_REALTIME, &core->early_timer);
        return r < 0 ? r : add_timer(core, CLOCK_BOOTTIME, &core->retry_timer);
}

void conditions_clear(Core *core) {
        core->early_timer = sd_event_source_disable_unref(core->early_timer);
        core->retry_timer = sd_event_source_disable_unref(core->retry_timer);
        heap_clear(&core->early);
        heap_clear(&core->retrying);
}

/* The job has to wait for a while. The time of its next attempt is known by CLOCK_REALTIME, which may have been set since. */
static int add_early(Job *job) {
        Core *core = job->core;
        Heap *heap = waits_for_attempt(job) ? &core->retrying : &core->early;
        uint64_t now = now_realtime(), due = job->record.next_attempt_usec;
        uint64_t delay = job_retry_delay(job->record.retry_delay_usec, (unsigned) job->record.attempt + 1);
        int r;

        if (heap_has(heap, job))
                return 0;
        r = heap_reserve(heap, heap->n + 1);
        if (r < 0)
                return r;
        if (waits_for_attempt(job))
                job->attempt_due_usec = now_boottime() + MIN(due > now ? due - now : 0, delay);
        heap_add(heap, job);
        set_timers(core);
        return 0;
}

int conditions_set_time(Job *job, uint64_t not_before_usec) {
        Core *core = job->core;
        bool is_early = not_before_usec > now_realtime();
        int r = 0;

        heap_remove(&core->early, job);
        job->record.not_before_usec = not_before_usec;
        queue_block(&core->queue, job, JOB_IS_EARLY, is_early);
        if (is_early)
                r = add_early(job);
        set_timers(core);
        return r;
}

/* --- the life of a job in the queue ----------------------------------------------------------------- */

bool conditions_permit(const Job *job) {
        return !job->record.held && !job->record.after && job->record.not_before_usec <= now_realtime();
}

/* On disk: none that are still coming. */
static bool has_dependencies(const Job *job) {
        const Dependency *d;

        LIST_FOREACH(d, &job->dependencies, of_job)
                if (!d->coming)
                        return true;
        return false;
}

int conditions_enter(Job *job) {
        bool is_early = (waits_for_attempt(job) ? job->record.next_attempt_usec : job->record.not_before_usec) > now_realtime();
        int r = is_early ? add_early(job) : 0;

        if (r < 0)
                return r;
        job->blocked = (job->record.held || job->n_holding > 0 ? JOB_IS_HELD : 0) |
                (job->n_editing > 0 ? JOB_IS_EDITED : 0) | (is_early ? JOB_IS_EARLY : 0) |
                (has_dependencies(job) ? JOB_HAS_DEPENDENCIES : 0) | (core_refuses(job) ? JOB_IS_REFUSED : 0);
        if (job->record.failed_dependency || job->stop_reason != JOB_REASON_NONE) /* cancelled with its parent */
                conditions_doom(job, NULL);
        return 0;
}

void conditions_leave(Job *job) {
        Core *core = job->core;

        heap_remove(waits_for_attempt(job) ? &core->retrying : &core->early, job);
        set_timers(core);
        if (job->blocked & JOB_IS_DOOMED)
                TAILQ_REMOVE(&core->doomed, job, doomed_entry);
        queue_block(&core->queue, job, JOB_IS_DOOMED, false);
}

/* Its slot is free for others meanwhile. */
void conditions_wait_again(Job *job) {
        Core *core = job->core;
        int r;

        job->link = worker_link_free(job->link);
        job->unit = unit_free(job->unit);
        job->phase = JOB_RECORDING; /* as a new one */
        r = conditions_enter(job);
        if (r >= 0 && !queue_has_slot(job))
                r = queue_push(&core->queue, job);
        else if (r >= 0)
                queue_put_back(&core->queue, job);
        queue_expect_no_more(&core->queue, job);
        if (r < 0) {
                log_job(job, LOG_CRIT, "failed to wait for its next attempt, restarting: %s", strerror(-r));
                (void) sd_event_exit(core->event, r);
                return;
        }
        shortage_report(job);
        core->events->waits(job, core->userdata);
        core_schedule(core);
}

/* --- dependencies ----------------------------------------------------------------------------------- */

/* On those jobs that the store has found to be live: those that have ended since are reported next. */
int conditions_link(Job *job, const char *failed) {
        const char *p = strempty(job->record.after);
        char id[JOB_ID_MAX + 1];
        JobCondition condition;
        Job *other;
        int r;

        while ((r = job_after_next(&p, id, &condition)) > 0) {
                other = core_find_unended(job->core, id);
                r = other ? dependency_new(job, other, condition, NULL) : 0;
                if (r < 0)
                        return r;
        }
        if (failed) {
                job->record.failed_dependency = strdup(failed);
                return job->record.failed_dependency ? r : -ENOMEM;
        }
        return r;
}

int conditions_replace(Job *job, const void *coming, const char *failed) {
        Dependency *d;

        job_drop_dependencies(job, NULL);
        LIST_FOREACH(d, &job->dependencies, of_job)
                if (d->coming == coming)
                        d->coming = NULL;
        if (job->phase == JOB_WAITING) {
                queue_block(&job->core->queue, job, JOB_HAS_DEPENDENCIES, has_dependencies(job));
                if (failed)
                        conditions_doom(job, failed);
        } else if (job->phase == JOB_RECORDING && failed) {
                job->record.failed_dependency = strdup(failed);
                return job->record.failed_dependency ? 0 : -ENOMEM;
        }
        return 0;
}

/* If memory is short, the record does not name the other job until the service is started again. */
void conditions_doom(Job *job, const char *other) {
        Core *core = job->core;

        if (job->phase > JOB_WAITING || (job->blocked & JOB_IS_DOOMED))
                return;
        if (!job->record.failed_dependency && other)
                job->record.failed_dependency = strdup(other);
        queue_block(&core->queue, job, JOB_IS_DOOMED, true);
        TAILQ_INSERT_TAIL(&core->doomed, job, doomed_entry);
        (void) sd_event_source_set_enabled(core->doomed_source, SD_EVENT_ONESHOT);
}

void conditions_doomed_ended(Job *job) {
        Core *core = job->core;

        if (!job->is_doomed_end)
                return;
        job->is_doomed_end = false;
        core->n_doomed_ends--;
        (void) sd_event_source_set_enabled(core->doomed_source, SD_EVENT_ONESHOT);
}

bool conditions_resolve(Job *ended) {
        Dependency *d = LIST_FIRST(&ended->dependents);
        Core *core = ended->core;
        bool is_met, is_coming;
        Job *job;

        if (!d)
                return false;
        job = d->job;
        is_met = job_condition_is_met(d->condition, ended->record.state);
        is_coming = d->coming;
        (void) dependency_free(d);
        if (job->phase != JOB_WAITING || is_coming)
                return true;
        if (!is_met)
                conditions_doom(job, ended->record.id);
        else if (!has_dependencies(job)) {
                queue_block(&core->queue, job, JOB_HAS_DEPENDENCIES, false);
                core_schedule(core);
        }
        core->events->waits(job, core->userdata);
        return true;
}

/* --- hold ------------------------------------------------------------------------------------------- */

typedef struct Hold {
        Core *core;
        char id[JOB_ID_MAX + 1];
        bool held;
        StoreCallback done;
        void *userdata;
} Hold;

/* A job that is being held, or released and held again, is not started in between. */
static void on_hold_recorded(int r, void *userdata) {
        _cleanup_free_ Hold *hold = userdata;
        Core *core = hold->core;
        Job *job = core_find_unended(core, hold->id);

        if (job) {
                job->n_holding -= hold->held;
                if (r >= 0)
                        job->record.held = hold->held;
                queue_block(&core->queue, job, JOB_IS_HELD, job->record.held || job->n_holding > 0);
                core->events->waits(job, core->userdata);
                core_schedule(core);
        }
        hold->done(r, hold->userdata);
}

/* Also one that was loaded, and has no place in the queue until the service manager has answered. */
static bool is_queued(const Job *job) {
        if (job->phase == JOB_RECORDING)
                return job->record.state == JOB_QUEUED && !job->instance;
        return (job->phase == JOB_WAITING || job->phase == JOB_RETRYING) && !(job->blocked & JOB_IS_DOOMED);
}

int core_hold(Job *job, bool held, StoreCallback done, void *userdata) {
        Core *core = job->core;
        Hold *hold;
        int r;

        if (!is_queued(job))
                return -JOB_ERROR_NOT_QUEUED;
        hold = malloc(sizeof(*hold));
        if (!hold)
                return -ENOMEM;
        *hold = (Hold) { .core = core, .held = held, .done = done, .userdata = userdata };
        (void) snprintf(hold->id, sizeof(hold->id), "%s", job->record.id);
        r = store_hold(core->store, hold->id, held, on_hold_recorded, hold);
        if (r < 0) {
                free(hold);
                return r;
        }
        if (held) {
                job->n_holding++;
                queue_block(&core->queue, job, JOB_IS_HELD, true);
        }
        return 0;
}
