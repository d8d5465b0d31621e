/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/inotify.h>

#include "limits.h"
#include "manager.h"
#include "service-log.h"
#include "time-util.h"

#define OUTPUT_CHECK_USEC (200 * USEC_PER_MSEC)
#define WATCH_AFTER_USEC USEC_PER_SEC /* most jobs are over before, and need no watch */

uint64_t limits_update_sizes(Job *job) {
        job->record.stdout_bytes = output_size(job->manager->output, job->record.id, OUTPUT_STDOUT);
        job->record.stderr_bytes = output_size(job->manager->output, job->record.id, OUTPUT_STDERR);
        return job->record.stdout_bytes + job->record.stderr_bytes;
}

/* Only notes the time: the timer looks at it when it is due. Not the time of the event loop: that is when it woke up,
 * before what it then reads. */
void limits_saw_activity(Job *job) {
        job->active_usec = now_monotonic();
}

/* Its result takes room as well, until it is collected. */
static void check_size(Job *job) {
        uint64_t size = limits_update_sizes(job) + output_size(job->manager->output, job->record.id, OUTPUT_RESULT);

        if (job->limits.output_max > 0 && job->phase == JOB_ACTIVE && size > job->limits.output_max)
                lifecycle_stop(job, JOB_REASON_OUTPUT_LIMIT, UINT32_MAX);
}

static int on_output(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Job *job = userdata;

        limits_saw_activity(job);
        check_size(job);
        return 0;
}

static int on_stall_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;
        uint64_t due = job->active_usec + job->limits.stall_usec;
        int r;

        if (now_monotonic() >= due) {
                lifecycle_stop(job, JOB_REASON_STALLED, UINT32_MAX);
                return 0;
        }
        r = sd_event_source_set_time(source, due);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int watch_stream(Job *job, OutputStream stream) {
        sd_event_source **source = &job->output_watch[stream];
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (*source) /* by an earlier try */
                return 0;
        fd = output_open_reader(job->manager->output, job->record.id, stream);
        if (fd < 0)
                return fd;
        r = sd_event_add_inotify_fd(job->manager->event, source, fd, IN_MODIFY, on_output, job);
        if (r < 0)
                return r;
        return sd_event_source_set_ratelimit(*source, OUTPUT_CHECK_USEC, 1);
}

static int watch_stall(Job *job) {
        if (job->limits.stall_usec == 0)
                return 0;
        return sd_event_add_time(job->manager->event, &job->watch_timer, CLOCK_MONOTONIC,
                                 job->active_usec + job->limits.stall_usec, 0, on_stall_timer, job);
}

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata);

static int set_watch_timer(Job *job) {
        return sd_event_add_time_relative(job->manager->event, &job->watch_timer, CLOCK_MONOTONIC, WATCH_AFTER_USEC,
                                          WATCH_AFTER_USEC / 10, on_watch_due, job);
}

/* What was written is looked at with each try; silence counts from the one that works. */
static void watch_later(Job *job, int error) {
        limits_saw_activity(job);
        log_job(job, LOG_WARNING, "cannot watch its output and its silence: %s. Trying again every second.", strerror(-error));
        if (set_watch_timer(job) < 0)
                log_job(job, LOG_WARNING, "%s", "its output and its silence are not limited.");
}

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;
        int r = 0;

        job->watch_timer = sd_event_source_disable_unref(job->watch_timer);
        for (size_t i = 0; i < ELEMENTSOF(job->output_watch) && r >= 0; i++)
                r = watch_stream(job, (OutputStream) i);
        check_size(job);
        if (r >= 0)
                r = watch_stall(job);
        if (r < 0)
                watch_later(job, r);
        return 0;
}

static int on_runtime_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        if (job->phase == JOB_ACTIVE)
                lifecycle_stop(job, JOB_REASON_RUNTIME_LIMIT, UINT32_MAX);
        return 0;
}

/* It may have been running before this service was. */
static int watch_runtime(Job *job) {
        if (job->limits.runtime_max_usec == 0 || job->runtime_timer)
                return 0;
        return sd_event_add_time(job->manager->event, &job->runtime_timer, CLOCK_MONOTONIC,
                                 job->executed_usec + job->limits.runtime_max_usec, 0, on_runtime_timer, job);
}

static int watch_files(Job *job) {
        if ((job->limits.output_max == 0 && job->limits.stall_usec == 0) ||
            job->watch_timer || job->output_watch[OUTPUT_STDOUT])
                return 0;
        limits_saw_activity(job);
        return set_watch_timer(job);
}

void limits_watch(Job *job) {
        int r;

        if (job->executed_usec == 0)
                return;
        r = watch_runtime(job);
        if (r >= 0)
                r = watch_files(job);
        if (r < 0)
                log_job(job, LOG_WARNING, "not all of its limits are watched: %s.", strerror(-r));
}

void limits_unwatch(Job *job) {
        for (size_t i = 0; i < ELEMENTSOF(job->output_watch); i++)
                job->output_watch[i] = sd_event_source_disable_unref(job->output_watch[i]);
        job->watch_timer = sd_event_source_disable_unref(job->watch_timer);
        job->runtime_timer = sd_event_source_disable_unref(job->runtime_timer);
}
