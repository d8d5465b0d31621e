/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What follows when it is known how a job ended, see ending.c: its output is collected, its end recorded, and then told to all
 * who wait for it. If it was an attempt, the job waits for the next one. */

#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "failpoint.h"
#include "service-log.h"
#include "slice.h"
#include "time-util.h"

#define TELLING_PAUSE 16 /* iterations of the event loop */
#define BULK_MIN (1024U * 1024U) /* bytes of output whose sync should not delay others */

static void finish(Job *job);

/* --- telling ------------------------------------------------------------------------------------------ */

/* A slice of the jobs that depend on it. Returns whether these are all. */
static bool resolve(Job *job) {
        uint64_t begin = now_monotonic();

        while (conditions_resolve(job))
                if (slice_is_over(begin))
                        return false;
        return true;
}

/* Likewise of all that waits for its end. */
static bool tell(Job *job) {
        uint64_t begin = now_monotonic();

        if (!resolve(job))
                return false;
        while (job->core->events->answer(job, job->core->userdata))
                if (slice_is_over(begin))
                        return false;
        return true;
}

static void tell_later(Job *job) {
        Core *core = job->core;

        job->is_telling = true;
        TAILQ_INSERT_TAIL(&core->telling, job, telling_entry);
        (void) sd_event_source_set_enabled(core->telling_source, SD_EVENT_ONESHOT);
}

/* The worker does not have to exit with the status of the command: it exits while its unit is stopped. */
static void release(Job *job) {
        int r;

        failpoint_die("before-go");
        if (job->link)
                worker_link_go(job->link);
        failpoint_die("after-go");
        job->core->events->removed(job, job->core->userdata);
        failpoint_die("before-release");
        r = job->unit ? unit_release(job->unit) : 0;
        failpoint_die("after-release");
        if (!job->unit || r < 0)
                core_remove(job->core, job);
}

/* The journal only contains what the name and state of the unit show anyway: no label, no command. */
static void log_end(const Job *job) {
        const JobRecord *record = &job->record;
        const char *reason = job_reason_to_string(record->reason);

        if (record->exit_code >= 0)
                log_job(job, LOG_INFO, "%s%s%s, exit code %i.", job_state_to_string(record->state), *reason ? ": " : "",
                        reason, record->exit_code);
        else
                log_job(job, LOG_INFO, "%s%s%s.", job_state_to_string(record->state), *reason ? ": " : "", reason);
}

static void on_finished(int r, uint64_t sequence, void *userdata) {
        Job *job = userdata;
        Core *core = job->core;

        if (r < 0)
                return job_try_again(job, job->core->event, "record its end", r, finish);
        job_apply_outcome(job, sequence);
        queue_leave(&core->queue, job);
        conditions_doomed_ended(job);
        failpoint_die("before-signal");
        job->phase = JOB_RELEASING;
        (void) resolve(job);
        core->events->finished(job, core->userdata);
        log_end(job);
        failpoint_die("after-signal");
        if (tell(job))
                release(job);
        else
                tell_later(job);
        core_schedule(core);
}

bool finishing_hold_up(Core *core) {
        core->is_held_up |= core->events->is_congested(core->userdata);
        return core->is_held_up;
}

/* They take turns. */
static void tell_next(Core *core) {
        Job *job = TAILQ_FIRST(&core->telling);

        TAILQ_REMOVE(&core->telling, job, telling_entry);
        job->is_telling = false;
        if (tell(job))
                release(job);
        else
                tell_later(job);
}

/* Between two slices, callers have a chance: sd-bus reads a message in an iteration, and none while it has something to
 * write. */
int finishing_on_telling(sd_event_source *source, uint64_t usec, void *userdata) {
        Core *core = userdata;

        if (TAILQ_EMPTY(&core->telling) || finishing_hold_up(core))
                return 0;
        if (core->telling_pause > 0)
                core->telling_pause--;
        else {
                tell_next(core);
                core->telling_pause = TELLING_PAUSE;
        }
        if (!TAILQ_EMPTY(&core->telling))
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

void finishing_tell_all(Core *core) {
        while (!TAILQ_EMPTY(&core->telling))
                tell_next(core);
}

/* --- another attempt -------------------------------------------------------------------------------- */

void finishing_take_back(Job *job) {
        job->record.attempt = job_attempts_count(job->record.attempts);
        (void) store_begin(job->core->store, job->record.id, NULL, NULL, job->record.attempt, -1, NULL, NULL, NULL);
}

void finishing_release_attempt(Job *job) {
        int r;

        if (!job->unit)
                return conditions_wait_again(job);
        r = unit_release(job->unit);
        if (r < 0)
                job_try_again(job, job->core->event, "release the unit of its last attempt", r, finishing_release_attempt);
}

static void on_attempt_recorded(int r, void *userdata) {
        Job *job = userdata;
        Core *core = job->core;

        if (r < 0)
                return job_try_again(job, core->event, "record the end of an attempt", r, finish);
        log_job(job, LOG_INFO, "attempt %" PRIu64 " of %" PRIu64 " failed: %s.", job->record.attempt, job->record.retries + 1,
                job_reason_to_string(job->outcome.reason));
        if (job_set_queued(job) < 0)
                log_job(job, LOG_CRIT, "invalid transition from state %s.", job_state_to_string(job->record.state));
        job->phase = JOB_RETRYING;
        core->events->retries(job, core->userdata);
        failpoint_die("before-retry");
        if (job->link)
                worker_link_go(job->link);
        finishing_release_attempt(job);
}

/* The record as it is stored, whose texts are lent. */
static JobRecord ended_record(const Job *job) {
        JobRecord record = job->record;

        record.attempts = job->ended_attempts;
        record.next_attempt_usec = 0;
        return record;
}

/* A stop of the attempt, by a limit, is not one of the job. */
static int retry(Job *job) {
        uint64_t delay = job_retry_delay(job->record.retry_delay_usec, (unsigned) job->record.attempt + 1);
        JobRecord ended = ended_record(job);

        job->stop_reason = JOB_REASON_NONE;
        job->record.stopped_by = UINT32_MAX;
        job->next_attempt_usec = ended.next_attempt_usec = now_realtime() + delay;
        return store_retry(job->core->store, &ended, on_attempt_recorded, job);
}

static void finish(Job *job) {
        KeepInput keep = job->core->config.keep_input;
        JobRecord ended;
        int r;

        job->phase = JOB_ENDING;
        r = job_end_attempt(job);
        if (r >= 0 && job_is_to_retry(job)) {
                r = retry(job);
                if (r < 0)
                        job_try_again(job, job->core->event, "record the end of an attempt", r, finish);
                return;
        }
        job->next_attempt_usec = 0;
        ended = ended_record(job);
        if (r >= 0)
                r = store_finish(job->core->store, &ended, &job->outcome,
                                 keep == KEEP_INPUT_YES || (keep == KEEP_INPUT_FAILED && job->outcome.state != JOB_COMPLETED),
                                 on_finished, job);
        if (r < 0)
                job_try_again(job, job->core->event, "record its end", r, finish);
}

static void on_collected(Job *job, int r, char *result, size_t size) {
        _cleanup_free_ char *text = result;

        if (r < 0)
                log_job(job, LOG_ERR, "failed to sync its output or to read its result: %s", strerror(-r));
        if (text) {
                job->record.result = spec_normalize_result(text, size);
                if (!job->record.result)
                        log_job(job, LOG_NOTICE, "%s", "result is not a JSON object, ignoring.");
        }
        finish(job);
}

void finishing_collect(Job *job) {
        Core *core = job->core;
        Output *output = core->output;
        const JobRecord *record = &job->record;
        bool is_bulky = record->stdout_bytes + record->stderr_bytes > BULK_MIN;
        int r;

        job->phase = JOB_COLLECTING;
        if (job->report && job->report->final) { /* the worker has done that */
                if (job->report->output_error != 0)
                        log_job(job, LOG_ERR, "failed to write or sync its output: %s",
                                strerror(job->report->output_error));
                return finish(job);
        }
        if (record->stdout_bytes == 0 && record->stderr_bytes == 0 && output_size(output, record->id, OUTPUT_RESULT) == 0)
                return finish(job); /* nothing to read or sync */
        if (!core->collector || !core->bulk) /* the service is stopping; the next start does it */
                return;
        r = job_files_collect(job, is_bulky ? core->bulk : core->collector, on_collected);
        if (r < 0)
                job_try_again(job, core->event, "collect its output", r, finishing_collect);
}
