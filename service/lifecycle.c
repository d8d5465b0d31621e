/* SPDX-License-Identifier: Apache-2.0 */

/* The way of a job. Order is the whole of durability:
 *
 *   record committed -> Enqueue answered -> begin committed -> unit started
 *   unit's end seen -> output synced -> result committed -> waiters answered, JobFinished sent -> unit released
 *
 * Until the result is committed the unit stays, so a service that dies at any instant finds it again. */

#include <systemd/sd-journal.h>

#include "bus-names.h"
#include "failpoint.h"
#include "job-id.h"
#include "limits.h"
#include "manager.h"
#include "service-log.h"
#include "time-util.h"
#include "utf8.h"

#define RETRY_USEC USEC_PER_SEC
#define BULK_MIN (1024U * 1024U) /* bytes of output, the sync of which others do not wait for */
#define PROGRESS_MAX 1024

static void begin(Job *job);
static void collect(Job *job);
static void finish(Job *job);

int lifecycle_set_instance(Job *job) {
        free(job->instance);
        job->instance = strdup(job->manager->instance);
        return job->instance ? 0 : -ENOMEM;
}

/* --- begin and start ------------------------------------------------------------------------------- */

void lifecycle_schedule(Manager *manager) {
        Job *job;

        while (!manager->stopping && manager->instance && (job = queue_pop(&manager->queue)))
                begin(job);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        job->retry = sd_event_source_disable_unref(job->retry);
        if (job->phase == JOB_BEGINNING)
                begin(job);
        else if (job->phase == JOB_COLLECTING)
                collect(job);
        else if (job->phase == JOB_ENDING)
                finish(job);
        return 0;
}

static void set_retry(Job *job) {
        int r;

        job->retry = sd_event_source_disable_unref(job->retry);
        r = sd_event_add_time_relative(job->manager->event, &job->retry, CLOCK_MONOTONIC, RETRY_USEC, 0, on_retry, job);
        if (r < 0)
                log_job(job, LOG_CRIT, "cannot set a timer: %s. Restart the service.", strerror(-r));
}

/* What fails for want of space, memory or descriptors is done again until it works: the job was accepted. */
static void retry_later(Job *job, const char *what, int error) {
        log_job(job, LOG_ERR, "cannot %s: %s. Trying again every second.", what, strerror(-error));
        set_retry(job);
}

static void set_progress(Job *job, const char *text) {
        char *progress = utf8_make_valid(text, strnlen(text, PROGRESS_MAX));

        if (!progress)
                return;
        free(job->record.progress);
        job->record.progress = progress;
}

/* The job ends without a unit that could tell how: exit_code stays -1, but for one that was cancelled. */
static void end_unseen(Job *job, JobReason reason) {
        JobState state = job->stop_reason == JOB_REASON_USER ? JOB_CANCELLED : JOB_FAILED;

        limits_unwatch(job);
        if (job->stop_reason != JOB_REASON_NONE)
                reason = job->stop_reason;
        if (job_set_outcome(job, state, reason, now_realtime()) < 0)
                log_job(job, LOG_CRIT, "illegal step out of state %s.", job_state_to_string(job->record.state));
        (void) limits_update_sizes(job);
        collect(job);
}

static int start(Job *job, int spec_fd) {
        _cleanup_close_ int stdout_fd = -EBADF, stderr_fd = -EBADF;
        _cleanup_free_ char *result_path = NULL;
        Manager *manager = job->manager;
        int r;

        if (!job->unit) {
                r = unit_new(&job->unit, manager->units, job->record.id, false, job);
                if (r < 0)
                        return r;
        }
        result_path = output_result_path(manager->output, job->record.id);
        if (!result_path)
                return -ENOMEM;
        stdout_fd = output_open_writer(manager->output, job->record.id, OUTPUT_STDOUT);
        if (stdout_fd < 0)
                return stdout_fd;
        stderr_fd = output_open_writer(manager->output, job->record.id, OUTPUT_STDERR);
        if (stderr_fd < 0)
                return stderr_fd;
        return unit_start(job->unit, &(UnitStart) {
                                             .spec_fd = spec_fd,
                                             .stdout_fd = stdout_fd,
                                             .stderr_fd = stderr_fd,
                                             .uid = job->record.uid,
                                             .limits = job->limits,
                                             .stop_timeout_usec = manager->config.stop_timeout_usec,
                                             .writable_path = result_path,
                                     });
}

void lifecycle_on_begun(int r, int spec_fd, void *userdata) {
        _cleanup_close_ int fd = spec_fd;
        Job *job = userdata;

        if (job->manager->stopping)
                return;
        if (r == -ENOENT || r == -EBADMSG) { /* cannot become better */
                log_job(job, LOG_ERR, "its description in the store is not readable: %s.", strerror(-r));
                return end_unseen(job, JOB_REASON_NOT_EXECUTABLE);
        }
        if (r >= 0 && job->stop_reason != JOB_REASON_NONE)
                return end_unseen(job, job->stop_reason);
        failpoint_die("before-start");
        if (r >= 0)
                r = start(job, fd);
        failpoint_die("after-start");
        if (r == -ENOENT) {
                set_progress(job, "The files for its output are gone.");
                return end_unseen(job, JOB_REASON_NOT_EXECUTABLE);
        }
        if (r < 0)
                return retry_later(job, "start it", r);
        job->phase = JOB_STARTING;
}

/* Also for a job whose start got lost: its begin is recorded again, under the instance of now. */
static void begin(Job *job) {
        Manager *manager = job->manager;
        int r;

        job->phase = JOB_BEGINNING;
        job->executed_usec = 0;
        r = output_create_missing(manager->output, job->record.id, job->record.uid);
        if (r == -ENOENT) /* their folder: start() says so */
                r = 0;
        if (r >= 0)
                r = lifecycle_set_instance(job);
        if (r >= 0)
                r = store_begin(manager->store, job->record.id, manager->instance, lifecycle_on_begun, job);
        if (r < 0)
                retry_later(job, "begin it", r);
}

/* It was refused, as by a host that goes down: recorded as not begun, it runs after the next start. */
static void begin_later(Job *job, const char *message) {
        log_job(job, LOG_NOTICE, "its start is refused for now: %s Trying again every second.", message);
        job->phase = JOB_BEGINNING;
        (void) store_begin(job->manager->store, job->record.id, NULL, NULL, NULL);
        set_retry(job);
}

/* --- what the unit tells --------------------------------------------------------------------------- */

static void stop_unit(Job *job) {
        int r;

        r = unit_stop(job->unit);
        if (r < 0)
                log_job(job, LOG_ERR, "cannot end it: %s.", strerror(-r));
}

void lifecycle_adopted(Job *job) {
        if (job->phase != JOB_STARTING && job->phase != JOB_ACTIVE)
                return;
        job->phase = JOB_ACTIVE;
        if (job->record.state == JOB_QUEUED) {
                (void) job_set_running(job, now_realtime());
                (void) store_started(job->manager->store, job->record.id, job->record.started_usec);
                job_bus_changed(job, "State", "StartedUSec", NULL);
                log_job(job, LOG_INFO, "started for user %u.", job->record.uid);
        }
        limits_watch(job);
        if (job->stop_reason != JOB_REASON_NONE)
                stop_unit(job);
}

static void on_unit_started(int r, const char *message, void *userdata) {
        Job *job = userdata;

        if (job->phase != JOB_STARTING)
                return;
        failpoint_die("on-started");
        if (failpoint_take("start-no-reply"))
                r = -EAGAIN;
        if (r >= 0)
                return lifecycle_adopted(job);
        if (r == -EAGAIN) {
                (void) unit_manager_sweep(job->manager->units);
                return;
        }
        if (r == -ESHUTDOWN)
                return begin_later(job, message);
        log_job(job, LOG_ERR, "its unit could not be started: %s", message);
        set_progress(job, message);
        end_unseen(job, JOB_REASON_NOT_EXECUTABLE);
}

/* Later than the answer to the request to start it, by what the service manager has to do before. */
static void on_unit_executed(uint64_t monotonic_usec, void *userdata) {
        Job *job = userdata;

        job->executed_usec = monotonic_usec;
        if (job->phase == JOB_ACTIVE)
                limits_watch(job);
}

static void on_unit_progress(const char *status, void *userdata) {
        Job *job = userdata;

        if (job->phase == JOB_RELEASING) /* of what it has left behind */
                return;
        set_progress(job, strempty(status));
        limits_saw_activity(job);
        job_bus_progressed(job);
}

static void on_unit_vanished(void *userdata) {
        Job *job = userdata;
        bool same = job->instance && streq(job->instance, job->manager->instance);
        bool executed = output_was_touched(job->manager->output, job->record.id);

        if (job->phase == JOB_STARTING && same && !executed && job->stop_reason == JOB_REASON_NONE)
                begin(job);
        else if (job->phase == JOB_STARTING || job->phase == JOB_ACTIVE)
                end_unseen(job, same ? JOB_REASON_LOST : JOB_REASON_HOST_RESTARTED);
}

/* --- the end --------------------------------------------------------------------------------------- */

/* Work for the collector's thread, on the files of one job. */
typedef struct Collect {
        BackgroundOp base;       /* first */
        Manager *manager;
        char id[JOB_ID_MAX + 1];
        Job *job;   /* NULL: its files are to be deleted */
        char *text; /* of its result */
        size_t size;
        int result;
} Collect;

static void release(Job *job) {
        int r;

        job->phase = JOB_RELEASING;
        job_bus_removed(job);
        failpoint_die("before-release");
        r = job->unit ? unit_release(job->unit) : 0;
        failpoint_die("after-release");
        if (!job->unit || r < 0)
                manager_remove(job->manager, job);
}

/* What the journal is told of a job is what the unit's name and state tell anyway: no label, no command. */
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
        Manager *manager = job->manager;

        if (r < 0)
                return retry_later(job, "record its end", r);
        job_apply_outcome(job, sequence);
        queue_linger(&manager->queue, job);
        failpoint_die("before-signal");
        manager_bus_job_finished(manager, &job->record);
        waiter_job_ended(job);
        log_end(job);
        failpoint_die("after-signal");
        job_bus_changed(job, "State", "Reason", "ExitCode", "Signal", "StartedUSec", "FinishedUSec", "Sequence", "Result",
                        job->progress_timer ? "Progress" : NULL, NULL);
        release(job);
        lifecycle_schedule(manager);
}

static void finish(Job *job) {
        KeepInput keep = job->manager->config.keep_input;
        int r;

        job->phase = JOB_ENDING;
        r = store_finish(job->manager->store, job,
                         keep == KEEP_INPUT_YES || (keep == KEEP_INPUT_FAILED && job->outcome.state != JOB_COMPLETED),
                         on_finished, job);
        if (r < 0)
                retry_later(job, "record its end", r);
}

void lifecycle_collect(BackgroundBatch *batch, void *userdata) {
        Output *output = userdata;
        BackgroundOp *op;

        TAILQ_FOREACH(op, batch, entry) {
                Collect *c = (Collect *) op;

                if (c->job)
                        c->result = output_collect(output, c->id, JOB_RESULT_MAX, &c->text, &c->size);
                else
                        output_remove(output, c->id);
        }
}

static int submit_collect(Manager *manager, Background *thread, const char *id, Job *job, void (*complete)(BackgroundOp *)) {
        Collect *c;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->base.complete = complete;
        c->manager = manager;
        c->job = job;
        (void) snprintf(c->id, sizeof(c->id), "%s", id);
        background_submit(thread, &c->base);
        return 0;
}

static void on_files_discarded(BackgroundOp *base) {
        _cleanup_free_ Collect *c = (Collect *) base;

        if (c->manager->store)
                (void) store_forget(c->manager->store, c->id);
}

void lifecycle_discard_files(Manager *manager, const char *id) {
        int r;

        if (!manager->bulk) /* the service stops; the store remembers */
                return;

        r = submit_collect(manager, manager->bulk, id, NULL, on_files_discarded);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Cannot delete the output of %s: %s; the next start does.", id, strerror(-r));
}

static void on_collected(BackgroundOp *base) {
        _cleanup_free_ Collect *c = (Collect *) base;
        _cleanup_free_ char *text = c->text;
        Job *job = c->job;

        if (c->result < 0)
                log_job(job, LOG_ERR, "cannot bring its output to the disk, or read its result: %s.", strerror(-c->result));
        if (text) {
                job->record.result = spec_normalize_result(text, c->size);
                if (!job->record.result)
                        log_job(job, LOG_NOTICE, "%s", "what it left in CODEX_JOB_RESULT is no JSON object; passed over.");
        }
        finish(job);
}

static void collect(Job *job) {
        Manager *manager = job->manager;
        Output *output = manager->output;
        const JobRecord *record = &job->record;
        bool is_bulky = record->stdout_bytes + record->stderr_bytes > BULK_MIN;
        int r;

        job->phase = JOB_COLLECTING;
        if (record->stdout_bytes == 0 && record->stderr_bytes == 0 && output_size(output, record->id, OUTPUT_RESULT) == 0) {
                output_close(output, record->id);
                return finish(job); /* nothing to read, nothing to sync */
        }
        if (!manager->collector || !manager->bulk) /* the service stops; the next start does it */
                return;
        r = submit_collect(manager, is_bulky ? manager->bulk : manager->collector, record->id, job, on_collected);
        if (r < 0)
                retry_later(job, "collect its output", r);
}

static void on_unit_ended(const JobEnd *unit_end, uint64_t started_usec, uint64_t ended_usec, void *userdata) {
        JobEnd end = *unit_end;
        Job *job = userdata;
        int r;

        if (job->phase != JOB_STARTING && job->phase != JOB_ACTIVE)
                return;
        failpoint_die("on-ended");
        limits_unwatch(job);
        (void) limits_update_sizes(job);
        if (!output_was_touched(job->manager->output, job->record.id))
                end.code = 0; /* not even the worker was executed */
        r = job_set_end(job, &end, ended_usec > 0 ? ended_usec : now_realtime());
        if (r < 0)
                log_job(job, LOG_CRIT, "illegal step out of state %s.", job_state_to_string(job->record.state));
        if (started_usec > 0)
                job->outcome.started_usec = started_usec;
        job->record.cpu_usage_usec = end.cpu_usage_usec;
        job->record.memory_peak = end.memory_peak;
        collect(job);
}

static void on_unit_released(void *userdata) {
        Job *job = userdata;
        Manager *manager = job->manager;

        manager_remove(manager, job);
        lifecycle_schedule(manager);
}

const UnitListener lifecycle_unit_listener = {
        .started = on_unit_started,
        .executed = on_unit_executed,
        .progress = on_unit_progress,
        .ended = on_unit_ended,
        .vanished = on_unit_vanished,
        .released = on_unit_released,
};

/* --- stopping -------------------------------------------------------------------------------------- */

static void on_stop_recorded(int r, void *userdata) {
        Job *job = userdata;

        /* Where the disk is full, ending the job matters more than remembering why. */
        if (r < 0)
                log_job(job, LOG_ERR, "cannot record that it is to be ended: %s.", strerror(-r));
        if (job->phase == JOB_ACTIVE && !job->manager->stopping)
                stop_unit(job);
}

void lifecycle_stop(Job *job, JobReason reason, uint32_t uid) {
        Manager *manager = job->manager;
        int r;

        if (job->phase >= JOB_COLLECTING || job->stop_reason != JOB_REASON_NONE)
                return;
        job->stop_reason = reason;
        job->record.stopped_by = uid;
        if (uid == UINT32_MAX)
                log_job(job, LOG_INFO, "to be ended: %s.", job_reason_to_string(reason));
        else
                log_job(job, LOG_INFO, "to be ended: user %u cancels it.", uid);
        if (job->phase == JOB_WAITING) {
                queue_remove(&manager->queue, job);
                return end_unseen(job, reason);
        }
        r = store_stop(manager->store, job->record.id, reason, uid, on_stop_recorded, job);
        if (r < 0)
                on_stop_recorded(r, job);
}
