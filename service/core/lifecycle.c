/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The steps of a job up to its end; see ending.c for the rest. Durability depends on this order:
 *
 *   record committed -> Enqueue answered -> begin committed -> unit started
 *   unit's end seen -> output synced -> result committed -> waiters answered, JobFinished sent -> unit released
 *
 * The unit stays until the result is committed, so a service that is killed at any time finds it again. */

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "failpoint.h"
#include "launcher.h"
#include "resource-limits.h"
#include "service-log.h"
#include "slice.h"
#include "string-list.h"
#include "text-new.h"
#include "utf8.h"

#define CANNOT_BEGIN "read the command of a job and record its start"
#define ALONE_USEC (5 * USEC_PER_SEC) /* until a job that waits alone is tried again */
#define LINK_USEC USEC_PER_SEC /* from the start of a unit until its worker should be connected */

static void begin(Job *job);

/* That of its queue, which may have been changed since the job was accepted. */
static int set_launcher(Job *job) {
        const ConfigQueue *queue = core_find_shared_queue(job->core, job->record.uid, job->record.queue);
        const char *launcher = queue ? queue->launcher : NULL;

        free(job->record.launcher);
        job->record.launcher = launcher ? strdup(launcher) : NULL;
        return launcher && !job->record.launcher ? -ENOMEM : 0;
}

/* The secret is random, and only the worker gets it. */
int lifecycle_set_instance(Job *job) {
        uint8_t secret[WORKER_SECRET_SIZE];

        /* It may have been started already, by a request whose reply was lost. */
        job->record.attempt = job_attempts_count(job->record.attempts) + 1;
        job->record.next_attempt_usec = 0;
        if (set_launcher(job) < 0)
                return -ENOMEM;
        if (*job->secret && job->instance && streq(job->instance, job->core->instance))
                return 0;
        if (getrandom(secret, sizeof(secret), 0) != (ssize_t) sizeof(secret))
                return -EIO;
        for (size_t i = 0; i < sizeof(secret); i++)
                (void) snprintf(job->secret + 2 * i, 3, "%02x", secret[i]);
        free(job->instance);
        job->instance = strdup(job->core->instance);
        return job->instance ? 0 : -ENOMEM;
}

/* --- shortages -------------------------------------------------------------------------------------- */

/* Of its user: the jobs of others do not wait for it. */
static void wait_alone(Job *job, const char *why) {
        _cleanup_free_ char *text = text_new("Cannot start: %s", why);

        job->phase = JOB_BEGINNING;
        job_set_progress(job, text);
        job->core->events->progressed(job, job->core->userdata);
        job_call_later(job, job->core->event, ALONE_USEC, begin);
}

/* The job waits in the queue again, unless it is to end, and is recorded as not begun: it runs after a restart of the
 * host, too. */
static void start_later(Job *job, const char *why) {
        job->link_timer = sd_event_source_disable_unref(job->link_timer);
        job->unit = unit_free(job->unit);
        if (job->stop_reason != JOB_REASON_NONE)
                return ending_unseen(job, job->stop_reason);
        finishing_take_back(job);
        if (job->waits_alone)
                return wait_alone(job, why);
        queue_put_back(&job->core->queue, job);
        shortage_begin(job, why);
}

/* The configuration of its queue was changed since it had its turn. */
static void wait_for_queue(Job *job) {
        Core *core = job->core;

        job->waits_alone = false;
        finishing_take_back(job);
        queue_block(&core->queue, job, JOB_IS_REFUSED, core_refuses(job));
        queue_put_back(&core->queue, job);
        core->events->waits(job, core->userdata);
        core_schedule(core);
}

static void start_failed(Job *job, const char *what, int error) {
        char why[256];

        (void) snprintf(why, sizeof(why), "codex-jobsd cannot %s: %s", what, strerror(-error));
        start_later(job, why);
}

static void start_refused(Job *job, const char *message) {
        char why[512];

        (void) snprintf(why, sizeof(why), "the service manager refuses: %s", message);
        start_later(job, why);
}

/* --- begin and start ------------------------------------------------------------------------------- */

int lifecycle_on_schedule(sd_event_source *source, void *userdata) {
        uint64_t slice = now_monotonic();
        Core *core = userdata;
        Job *job;

        while (!core->stopping && !core->closed && core->instance && shortage_permits(core) && (job = queue_pop(&core->queue))) {
                shortage_try(job);
                begin(job);
                if (slice_is_over(slice)) {
                        core_schedule(core);
                        break;
                }
        }
        return 0;
}

static void read_secret(const Job *job, uint8_t secret[static WORKER_SECRET_SIZE]) {
        memset(secret, 0, WORKER_SECRET_SIZE);
        for (size_t i = 0; i < WORKER_SECRET_SIZE && job->secret[2 * i]; i++)
                (void) sscanf(job->secret + 2 * i, "%2hhx", &secret[i]);
}

/* Returns their number, or a negative errno. */
static int append_resource_limits(const Job *job, int spec_fd) {
        WorkerLimit limits[RESOURCE_LIMITS_N];
        off_t end = lseek(spec_fd, 0, SEEK_END);
        ResourceValues values;
        int n = 0;

        resource_values_parse(job->record.resource_limits, &values);
        for (int i = 0; i < RESOURCE_LIMITS_N; i++)
                if (values.given & UINT64_C(1) << i)
                        limits[n++] = (WorkerLimit) { (uint64_t) resource_limits[i].resource, values.values[i] };
        if (end < 0)
                return -errno;
        return pwrite(spec_fd, limits, (size_t) n * sizeof(WorkerLimit), end) == n * (ssize_t) sizeof(WorkerLimit) ? n : -EIO;
}

/* Completes a description and seals it. */
static int append_trailer(Job *job, int spec_fd, WorkerTrailer *ret) {
        Core *core = job->core;
        WorkerTrailer t = {
                .magic = WORKER_TRAILER_MAGIC,
                .stop_timeout_usec = core->config.stop_timeout_usec,
                .runtime_max_usec = job->limits.runtime_max_usec,
                .output_max = job->limits.output_max,
                .stall_usec = job->limits.stall_usec,
                .umask = (uint32_t) job->limits.umask | (uint32_t) (job->record.slot + 1) << WORKER_SLOT_SHIFT,
                .flags = (job->limits.merge_output ? WORKER_MERGE_OUTPUT : 0) | (core->tidy > 0 ? WORKER_TIDY : 0) |
                        (uint32_t) job->record.attempt << WORKER_ATTEMPT_SHIFT,
        };
        int n = append_resource_limits(job, spec_fd);
        off_t end = lseek(spec_fd, 0, SEEK_END);

        if (n < 0)
                return n;
        t.flags |= (uint32_t) n << WORKER_LIMITS_SHIFT;
        core->tidy -= core->tidy > 0;
        read_secret(job, t.secret);
        if (core->links)
                (void) snprintf(t.channel, sizeof(t.channel), "%s", worker_links_path(core->links));
        if (core->system_scope)
                n = snprintf(t.folders, sizeof(t.folders), "%s/%" PRIu32, core->folders, job->record.uid);
        else
                n = snprintf(t.folders, sizeof(t.folders), "%s", core->folders);
        if (n >= (int) sizeof(t.folders))
                return -ENAMETOOLONG;
        if (end < 0 || pwrite(spec_fd, &t, sizeof(t), end) != (ssize_t) sizeof(t))
                return end < 0 ? -errno : -EIO;
        if (fcntl(spec_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        *ret = t;
        return 0;
}

static bool has_folders(const WorkerTrailer *t, uint32_t uid) {
        struct stat st;

        return lstat(t->folders, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

static int start_unit(Job *job, UnitStart *start) {
        const Launcher *launcher = launcher_find(job->record.launcher);
        char **environment;
        int r;

        if (!launcher)
                return unit_start(job->unit, start);
        environment = core_launcher_environment(job);
        if (!environment)
                return -ENOMEM;
        start->program = launcher->program;
        start->environment = environment;
        r = unit_start(job->unit, start);
        string_list_free(environment);
        return r;
}

static int start(Job *job, int spec_fd) {
        _cleanup_close_ int stdout_fd = -EBADF, stderr_fd = -EBADF;
        Core *core = job->core;
        WorkerTrailer trailer;
        int r;

        if (!job->unit) {
                r = unit_new(&job->unit, core->units, job->record.id, false, job);
                if (r < 0)
                        return r;
        }
        r = append_trailer(job, spec_fd, &trailer);
        if (r < 0)
                return r;
        r = output_create(core->output, job->record.id);
        if (r < 0)
                return r;
        stdout_fd = output_open_writer(core->output, job->record.id, OUTPUT_STDOUT);
        if (stdout_fd < 0)
                return stdout_fd;
        stderr_fd = output_open_writer(core->output, job->record.id, OUTPUT_STDERR);
        if (stderr_fd < 0)
                return stderr_fd;
        job->is_heard = true;
        return start_unit(job, &(UnitStart) {
                                             .spec_fd = spec_fd,
                                             .stdout_fd = stdout_fd,
                                             .stderr_fd = stderr_fd,
                                             .uid = job->record.uid,
                                             .limits = job->limits,
                                             .stop_timeout_usec = core->config.stop_timeout_usec,
                                             .folders = trailer.folders,
                                             .make_folders = !has_folders(&trailer, job->record.uid),
                                     });
}

void lifecycle_on_begun(int r, int spec_fd, void *userdata) {
        _cleanup_close_ int fd = spec_fd;
        bool is_recorded = r >= 0;
        Job *job = userdata;

        if (job->core->stopping)
                return;
        if (r == -ENOENT || r == -EBADMSG) { /* retrying cannot help */
                log_job(job, LOG_ERR, "failed to read its command from the database: %s", strerror(-r));
                return ending_unseen(job, JOB_REASON_NOT_EXECUTABLE);
        }
        if (r >= 0 && job->stop_reason != JOB_REASON_NONE)
                return ending_unseen(job, job->stop_reason);
        failpoint_die("before-start");
        if (r >= 0 && !core_may_start(job))
                return wait_for_queue(job);
        if (r >= 0)
                r = start(job, fd);
        failpoint_die("after-start");
        if (r < 0)
                return start_failed(job, is_recorded ? "create the files and the unit of a job" : CANNOT_BEGIN, r);
        job->phase = JOB_STARTING;
}

/* Also for a job whose start was lost: its begin is recorded again, under the current instance. */
static void begin(Job *job) {
        Core *core = job->core;
        int r;

        job->phase = JOB_BEGINNING;
        if (!job->waits_alone)
                job_set_progress(job, NULL);
        r = !job->instance && job->record.attempts ? output_untouch(core->output, job->record.id) : 0;
        if (r >= 0)
                r = lifecycle_set_instance(job);
        if (r >= 0)
                r = store_begin(core->store, job->record.id, core->instance, job->secret, job->record.attempt, job->record.slot,
                                job->record.launcher, lifecycle_on_begun, job);
        if (r < 0)
                start_failed(job, CANNOT_BEGIN, r);
}

/* --- events of the unit ---------------------------------------------------------------------------- */

static void stop_unit(Job *job) {
        int r;

        r = unit_stop(job->unit);
        if (r < 0)
                log_job(job, LOG_ERR, "failed to stop its unit: %s", strerror(-r));
}

static void watch_unit(Job *job) {
        int r;

        job->link_timer = sd_event_source_disable_unref(job->link_timer);
        r = unit_watch(job->unit);
        if (r < 0)
                log_job(job, LOG_ERR, "failed to watch its unit: %s", strerror(-r));
}

static int on_link_due(sd_event_source *source, uint64_t usec, void *userdata);

/* The worker connects; if it does not, or is of an older version, the service manager reports the state of the job. */
static void expect_link(Job *job) {
        if (job->link || job->link_timer)
                return;
        if (!job->core->links || !*job->secret ||
            sd_event_add_time_relative(job->core->event, &job->link_timer, CLOCK_MONOTONIC, LINK_USEC, 0, on_link_due, job) < 0)
                watch_unit(job);
}

/* The service manager accepts a unit before it starts its process, which may fail. A worker of an older version, or
 * without a socket, does not show that it was executed. */
static bool is_executed(const Job *job) {
        return job->link || !job->core->links || !*job->secret || output_was_touched(job->core->output, job->record.id);
}

static void accept(Job *job) {
        job->phase = JOB_ACCEPTED;
        if (!job->is_accepted)
                TAILQ_INSERT_TAIL(&job->core->accepted, job, accepted_entry);
        job->is_accepted = true;
}

void lifecycle_catch_up(Core *core) {
        Job *job, *next;

        for (job = TAILQ_FIRST(&core->accepted); job; job = next) {
                next = TAILQ_NEXT(job, accepted_entry);
                if (job->phase == JOB_ACCEPTED && !is_executed(job))
                        continue;
                TAILQ_REMOVE(&core->accepted, job, accepted_entry);
                job->is_accepted = false;
                if (job->phase == JOB_ACCEPTED)
                        lifecycle_found(job);
        }
}

/* The service was killed before the unit of the last attempt was released. */
static void release_leftover(Job *job) {
        int r;

        if (job->unit)
                return;
        r = unit_new(&job->unit, job->core->units, job->record.id, true, job);
        if (r >= 0)
                r = unit_stop(job->unit);
        if (r < 0)
                log_job(job, LOG_ERR, "failed to release the unit of its last attempt: %s", strerror(-r));
}

/* Not before it is recorded why: after a crash it would have ended by itself. */
static void stop_if_recorded(Job *job) {
        if (job->stop_reason != JOB_REASON_NONE && !job->stop_is_coming)
                stop_unit(job);
}

void lifecycle_found(Job *job) {
        if (job->phase == JOB_RETRYING)
                return release_leftover(job);
        if (reaping_is_under_way(job))
                return job->phase <= JOB_ACTIVE ? reaping_found(job) : (void) 0;
        if (job->phase == JOB_STARTING)
                accept(job);
        if ((job->phase != JOB_ACCEPTED && job->phase != JOB_ACTIVE) || job->postponed)
                return;
        if (job->phase == JOB_ACTIVE || is_executed(job))
                return lifecycle_adopted(job);
        expect_link(job);
        stop_if_recorded(job);
}

static int on_link_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        watch_unit(job);
        lifecycle_found(job);
        return 0;
}

void lifecycle_adopted(Job *job) {
        if (job->phase != JOB_STARTING && job->phase != JOB_ACCEPTED && job->phase != JOB_ACTIVE)
                return;
        job->phase = JOB_ACTIVE;
        if (job->record.state == JOB_QUEUED) {
                if (job->waits_alone)
                        job_set_progress(job, NULL);
                job->waits_alone = false;
                (void) job_set_running(job, now_realtime());
                (void) store_started(job->core->store, job->record.id, job->record.started_usec);
                job->core->events->started(job, job->core->userdata);
                log_job(job, LOG_INFO, "started for user %u.", job->record.uid);
                shortage_end(job->core);
        }
        expect_link(job);
        stop_if_recorded(job);
        ending_resume(job, false);
}

static void on_unit_started(UnitStarted result, const char *why, void *userdata) {
        Job *job = userdata;

        if (reaping_is_under_way(job) && job->phase == JOB_ACTIVE)
                return reaping_started(job, result, why);
        if (job->phase != JOB_STARTING)
                return;
        failpoint_die("on-started");
        if (failpoint_take("start-no-reply"))
                result = UNIT_UNKNOWN;
        switch (result) {
        case UNIT_STARTED:
                return lifecycle_found(job);
        case UNIT_UNKNOWN:
                (void) unit_manager_sweep(job->core->units);
                return;
        case UNIT_REFUSED:
                return start_refused(job, why);
        case UNIT_FAILED:
                log_job(job, LOG_ERR, "failed to start its unit: %s", why);
                job_set_progress(job, why);
                ending_unseen(job, JOB_REASON_NOT_EXECUTABLE);
        }
}

static void on_unit_progress(const char *status, void *userdata) {
        Job *job = userdata;

        if (job->phase >= JOB_RETRYING) /* of processes left behind */
                return;
        job_set_progress(job, strempty(status));
        job->core->events->progressed(job, job->core->userdata);
}

static void on_unit_vanished(void *userdata) {
        Job *job = userdata;
        bool same = job->instance && streq(job->instance, job->core->instance);
        bool executed = output_was_touched(job->core->output, job->record.id);
        bool is_starting = job->phase == JOB_STARTING || job->phase == JOB_ACCEPTED;

        if (job->phase == JOB_RETRYING)
                return conditions_wait_again(job);
        if (reaping_is_under_way(job))
                return job->phase <= JOB_ACTIVE ? reaping_released(job) : (void) 0;
        ending_unit_ending(job);
        if (job->report && job->report->final)
                ending_resume(job, true);
        else if (job->record.launcher && executed && (is_starting || job->phase == JOB_ACTIVE))
                reaping_begin(job, same ? JOB_REASON_LOST : JOB_REASON_HOST_RESTARTED, true);
        else if (is_starting && same && !executed && job->stop_reason == JOB_REASON_NONE)
                begin(job);
        else if (is_starting || job->phase == JOB_ACTIVE)
                ending_unseen(job, same ? JOB_REASON_LOST : JOB_REASON_HOST_RESTARTED);
}

/* The job has ended, or could not be started. */
static void on_unit_released(void *userdata) {
        _cleanup_free_ char *why = NULL;
        Job *job = userdata;
        Core *core = job->core;

        why = TAKE_PTR(job->postponed);
        if (why)
                return start_later(job, why);
        if (job->phase == JOB_RETRYING)
                return conditions_wait_again(job);
        if (job->phase <= JOB_ACTIVE && reaping_is_under_way(job))
                return reaping_released(job);
        core_remove(core, job);
        core_schedule(core);
}

const UnitListener lifecycle_unit_listener = {
        .started = on_unit_started,
        .progress = on_unit_progress,
        .ending = ending_unit_ending,
        .ended = ending_unit_ended,
        .vanished = on_unit_vanished,
        .released = on_unit_released,
};

/* --- events of the worker -------------------------------------------------------------------------- */

static bool is_worker(const Job *job, const WorkerMessage *hello, uint32_t uid) {
        uint8_t secret[WORKER_SECRET_SIZE], difference = 0;

        read_secret(job, secret);
        for (size_t i = 0; i < sizeof(secret); i++)
                difference |= secret[i] ^ hello->secret[i];
        return *job->secret && difference == 0 && job->record.uid == uid;
}

/* The connection proves that the unit was started, possibly before the service manager reports that, or before the
 * units that existed before are known. */
static void *on_worker_hello(WorkerLink *link, const WorkerMessage *hello, uint32_t uid, void *userdata) {
        Core *core = userdata;
        Job *job = core_find(core, hello->id);
        _cleanup_close_ int order_fd = -EBADF;

        if (!job || core->stopping || !is_worker(job, hello, uid))
                return NULL;
        failpoint_die("on-hello");
        (void) worker_link_free(job->link); /* it has reconnected */
        job->link = link;
        job->is_heard = true;
        job->link_timer = sd_event_source_disable_unref(job->link_timer);
        order_fd = output_open_writer(core->output, job->record.id, OUTPUT_ORDER);
        worker_link_welcome(link, order_fd);
        if (job->growth_fd >= 0)
                worker_link_follow(link, job->growth_fd);
        lifecycle_adopted(job);
        return job;
}

/* "NODE NUMBER" */
static void take_place(Job *job, const WorkerMessage *m) {
        _cleanup_free_ char *text = utf8_make_valid(m->text, m->text_size);
        size_t n = text ? strcspn(text, " ") : 0;

        if (n == 0 || !job->record.launcher)
                return;
        free(job->record.place);
        free(job->record.place_id);
        job->record.place = strndup(text, n);
        job->record.place_id = text[n] ? strdup(text + n + 1) : NULL;
        if (job->phase == JOB_ACTIVE)
                job->core->events->progressed(job, job->core->userdata);
}

static void on_worker_progress(const WorkerMessage *progress, void *userdata) {
        char text[WORKER_TEXT_MAX + 1];
        Job *job = userdata;

        if (progress->type == WORKER_PLACE) {
                if (job->phase <= JOB_ACTIVE) /* after a restart, before its unit is found */
                        take_place(job, progress);
                return;
        }
        if (job->phase > JOB_ACTIVE || job->stuck)
                return;
        if (progress->type == WORKER_LACK && !job->waits_for_process)
                log_job(job, LOG_WARNING, "%s", "its command waits for a process, due to a limit of processes or lack of memory.");
        job->waits_for_process = progress->type == WORKER_LACK;
        (void) snprintf(text, sizeof(text), "%.*s", (int) progress->text_size, progress->text);
        job_set_progress(job, *text ? text : NULL);
        if (job->phase == JOB_ACTIVE)
                job->core->events->progressed(job, job->core->userdata);
}

/* The worker has died, or will reconnect. */
static void on_worker_gone(void *userdata) {
        Job *job = userdata;

        job->link = NULL;
        if (job->phase >= JOB_ACTIVE && job->phase < JOB_RETRYING) /* it waits to be released */
                watch_unit(job);
}

const WorkerLinkListener lifecycle_worker_listener = {
        .hello = on_worker_hello,
        .progress = on_worker_progress,
        .ended = ending_worker_ended,
        .gone = on_worker_gone,
};

/* --- stopping -------------------------------------------------------------------------------------- */

static void on_stop_recorded(int r, void *userdata) {
        Job *job = userdata;

        /* On a full disk, stopping the job is more important than recording why. */
        if (r < 0)
                log_job(job, LOG_ERR, "failed to record its cancellation or limit: %s", strerror(-r));
        job->stop_is_coming = false;
        if ((job->phase == JOB_ACCEPTED || job->phase == JOB_ACTIVE) && !job->core->stopping)
                stop_unit(job);
}

/* Recorded together with the stop of their parent. Those that wait end one after the other; one that is not yet accepted
 * asks its parent when it is, see enqueue.c. */
static void stop_children(Job *job, uint32_t uid) {
        Job *child;

        LIST_FOREACH(child, &job->children, of_parent) {
                if (child->record.detached || child->stop_reason != JOB_REASON_NONE || !core_find(job->core, child->record.id))
                        continue;
                if (child->phase != JOB_WAITING) {
                        lifecycle_stop(child, JOB_REASON_USER, uid);
                        continue;
                }
                child->stop_reason = JOB_REASON_USER;
                child->record.stopped_by = uid;
                conditions_doom(child, NULL);
        }
}

/* What has ended is only an attempt: no other one follows. */
static bool is_between_attempts(const Job *job) {
        return job->phase == JOB_RETRYING || (job->phase < JOB_RETRYING && job_is_to_retry(job));
}

void lifecycle_stop(Job *job, JobReason reason, uint32_t uid) {
        Core *core = job->core;
        int r;

        if ((job->phase >= JOB_COLLECTING && !is_between_attempts(job)) || job->stop_reason != JOB_REASON_NONE)
                return;
        job->stop_reason = reason;
        job->record.stopped_by = uid;
        if (uid == UINT32_MAX)
                log_job(job, LOG_INFO, "stopping: %s.", job_reason_to_string(reason));
        else
                log_job(job, LOG_INFO, "stopping: cancelled by user %u.", uid);
        if (job->phase == JOB_WAITING || (job->phase == JOB_BEGINNING && job->retry)) {
                if (job->phase == JOB_WAITING) {
                        conditions_leave(job);
                        queue_remove(&core->queue, job);
                }
                job->retry = sd_event_source_disable_unref(job->retry);
                job_set_progress(job, NULL);
                ending_unseen(job, reason);
                if (reason == JOB_REASON_USER) /* that it submitted before it had to wait again */
                        stop_children(job, uid);
                return;
        }
        job->stop_is_coming = true;
        r = store_stop(core->store, job->record.id, reason, uid, on_stop_recorded, job);
        if (r < 0)
                on_stop_recorded(r, job);
        if (reason == JOB_REASON_USER)
                stop_children(job, uid);
}

/* --- jobs that never start -------------------------------------------------------------------------- */

#define DOOMED_MAX 50 /* whose ends are being recorded at a time: others use the store meanwhile */

/* If what it depends on is being changed, that is recorded first, and the end of the other job shows what remains. */
static bool is_certain(const Dependency *d) {
        return d->job->n_editing == 0 && !job_condition_is_met(d->condition, JOB_FAILED);
}

/* Its end is submitted before those of the jobs that depend on it, and thus recorded before them. */
static void end_doomed(Job *job) {
        const Dependency *d;

        conditions_leave(job);
        queue_remove(&job->core->queue, job);
        job_set_progress(job, NULL);
        job->is_doomed_end = true;
        job->core->n_doomed_ends++;
        ending_unseen(job, JOB_REASON_DEPENDENCY);
        LIST_FOREACH(d, &job->dependents, of_other)
                if (is_certain(d))
                        conditions_doom(d->job, job->record.id);
}

int lifecycle_on_doomed(sd_event_source *source, void *userdata) {
        Core *core = userdata;
        Job *job;

        while (core->n_doomed_ends < DOOMED_MAX && !core->stopping && (job = TAILQ_FIRST(&core->doomed)) &&
               !finishing_hold_up(core))
                end_doomed(job);
        return 0;
}
