/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A job that ran elsewhere, see launcher.h, and whose end nobody saw, may still run there. Before its end is told, a unit of
 * the same name executes the program of its launcher with --reap, again and again, until it has found nothing or ended it.
 * That it is being reaped, and why, is recorded in place of the run of the service manager under which it began: a restarted
 * service goes on with that, and does not take this unit for that of the job. */

#include <signal.h>
#include <sys/wait.h>

#include "core-internal.h"
#include "launcher.h"
#include "service-log.h"
#include "string-list.h"
#include "text-new.h"

#define PREFIX "reap:"
#define AGAIN_USEC USEC_PER_SEC /* the program waits for longer if that can help */

bool reaping_is_under_way(const Job *job) {
        return job->instance && strncmp(job->instance, PREFIX, strlen(PREFIX)) == 0;
}

static int start_unit(Job *job) {
        const Launcher *launcher = launcher_find(job->record.launcher);
        char **environment;
        int r;

        job->unit = unit_free(job->unit);
        r = unit_new(&job->unit, job->core->units, job->record.id, false, job);
        if (r < 0)
                return r;
        environment = core_launcher_environment(job);
        if (!environment)
                return -ENOMEM;
        r = unit_start_reaper(job->unit, &(UnitStart) {
                                                 .uid = job->record.uid,
                                                 .program = launcher_program(launcher),
                                                 .environment = environment,
                                         });
        string_list_free(environment);
        return r;
}

static void tell(Job *job);

/* Not with less than what is configured: the program would look for the job elsewhere, and find nothing. */
static void start(Job *job) {
        const ConfigQueue *queue = config_find_queue(&job->core->config, job->record.queue);
        int r;

        if (queue && queue->is_closed) {
                tell(job);
                job_call_later(job, job->core->event, AGAIN_USEC, start);
                return;
        }
        job->is_reaped = true;
        job->retry = sd_event_source_disable_unref(job->retry); /* to release the unit that is gone */
        r = start_unit(job);
        if (r < 0)
                job_try_again(job, job->core->event, "clean up where the job ran", r, start);
}

/* The unit of the job is gone, or another one that reaped. */
void reaping_released(Job *job) {
        job->is_gone = true;
        if (!job->reaping_is_coming)
                start(job);
}

static void again(Job *job) {
        int r;

        r = unit_release(job->unit);
        if (r < 0)
                job_try_again(job, job->core->event, "release a unit", r, again);
}

static void record(Job *job);

static void on_recorded(int r, void *userdata) {
        Job *job = userdata;

        if (job->core->stopping)
                return;
        if (r < 0)
                return job_try_again(job, job->core->event, "record that its end was not seen", r, record);
        job->reaping_is_coming = false;
        if (job->is_gone)
                start(job);
        else
                again(job);
}

static void record(Job *job) {
        int r;

        r = store_reap(job->core->store, job->record.id, job->instance, on_recorded, job);
        if (r < 0)
                on_recorded(r, job);
}

#define WAITS "Waits for "

static void tell(Job *job) {
        _cleanup_free_ char *text = text_new(WAITS "codex-jobs-%s to end what may be left where it ran", job->record.launcher);

        job_set_progress(job, text);
        job->core->events->progressed(job, job->core->userdata);
}

/* is_gone: its unit does not exist any more. */
void reaping_begin(Job *job, JobReason reason, bool is_gone) {
        char *instance = text_new(PREFIX "%s", job_reason_to_string(reason));

        if (!instance) {
                log_job(job, LOG_CRIT, "%s", "out of memory, restarting to load it from the database.");
                (void) sd_event_exit(job->core->event, -ENOMEM);
                return;
        }
        free(job->instance);
        job->instance = instance;
        job->is_gone = is_gone;
        job->reaping_is_coming = true;
        *job->secret = 0;
        job->phase = JOB_ACTIVE;
        if (job->record.state == JOB_QUEUED)
                (void) job_set_running(job, job->record.created_usec);
        record(job);
}

/* After a restart of the service, nobody knows whether the unit is that of the job or reaps: it is replaced. */
void reaping_found(Job *job) {
        int r;

        job->phase = JOB_ACTIVE;
        if (job->reaping_is_coming)
                return;
        if (!job->is_reaped)
                return again(job);
        r = unit_watch(job->unit);
        if (r < 0)
                log_job(job, LOG_ERR, "failed to watch its unit: %s", strerror(-r));
}

void reaping_started(Job *job, UnitStarted result, const char *why) {
        if (result == UNIT_STARTED)
                return reaping_found(job);
        log_job(job, LOG_WARNING, "failed to clean up where it ran, trying again: %s", strempty(why));
        job_call_later(job, job->core->event, AGAIN_USEC, start);
}

bool reaping_is_done(Job *job, const JobEnd *end, JobReason *ret) {
        JobReason reason = job_reason_from_string(job->instance + strlen(PREFIX));

        if (!job->is_reaped) {
                again(job);
                return false;
        }
        if (end->code != CLD_EXITED || end->status != 0) {
                tell(job);
                job_call_later(job, job->core->event, AGAIN_USEC, again);
                return false;
        }
        if (strncmp(strempty(job->record.progress), WAITS, strlen(WAITS)) == 0)
                job_set_progress(job, NULL);
        *ret = reason < 0 ? JOB_REASON_LOST : reason;
        return true;
}
