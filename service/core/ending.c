/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The end of a job. It is reported by its worker, which knows all details, and by the service manager, which knows
 * the exit status if the worker could not report. The report of the worker has precedence, since it arrives first;
 * the job ends once none of its processes is left. */

#include <signal.h>
#include <sys/statvfs.h>
#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "failpoint.h"
#include "launcher.h"
#include "service-log.h"
#include "text-new.h"
#include "time-util.h"
#include "utf8.h"

#define EXIT_STATUS_MANAGER 200 /* the first exit status used by the service manager itself */
#define EXIT_STATUS_EXEC 203 /* the worker could not be executed */
#define EXIT_STATUS_CACHE_DIRECTORY 239 /* CacheDirectory= could not be created */
#define FOLDER_MIN 65536U /* bytes */

/* Its unit may exist, and its outcome is not known. */
static bool is_under_way(const Job *job) {
        return job->phase == JOB_STARTING || job->phase == JOB_ACCEPTED || job->phase == JOB_ACTIVE;
}

/* --- report of the worker --------------------------------------------------------------------------- */

static int take_text(char **target, const char *text, size_t size) {
        char *copy = size > 0 ? utf8_make_valid(text, size) : NULL;

        if (size > 0 && !copy)
                return -ENOMEM;
        free(*target);
        *target = copy;
        return 0;
}

/* Why the result of the job was not accepted. */
static int take_result_error(JobRecord *record, const WorkerMessage *m) {
        const WorkerEnded *e = &m->ended;
        bool accepted = false;
        char *text = NULL;

        if (e->result == WORKER_RESULT_TOO_LARGE)
                text = text_new("larger than %u KiB (%" PRIu64 " bytes)", JOB_RESULT_MAX / 1024U, e->result_bytes);
        else if (e->result == WORKER_RESULT_NO_FILE)
                text = strdup("not a regular file");
        else if (e->result == WORKER_RESULT_UNREADABLE)
                text = text_new("cannot be read: %s", strerror((int) e->result_error));
        else if (e->result == WORKER_RESULT_TAKEN && !record->result)
                text = strdup("not a JSON object");
        else
                accepted = true; /* or there is none */
        if (!text && !accepted)
                return -ENOMEM;
        free(record->result_error);
        record->result_error = text;
        return 0;
}

static int take_result(JobRecord *record, const WorkerMessage *m) {
        _cleanup_free_ char *text = calloc(1, m->result_size + 1); /* for the NUL */

        if (!text)
                return -ENOMEM;
        memcpy(text, m->result, m->result_size);
        free(record->result);
        record->result = m->result_size > 0 ? spec_normalize_result(text, m->result_size) : NULL;
        return take_result_error(record, m);
}

/* Times in the future, from a malicious worker or before a clock was set back, would keep the record from ever
 * expiring. */
static int take_report(Job *job, const WorkerMessage *m) {
        const WorkerEnded *e = &m->ended;
        uint64_t ended_usec = MIN(e->ended_usec, now_realtime());
        int r = 0;

        if (!job->report) {
                job->report = calloc(1, sizeof(*job->report));
                if (!job->report)
                        return -ENOMEM;
        }
        free(job->report->left);
        *job->report = (JobReport) {
                .final = e->final != 0,
                .stop_asked = job->stop_reason != JOB_REASON_NONE,
                .cause = (WorkerCause) e->cause,
                .code = e->code,
                .status = e->status,
                .started_usec = MIN(e->started_usec, ended_usec),
                .ended_usec = ended_usec,
                .output_error = (int) e->output_error,
        };
        if (!e->final)
                r = take_text(&job->report->left, m->left, m->left_size);
        else if (e->cause == WORKER_CAUSE_CANNOT || e->cause >= WORKER_CAUSE_NODE_LOST)
                r = take_text(&job->record.progress, m->text, m->text_size);
        if (r >= 0 && e->final)
                r = take_text(&job->record.left_behind, m->left, m->left_size);
        return r >= 0 && e->final ? take_result(&job->record, m) : r;
}

static JobReason reason_of_limit(WorkerCause cause) {
        return cause == WORKER_CAUSE_RUNTIME ? JOB_REASON_RUNTIME_LIMIT :
                cause == WORKER_CAUSE_OUTPUT ? JOB_REASON_OUTPUT_LIMIT :
                cause == WORKER_CAUSE_STALL  ? JOB_REASON_STALLED :
                                               JOB_REASON_NONE;
}

/* The cause according to the report and to our own state. */
static JobCause cause_of_report(const Job *job) {
        switch (job->report->cause) {
        case WORKER_CAUSE_CANNOT:
                return JOB_CAUSE_WORKER;
        case WORKER_CAUSE_OOM:
                return JOB_CAUSE_OOM;
        case WORKER_CAUSE_RUNTIME:
        case WORKER_CAUSE_OUTPUT:
        case WORKER_CAUSE_STALL:
                return JOB_CAUSE_STOP;
        case WORKER_CAUSE_NODE_LOST:
                return JOB_CAUSE_NODE_LOST;
        case WORKER_CAUSE_LOST:
                return JOB_CAUSE_LOST;
        case WORKER_CAUSE_ELSEWHERE:
                return JOB_CAUSE_OTHERS;
        case WORKER_CAUSE_STOP:
                return job->report->stop_asked ? JOB_CAUSE_STOP : JOB_CAUSE_OTHERS;
        default:
                return JOB_CAUSE_ITSELF;
        }
}

static JobEnd end_of_report(Job *job) {
        JobReason limit = reason_of_limit(job->report->cause);
        bool is_elsewhere = job->report->cause == WORKER_CAUSE_ELSEWHERE;

        if (limit != JOB_REASON_NONE) { /* it came first */
                job->stop_reason = limit;
                job->record.stopped_by = UINT32_MAX;
        }
        return (JobEnd) {
                .cause = cause_of_report(job),
                .code = is_elsewhere ? CLD_KILLED : job->report->code,
                .status = is_elsewhere ? SIGTERM : job->report->status,
                .ran_usec = job->report->ended_usec - MIN(job->report->started_usec, job->report->ended_usec),
        };
}

/* The service cannot terminate remaining processes: the job keeps running until they exit. */
static void set_stuck(Job *job, const char *left) {
        _cleanup_free_ char *copy = strdup(left), *text = text_new("Cannot terminate: %s", left);

        if (!copy || !text)
                return;
        free(job->stuck);
        job->stuck = TAKE_PTR(copy);
        job_set_progress(job, text);
        job->core->events->progressed(job, job->core->userdata);
        job->core->events->stuck(job, job->core->userdata);
}

/* The worker cannot terminate remaining processes: the service manager of the system can, that of a user cannot
 * either. The reason is recorded in case the worker is killed. */
static void ask_for_help(Job *job) {
        JobReason limit = reason_of_limit(job->report->cause);
        int r;

        if (!job->report->left)
                return;
        if (limit != JOB_REASON_NONE && job->stop_reason == JOB_REASON_NONE) {
                job->stop_reason = limit;
                (void) store_stop(job->core->store, job->record.id, limit, UINT32_MAX, NULL, NULL);
        }
        if (job->core->system_scope) {
                if (job->asked_for_help)
                        return;
                job->asked_for_help = true;
                log_job(job, LOG_NOTICE, "%s", "its worker cannot terminate all of its processes, stopping its unit.");
                r = unit_stop_all(job->unit);
                if (r < 0)
                        log_job(job, LOG_ERR, "failed to stop its unit: %s", strerror(-r));
        } else
                set_stuck(job, job->report->left);
}

/* Of what runs on this host, the service manager says how it ended. */
static void refuse_report(Job *job) {
        int r;

        log_job(job, LOG_WARNING, "%s", "its worker reports that it was lost elsewhere, which cannot be: closing the connection.");
        job->link = worker_link_free(job->link);
        r = job->unit ? unit_watch(job->unit) : 0;
        if (r < 0)
                log_job(job, LOG_ERR, "failed to watch its unit: %s", strerror(-r));
}

void ending_worker_ended(const WorkerMessage *m, void *userdata) {
        Job *job = userdata;
        int r;

        failpoint_die("on-report");
        if (job->phase == JOB_RETRYING || job->phase == JOB_RELEASING)
                worker_link_go(job->link);
        if (job->phase != JOB_ACTIVE && job->phase != JOB_RECORDING)
                return;
        if (m->ended.cause >= WORKER_CAUSE_NODE_LOST && !job->record.launcher)
                return refuse_report(job);
        r = take_report(job, m);
        if (r < 0) {
                log_job(job, LOG_ERR, "failed to keep the report of its worker: %s", strerror(-r));
                job->link = worker_link_free(job->link); /* it repeats the report */
                return;
        }
        ending_resume(job, false);
}

/* For a unit with a limit it matters who stopped it: the service manager has the limit, too, with a margin, and
 * stops a unit whose worker does not. It is queried when the worker has exited. */
void ending_resume(Job *job, bool vanished) {
        JobEnd end;

        if (!is_under_way(job) || !job->report)
                return;
        if (!job->report->final) {
                ask_for_help(job);
                return;
        }
        end = end_of_report(job);
        if (end.cause == JOB_CAUSE_OTHERS && job->limits.runtime_max_usec > 0 && !vanished && !job->record.launcher)
                return;
        unit_end(job->unit, &end, job->report->started_usec, job->report->ended_usec);
}

/* --- remaining processes ---------------------------------------------------------------------------- */

static int on_left_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Job *job = userdata;

        job->left_source = sd_event_source_disable_unref(job->left_source);
        ending_unit_ended(&job->left_end, job->left_started_usec, job->left_ended_usec, job);
        return 0;
}

/* The service manager of a user considers a unit ended even if it could not kill all of its processes. Returns
 * whether the job has to wait. */
static bool is_left(Job *job, const JobEnd *end, uint64_t started_usec, uint64_t ended_usec) {
        char text[1024];
        int fd, r;

        if (job->core->system_scope || (job->report && job->report->final))
                return false;
        fd = unit_open_left(job->unit, text, sizeof(text));
        if (fd < 0)
                return false;
        r = sd_event_add_io(job->core->event, &job->left_source, fd, EPOLLIN, on_left_ended, job);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(job->left_source, true);
        if (r < 0) {
                (void) close(fd);
                job->left_source = sd_event_source_disable_unref(job->left_source);
                return false;
        }
        job->left_end = *end;
        job->left_started_usec = started_usec;
        job->left_ended_usec = ended_usec;
        if (*text)
                set_stuck(job, text);
        return true;
}

/* --- report of the service manager ------------------------------------------------------------------ */

/* The worker may have sent a report just now. */
void ending_unit_ending(void *userdata) {
        Job *job = userdata;

        worker_links_catch_up(job->core->links, job->link);
}

/* The worker was not executed: the service manager failed before, with a status of its own, see systemd.exec(5). A
 * worker of an older version leaves no trace in a file that its user cannot change. */
static bool is_never_executed(const Job *job, const JobEnd *end) {
        return (end->code == 0 || (end->code == CLD_EXITED && end->status >= EXIT_STATUS_MANAGER)) &&
               !output_was_touched(job->core->output, job->record.id);
}

static bool is_full(const char *folder) {
        struct statvfs found;

        if (statvfs(folder, &found) < 0)
                return false;
        return found.f_bavail * found.f_frsize < FOLDER_MIN || (found.f_files > 0 && found.f_favail == 0);
}

/* What the service manager lacks: it logs that, but does not report it. NULL: nothing, or it is not known. The caller
 * frees it. */
static char *find_lack(const Job *job, const JobEnd *end) {
        const char *folders = job->core->folders;

        if (end->cause == JOB_CAUSE_LACK)
                return strdup("the service manager cannot start a process, due to a limit of processes or lack of memory");
        if (end->code != CLD_EXITED || end->status != EXIT_STATUS_CACHE_DIRECTORY || !is_full(folders))
                return NULL;
        return text_new("No space left in %s", folders);
}

static const char *program_of(const Job *job) {
        return launcher_program(launcher_find(job->record.launcher));
}

/* What its user lacks: execve(2) fails for a user with too many processes. Otherwise the worker could be executed. */
static char *find_lack_of_user(Job *job, const JobEnd *end) {
        if (end->code != CLD_EXITED || end->status != EXIT_STATUS_EXEC || access(program_of(job), X_OK) < 0)
                return NULL;
        if (!job->waits_alone)
                log_job(job, LOG_WARNING, "%s", "the service manager cannot execute its worker for now, trying again.");
        job->waits_alone = true;
        return strdup("the service manager cannot execute codex-jobs-worker, as for a user with too many processes (LimitNPROC=)");
}

/* As progress, which the end of a command that was not executed is reported with. */
static void note_missing_worker(Job *job, const JobEnd *end) {
        _cleanup_free_ char *text = NULL;

        if (end->code != CLD_EXITED || end->status != EXIT_STATUS_EXEC || access(program_of(job), X_OK) >= 0)
                return;
        text = text_new("%s: %s", program_of(job), strerror(errno));
        if (text)
                job_set_progress(job, text);
}

/* A job whose process could not be started for now waits in the queue again, when its failed unit is gone. Returns
 * whether that is so. */
static bool is_postponed(Job *job, const JobEnd *end) {
        if (job->record.state != JOB_QUEUED || !is_never_executed(job, end))
                return false;
        job->waits_alone = job->waits_alone && end->status == EXIT_STATUS_EXEC;
        job->postponed = find_lack(job, end) ?: find_lack_of_user(job, end);
        if (!job->postponed) {
                note_missing_worker(job, end);
                return false;
        }
        if (unit_release(job->unit) >= 0)
                return true;
        free(job->postponed);
        job->postponed = NULL;
        return false;
}

/* The unit of the last attempt was not gone when this one was to be started, which never was: its worker would have touched
 * the output. */
static bool is_of_earlier_attempt(const Job *job) {
        return job->record.state == JOB_QUEUED && job->record.attempts && !job->report &&
                !output_was_touched(job->core->output, job->record.id);
}

static void begin_anew(Job *job) {
        log_job(job, LOG_NOTICE, "%s", "the unit of its last attempt was still there, releasing it.");
        finishing_take_back(job);
        free(job->instance);
        job->instance = NULL;
        *job->secret = 0;
        job->phase = JOB_RETRYING;
        finishing_release_attempt(job);
}

static bool has_reported_end(const Job *job) {
        return job->report && (job->report->code != 0 || (job->report->final && job->report->cause >= WORKER_CAUSE_NODE_LOST));
}

/* The program of a job that runs elsewhere exits with the status of its command if no service was there to hear of it.
 * Otherwise its status says nothing about the command. */
static bool is_without_report(Job *job, const JobEnd *end) {
        _cleanup_free_ char *text = NULL;

        if (!job->record.launcher || !job->is_heard || has_reported_end(job) || end->cause == JOB_CAUSE_STOP ||
            end->code != CLD_EXITED || is_never_executed(job, end))
                return false;
        text = text_new("codex-jobs-%s exited with status %d, and did not report the end of the command", job->record.launcher,
                        end->status);
        job_set_progress(job, text);
        return true;
}

/* Its program was killed, and what cleans up after it could not do that, or not in time. */
static bool is_left_elsewhere(const Job *job, const JobEnd *end) {
        return job->record.launcher && end->is_left && !has_reported_end(job) && !is_never_executed(job, end);
}

static void take_reported(Job *job, JobEnd *end) {
        JobEnd reported = end_of_report(job);

        if (reported.cause != JOB_CAUSE_OTHERS)
                end->cause = reported.cause;
        end->code = reported.code;
        end->status = reported.status;
}

void ending_unit_ended(const JobEnd *unit_end, uint64_t started_usec, uint64_t ended_usec, void *userdata) {
        JobEnd end = *unit_end;
        Job *job = userdata;
        JobReason reason;
        int r;

        if (job->phase == JOB_RETRYING) /* it was left over, see recover.c */
                return finishing_release_attempt(job);
        if (reaping_is_under_way(job) && is_under_way(job))
                return reaping_is_done(job, unit_end, &reason) ? ending_unseen(job, reason) : (void) 0;
        if (!is_under_way(job) || is_postponed(job, unit_end))
                return;
        if (is_of_earlier_attempt(job))
                return begin_anew(job);
        failpoint_die("on-ended");
        if (is_left(job, unit_end, started_usec, ended_usec))
                return;
        if (is_left_elsewhere(job, &end) || is_without_report(job, &end))
                return reaping_begin(job, JOB_REASON_LOST, false);
        if (is_never_executed(job, &end))
                end.code = 0;
        if (has_reported_end(job)) {
                take_reported(job, &end);
                started_usec = job->report->started_usec;
                ended_usec = job->report->ended_usec;
        }
        job_update_sizes(job);
        r = job_set_end(job, &end, ended_usec > 0 ? ended_usec : now_realtime());
        if (r < 0)
                log_job(job, LOG_CRIT, "invalid transition from state %s.", job_state_to_string(job->record.state));
        if (started_usec > 0)
                job->outcome.started_usec = started_usec;
        job->record.cpu_usage_usec = end.cpu_usage_usec;
        job->record.memory_peak = end.memory_peak;
        if (!job->report || !job->report->final)
                job->core->tidy = CORE_TIDY;
        free(job->record.end_source);
        job->record.end_source = strdup(has_reported_end(job) ? "worker" : "manager");
        finishing_collect(job);
}

void ending_unseen(Job *job, JobReason reason) {
        JobState state = job->stop_reason == JOB_REASON_USER ? JOB_CANCELLED : JOB_FAILED;

        if (job->stop_reason != JOB_REASON_NONE)
                reason = job->stop_reason;
        if (job_set_outcome(job, state, reason, now_realtime()) < 0)
                log_job(job, LOG_CRIT, "invalid transition from state %s.", job_state_to_string(job->record.state));
        job_update_sizes(job);
        finishing_collect(job);
}
