/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Why a queued job does not run, at the moment: the first cause that somebody would have to change. */

#include "core-internal.h"
#include "launcher.h"
#include "text-new.h"
#include "time-util.h"

static _printf_(3, 4) void set(Job *job, const char *reason, const char *format, ...) {
        va_list ap;

        job->record.wait_reason = strdup(reason);
        va_start(ap, format);
        job->record.wait_text = job->record.wait_reason ? text_new_v(format, ap) : NULL;
        va_end(ap);
}

static void set_failed_dependency(Job *job, const char *other) {
        set(job, "dependency", "%s did not end as required", other);
}

/* The other job has ended as required, and this one is told so next. */
static bool is_met(const Dependency *d) {
        return job_state_is_terminal(d->other->record.state) && job_condition_is_met(d->condition, d->other->record.state);
}

static void set_dependency(Job *job) {
        static const char *const verbs[_JOB_CONDITION_MAX] = {
                [JOB_AFTER_OK] = "complete", [JOB_AFTER_ANY] = "finish", [JOB_AFTER_FAILED] = "fail",
        };
        const Dependency *first = NULL, *d;
        unsigned others = 0;

        LIST_FOREACH(d, &job->dependencies, of_job) {
                if (d->coming || is_met(d))
                        continue;
                if (!first)
                        first = d;
                else
                        others++;
        }
        if (!first)
                set(job, "starting", "is being started");
        else if (job_state_is_terminal(first->other->record.state))
                set_failed_dependency(job, first->other->record.id);
        else if (others > 0)
                set(job, "dependency", "waits for %s to %s, and for %u more", first->other->record.id,
                    verbs[first->condition], others);
        else
                set(job, "dependency", "waits for %s to %s", first->other->record.id, verbs[first->condition]);
}

static void set_retry(Job *job) {
        uint64_t now = now_realtime(), due = job->record.next_attempt_usec;
        uint64_t seconds = due > now ? (due - now + USEC_PER_SEC - 1) / USEC_PER_SEC : 0;
        char span[64];

        if (seconds >= 3600)
                (void) snprintf(span, sizeof(span), "%" PRIu64 "h %" PRIu64 "min", seconds / 3600, seconds / 60 % 60);
        else if (seconds >= 60)
                (void) snprintf(span, sizeof(span), "%" PRIu64 "min %" PRIu64 "s", seconds / 60, seconds % 60);
        else
                (void) snprintf(span, sizeof(span), "%" PRIu64 "s", seconds);
        set(job, "retry", "retry in %s, attempt %" PRIu64 " of %" PRIu64, span, job->record.attempt + 1, job->record.retries + 1);
}

/* The queue is full. Returns whether it is. */
static bool set_queue_limit(Job *job, const QueueStanding *lane) {
        uint32_t n = lane->n_running + lane->n_lent, max = lane->max_running, max_user = lane->max_running_user;
        const char *s = max == 1 ? "" : "s";

        if (max > 0 && lane->is_shared && lane->n_running_all >= max)
                set(job, "queue-limit", "limit of %" PRIu32 " running job%s of all users in queue %s reached", max, s, lane->lane);
        else if (max > 0 && !lane->is_shared && n >= max)
                set(job, "queue-limit", "limit of %" PRIu32 " running job%s of queue %s reached", max, s, lane->lane);
        else if (max_user > 0 && n >= max_user)
                set(job, "queue-limit", "limit of %" PRIu32 " running job%s of the user in queue %s reached", max_user,
                    max_user == 1 ? "" : "s", lane->lane);
        else
                return false;
        return true;
}

static void set_pause(Job *job) {
        if (streq(job->record.queue, JOB_QUEUE_DEFAULT))
                set(job, "paused", "queue paused");
        else
                set(job, "paused", "queue %s paused", job->record.queue);
}

/* Its queue cannot run it, see core_refuses(). */
static void set_refusal(Job *job) {
        const ConfigQueue *queue = core_find_shared_queue(job->core, job->record.uid, job->record.queue);
        const char *limit = queue ? launcher_refuses(launcher_find(queue->launcher), &job->limits) : NULL;

        if (queue && queue->is_closed)
                set(job, "configuration", "queue %s starts no jobs, since a line of its configuration is invalid: %s", queue->name,
                    strempty(queue->problem));
        else
                set(job, "configuration", "jobs of queue %s run elsewhere now, where %s has no effect; move the job with edit --queue",
                    job->record.queue, strempty(limit));
}

/* Its outcome is known, and is being recorded. */
static bool is_ending(const Job *job) {
        return job->phase > JOB_ACTIVE && job->phase != JOB_RETRYING;
}

/* It will not be started. Returns whether that is so. */
static bool set_end(Job *job) {
        if (job->stop_reason != JOB_REASON_NONE)
                set(job, "ending", "is being cancelled");
        else if ((job->blocked & JOB_IS_DOOMED) || (is_ending(job) && job->outcome.reason == JOB_REASON_DEPENDENCY))
                set_failed_dependency(job, strempty(job->record.failed_dependency));
        else if (is_ending(job))
                set(job, "ending", "its end is being recorded");
        else
                return false;
        return true;
}

/* It has a place. */
static void set_start(Job *job) {
        if (job->waits_alone && job->record.progress)
                set(job, "obstacle", "%s", job->record.progress);
        else
                set(job, "starting", "is being started");
}

const char *core_obstacle(const Core *core) {
        return core->closed ? "codex-jobsd was removed" : core->shortage.why;
}

/* It is its turn as soon as there is a place. */
static void set_place(Job *job) {
        const Queue *queue = &job->core->queue;
        const char *name = job->record.queue;
        QueueStanding lane = queue_get_lane_standing(queue, job->record.uid, name);

        if (lane.is_missing)
                set(job, "no-queue", "queue %s is no longer configured; move the job with edit --queue", name);
        else if (lane.paused)
                set_pause(job);
        else if (core_obstacle(job->core))
                set(job, "obstacle", "Cannot start: %s", core_obstacle(job->core));
        else if (queue->n_running >= queue->max_running)
                set(job, "limit", "limit of %" PRIu32 " running jobs reached", queue->max_running);
        else if (queue_get_standing(queue, job->record.uid).n_running >= queue->max_running_user)
                set(job, "user-limit", "limit of %" PRIu32 " running jobs of the user reached", queue->max_running_user);
        else if (!set_queue_limit(job, &lane))
                set(job, "starting", "is being started");
}

void core_explain_wait(Job *job) {
        char time[RFC3339_MAX];

        job_clear_wait(job);
        if (job->record.state != JOB_QUEUED)
                return;
        if (set_end(job))
                return;
        if (job->phase != JOB_WAITING && job->phase != JOB_RETRYING)
                set_start(job);
        else if (job->blocked & JOB_IS_HELD)
                set(job, "held", "held");
        else if (job->blocked & JOB_HAS_DEPENDENCIES)
                set_dependency(job);
        else if (job->phase == JOB_RETRYING || ((job->blocked & JOB_IS_EARLY) && job->record.next_attempt_usec > 0))
                set_retry(job);
        else if (job->blocked & JOB_IS_EARLY)
                set(job, "time", "not before %s", format_rfc3339(job->record.not_before_usec, time));
        else if (job->blocked & JOB_IS_REFUSED)
                set_refusal(job);
        else
                set_place(job);
}
