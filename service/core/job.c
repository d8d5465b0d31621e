/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>
#include <signal.h>
#include <sys/wait.h>

#include "job.h"
#include "service-log.h"
#include "unit.h"
#include "utf8.h"
#include "worker-link.h"

#define EXIT_CODE_CANCELLED (128 + SIGTERM)
#define RETRY_USEC USEC_PER_SEC
#define PROGRESS_MAX 1024

int job_new(Job **ret, const char *id, const char *kind, uint32_t uid) {
        _cleanup_(job_freep) Job *job = NULL;

        job = calloc(1, sizeof(*job));
        if (!job)
                return -ENOMEM;
        job->record = JOB_RECORD_INIT;
        job->growth_fd = -EBADF;
        LIST_INIT(&job->dependencies);
        LIST_INIT(&job->dependents);
        LIST_INIT(&job->children);
        job->record.uid = uid;
        job->record.id = strdup(id);
        job->record.kind = strdup(kind);
        job->record.queue = strdup(JOB_QUEUE_DEFAULT);
        if (!job->record.id || !job->record.kind || !job->record.queue)
                return -ENOMEM;
        *ret = TAKE_PTR(job);
        return 0;
}

int dependency_new(Job *job, Job *other, JobCondition condition, const void *coming) {
        Dependency *d = malloc(sizeof(*d));

        if (!d)
                return -ENOMEM;
        *d = (Dependency) { .job = job, .other = other, .condition = condition, .coming = coming };
        LIST_INSERT_HEAD(&job->dependencies, d, of_job);
        LIST_INSERT_HEAD(&other->dependents, d, of_other);
        return 0;
}

Dependency *dependency_free(Dependency *d) {
        LIST_REMOVE(d, of_job);
        LIST_REMOVE(d, of_other);
        free(d);
        return NULL;
}

void job_drop_dependencies(Job *job, const void *coming) {
        Dependency *d = LIST_FIRST(&job->dependencies), *next;

        for (; d; d = next) {
                next = LIST_NEXT(d, of_job);
                if (d->coming == coming)
                        (void) dependency_free(d);
        }
}

static void mark(JobMarks *marks, Job *job) {
        if (job->is_marked)
                return;
        job->is_marked = true;
        STAILQ_INSERT_TAIL(marks, job, mark_entry);
}

int job_mark_dependents(Job *job, unsigned max, JobMarks *marks) {
        const Dependency *d;
        unsigned n = 0;

        STAILQ_INIT(marks);
        mark(marks, job);
        STAILQ_FOREACH(job, marks, mark_entry) { /* which becomes longer */
                LIST_FOREACH(d, &job->dependents, of_other) {
                        if (++n > max) {
                                job_unmark(marks);
                                return -E2BIG;
                        }
                        mark(marks, d->job);
                }
        }
        return 0;
}

void job_unmark(JobMarks *marks) {
        Job *job;

        STAILQ_FOREACH(job, marks, mark_entry)
                job->is_marked = false;
}

static void report_free(JobReport *report) {
        if (report)
                free(report->left);
        free(report);
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;

        assert(!job->attachment);
        while (!LIST_EMPTY(&job->dependencies))
                (void) dependency_free(LIST_FIRST(&job->dependencies));
        while (!LIST_EMPTY(&job->dependents))
                (void) dependency_free(LIST_FIRST(&job->dependents));
        (void) unit_free(job->unit);
        (void) worker_link_free(job->link);
        (void) sd_event_source_disable_unref(job->link_timer);
        (void) sd_event_source_disable_unref(job->left_source);
        closep(&job->growth_fd);
        report_free(job->report);
        free(job->stuck);
        free(job->postponed);
        (void) sd_event_source_disable_unref(job->retry);
        free(job->instance);
        free(job->ended_attempts);
        job_record_clear(&job->record);
        free(job);
        return NULL;
}

void job_clear_wait(Job *job) {
        free(job->record.wait_reason);
        free(job->record.wait_text);
        job->record.wait_reason = job->record.wait_text = NULL;
}

int job_set_running(Job *job, uint64_t started_usec) {
        if (job->record.state != JOB_QUEUED)
                return -EINVAL;
        job->record.state = JOB_RUNNING;
        job_clear_wait(job);
        job->record.started_usec = started_usec;
        return 0;
}

int job_set_outcome(Job *job, JobState state, JobReason reason, uint64_t finished_usec) {
        if (job_state_is_terminal(job->record.state) || !job_state_is_terminal(state) ||
            (state == JOB_COMPLETED) != (reason == JOB_REASON_NONE))
                return -EINVAL;
        job->outcome = (JobOutcome) {
                .state = state,
                .reason = reason,
                .exit_code = state == JOB_CANCELLED ? EXIT_CODE_CANCELLED : -1,
                .started_usec = job->record.started_usec,
                .finished_usec = finished_usec,
        };
        return 0;
}

static void take_attempts(Job *job) {
        free(job->record.attempts);
        job->record.attempts = TAKE_PTR(job->ended_attempts);
        job->record.next_attempt_usec = job->next_attempt_usec;
        job->next_attempt_usec = 0;
}

void job_apply_outcome(Job *job, uint64_t sequence) {
        job_outcome_apply(&job->outcome, &job->record);
        job_clear_wait(job);
        job->record.sequence = sequence;
        take_attempts(job);
}

/* --- attempts ---------------------------------------------------------------------------------------- */

bool job_is_to_retry(const Job *job) {
        return job->outcome.state == JOB_FAILED && job->stop_reason != JOB_REASON_USER && !job->is_last_attempt &&
               job->record.attempt > 0 && job->record.attempt <= job->record.retries && job_retry_on_has(job->record.retry_on, job->outcome.reason);
}

int job_end_attempt(Job *job) {
        _cleanup_free_ char *attempts = job->record.attempts ? strdup(job->record.attempts) : NULL;
        const JobOutcome *o = &job->outcome;
        int r = 0;

        if (job->record.attempts && !attempts)
                return -ENOMEM;
        if (job->record.retries > 0 && job_attempts_count(attempts) < job->record.attempt) /* else none was running */
                r = job_attempts_append(&attempts, &(JobAttempt) {
                                                                  .reason = o->reason,
                                                                  .exit_code = o->exit_code,
                                                                  .signal = o->signal,
                                                                  .started_usec = o->started_usec,
                                                                  .finished_usec = o->finished_usec,
                                                                  .stdout_bytes = job->record.stdout_bytes,
                                                                  .stderr_bytes = job->record.stderr_bytes,
                                                          });
        if (r < 0)
                return r;
        free(job->ended_attempts);
        job->ended_attempts = TAKE_PTR(attempts);
        return 0;
}

static void clear_text(char **text) {
        free(*text);
        *text = NULL;
}

int job_set_queued(Job *job) {
        JobRecord *record = &job->record;

        if (job_state_is_terminal(record->state))
                return -EINVAL;
        record->state = JOB_QUEUED;
        take_attempts(job);
        record->started_usec = record->cpu_usage_usec = record->memory_peak = 0;
        clear_text(&record->progress);
        clear_text(&record->result);
        clear_text(&record->result_error);
        clear_text(&record->left_behind);
        clear_text(&record->end_source);
        clear_text(&record->launcher);
        clear_text(&record->place);
        clear_text(&record->place_id);
        clear_text(&job->instance);
        clear_text(&job->stuck);
        *job->secret = 0;
        report_free(job->report);
        job->report = NULL;
        job->outcome = (JobOutcome) {};
        job->asked_for_help = job->is_heard = job->is_gone = job->is_reaped = false;
        job->left_source = sd_event_source_disable_unref(job->left_source);
        job->link_timer = sd_event_source_disable_unref(job->link_timer);
        return 0;
}

/* --- outcome ----------------------------------------------------------------------------------------- */

static bool ran_too_long(const Job *job, const JobEnd *end) {
        return end->cause == JOB_CAUSE_TIMEOUT && job->limits.runtime_max_usec > 0 &&
               end->ran_usec >= job->limits.runtime_max_usec;
}

static bool wrote_too_much(const Job *job) {
        return job->limits.output_max > 0 && job->record.stdout_bytes + job->record.stderr_bytes > job->limits.output_max;
}

/* Why a job that we did not stop has failed; JOB_REASON_NONE: it completed. */
static JobReason reason_from_end(const Job *job, const JobEnd *end) {
        if (end->cause == JOB_CAUSE_NODE_LOST)
                return JOB_REASON_NODE_LOST;
        if (end->cause == JOB_CAUSE_LOST)
                return JOB_REASON_LOST;
        if (end->code == 0 || end->cause == JOB_CAUSE_WORKER)
                return JOB_REASON_NOT_EXECUTABLE;
        if (end->cause == JOB_CAUSE_OOM)
                return JOB_REASON_OOM_KILL;
        if (ran_too_long(job, end))
                return JOB_REASON_RUNTIME_LIMIT;
        if (end->code == CLD_DUMPED)
                return JOB_REASON_CORE_DUMP;
        if (end->code == CLD_KILLED)
                return JOB_REASON_SIGNAL;
        if (end->status != 0)
                return JOB_REASON_EXIT_CODE;
        /* It had exited before anybody looked. */
        return wrote_too_much(job) ? JOB_REASON_OUTPUT_LIMIT : JOB_REASON_NONE;
}

int job_set_end(Job *job, const JobEnd *end, uint64_t finished_usec) {
        bool by_signal = end->code == CLD_KILLED || end->code == CLD_DUMPED;
        JobReason reason;
        JobState state;
        int r;

        job->is_last_attempt |= job->stop_reason == JOB_REASON_USER;
        if (end->cause != JOB_CAUSE_STOP) {
                job->stop_reason = JOB_REASON_NONE;
                job->record.stopped_by = UINT32_MAX;
        }
        reason = job->stop_reason != JOB_REASON_NONE ? job->stop_reason : reason_from_end(job, end);
        state = reason == JOB_REASON_NONE ? JOB_COMPLETED : reason == JOB_REASON_USER ? JOB_CANCELLED : JOB_FAILED;
        r = job_set_outcome(job, state, reason, finished_usec);
        if (r < 0)
                return r;
        if (by_signal)
                job->outcome.signal = end->status;
        if (state != JOB_CANCELLED && end->code != 0)
                job->outcome.exit_code = by_signal ? 128 + end->status : end->status;
        return 0;
}

void job_set_progress(Job *job, const char *text) {
        char *progress = text ? utf8_make_valid(text, strnlen(text, PROGRESS_MAX)) : NULL;

        if (text && !progress)
                return;
        free(job->record.progress);
        job->record.progress = progress;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        job->retry = sd_event_source_disable_unref(job->retry);
        job->again(job);
        return 0;
}

void job_call_later(Job *job, sd_event *event, uint64_t usec, void (*again)(Job *job)) {
        int r;

        job->again = again;
        job->retry = sd_event_source_disable_unref(job->retry);
        r = sd_event_add_time_relative(event, &job->retry, CLOCK_MONOTONIC, usec, 0, on_retry, job);
        if (r < 0)
                log_job(job, LOG_CRIT, "failed to set a timer, restart the service to continue: %s", strerror(-r));
}

void job_try_again(Job *job, sd_event *event, const char *what, int error, void (*again)(Job *job)) {
        log_job(job, LOG_ERR, "failed to %s, retrying every second: %s", what, strerror(-error));
        job_call_later(job, event, RETRY_USEC, again);
}
