/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "shortage.h"
#include "text-new.h"
#include "time-util.h"

#define PAUSE_MIN_USEC USEC_PER_SEC
#define PAUSE_MAX_USEC (30 * USEC_PER_SEC)

/* A shortage that comes back within this time after the last one is the same, as to the pause: where there is room for
 * one job, one is started after each pause. */
#define AGAIN_USEC (60 * USEC_PER_SEC)

void shortage_clear(Shortage *shortage) {
        shortage->timer = sd_event_source_disable_unref(shortage->timer);
        free(shortage->why);
        shortage->why = NULL;
}

void shortage_report(Job *job) {
        const char *why = job->core->shortage.why;
        _cleanup_free_ char *text = why ? text_new("Cannot start: %s", why) : NULL;

        if (text || !why)
                job_set_progress(job, text);
}

static void report_to_all(Core *core) {
        Job *job;

        TAILQ_FOREACH(job, &core->jobs, entry)
                if (job->phase == JOB_WAITING) {
                        shortage_report(job);
                        core->events->progressed(job, core->userdata);
                }
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Core *core = userdata;

        core->shortage.timer = sd_event_source_disable_unref(core->shortage.timer);
        core_schedule(core);
        return 0;
}

static void pause_starts(Core *core) {
        Shortage *s = &core->shortage;
        uint64_t now = 0;
        int r;

        (void) sd_event_now(core->event, CLOCK_MONOTONIC, &now);
        if (s->pause_usec == 0 || (s->over_usec > 0 && now > s->over_usec + AGAIN_USEC))
                s->pause_usec = PAUSE_MIN_USEC;
        else
                s->pause_usec = MIN(2 * s->pause_usec, PAUSE_MAX_USEC);
        s->over_usec = 0;
        r = sd_event_add_time_relative(core->event, &s->timer, CLOCK_MONOTONIC, s->pause_usec, 0, on_pause_over, core);
        if (r < 0)
                sd_journal_print(LOG_CRIT, "Failed to set a timer, restart the service to start jobs: %s", strerror(-r));
}

void shortage_begin(Job *job, const char *why) {
        Core *core = job->core;
        Shortage *s = &core->shortage;
        char *copy = NULL;

        if (!s->why || !streq(s->why, why)) {
                sd_journal_print(LOG_ERR, "Cannot start jobs: %s. They wait, and start when that is over.", why);
                copy = strdup(why);
        }
        if (!s->timer)
                pause_starts(core);
        if (copy) {
                free(s->why);
                s->why = copy;
                report_to_all(core);
        } else {
                shortage_report(job);
                core->events->progressed(job, core->userdata);
        }
}

/* Not by a job that was begun before it: while the pause lasts. */
void shortage_end(Core *core) {
        Shortage *s = &core->shortage;

        if (!s->why || s->timer)
                return;
        sd_journal_print(LOG_NOTICE, "Jobs are started again. The cause of the delay was: %s.", s->why);
        shortage_clear(s);
        (void) sd_event_now(core->event, CLOCK_MONOTONIC, &s->over_usec);
        report_to_all(core);
        core_schedule(core);
}

bool shortage_permits(Core *core) {
        Shortage *s = &core->shortage;
        const Job *job = s->why && *s->tried ? core_find(core, s->tried) : NULL;

        return !s->timer && (!job || job->retry || (job->phase != JOB_BEGINNING && job->phase != JOB_STARTING && job->phase != JOB_ACCEPTED));
}

void shortage_try(const Job *job) {
        Shortage *s = &job->core->shortage;

        (void) snprintf(s->tried, sizeof(s->tried), "%s", s->why ? job->record.id : "");
}
