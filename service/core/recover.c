/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* State found at the start: the jobs in the store that are not terminal, the units of systemd, the files of jobs. The
 * store states what should exist, a sweep over the units shows what does exist:
 *
 *   stored as        unit found                      no unit, same run of systemd   no unit, another run
 *   queued           release it, then queue it (-)   queue it                       queue it
 *   queued, begun    it exists: adopt it (+)         begin, or failed: lost (*)     failed: host-restarted
 *   running          adopt it, or collect its end    failed: lost                   failed: host-restarted
 *   terminal, none   release it
 *
 * (-) of an earlier attempt
 * (+) running once its worker is executed; queued again if that failed for now
 * (*) lost if its worker was executed, as a file timestamp shows: no command is started twice.
 *
 * The same sweep runs periodically, so that a missed signal costs a minute and not a job. */

#include <systemd/sd-journal.h>

#include "core-internal.h"
#include "job-error.h"
#include "text-new.h"

#define SWEEP_USEC (60 * USEC_PER_SEC)
#define STRAY_USEC (2 * USEC_PER_SEC) /* until the next check of units that are not watched */

/* --- the store ------------------------------------------------------------------------------------- */

static int on_stored_job(StoredJob *stored, void *userdata) {
        _cleanup_(job_freep) Job *job = NULL;
        Core *core = userdata;
        int r;

        r = job_new(&job, stored->record.id, stored->record.kind, stored->record.uid);
        if (r < 0)
                return r;
        job_record_clear(&job->record);
        job->record = job_record_take(&stored->record);
        job->instance = TAKE_PTR(stored->instance);
        (void) snprintf(job->secret, sizeof(job->secret), "%s", strempty(stored->secret));
        job->limits = stored->limits;
        job->stop_reason = stored->stop_reason;
        r = core_add(core, job);
        if (r < 0)
                return r;
        TAKE_PTR(job);
        return 0;
}

static int on_discarded(const char *id, void *userdata) {
        core_discard_files(userdata, id);
        return 0;
}

static int on_queue(const StoreQueue *queue, void *userdata) {
        Core *core = userdata;
        int r = 0;

        if (queue->made)
                r = queue_set_lane(&core->queue, queue->uid, queue->name, queue->max_running);
        return r < 0 || !queue->paused ? r : queue_set_paused(&core->queue, queue->uid, queue->name, true);
}

/* A job whose dependency was lost with a corrupt database must not start. */
static int on_dependency(const char *id, const char *other, JobCondition condition, void *userdata) {
        Job *job = core_find(userdata, id), *found = core_find(userdata, other);

        if (job && found)
                return dependency_new(job, found, condition, NULL);
        if (!job || job->record.failed_dependency)
                return 0;
        job->record.failed_dependency = strdup(other);
        return job->record.failed_dependency ? 0 : -ENOMEM;
}

/* Parents are older than their children. */
static int join_parents(Core *core) {
        Job *job, *parent;
        int r = 0;

        TAILQ_FOREACH(job, &core->jobs, entry) {
                parent = job->record.parent ? core_find(core, job->record.parent) : NULL;
                if (parent && parent->record.uid == job->record.uid)
                        r = queue_nest(&core->queue, job, parent);
                if (r < 0)
                        return r;
        }
        return 0;
}

int recover_load(Core *core) {
        int r;

        r = store_load_queues(core->store, on_queue, core);
        if (r >= 0)
                r = store_load_live(core->store, on_stored_job, core);
        if (r >= 0)
                r = store_load_dependencies(core->store, on_dependency, core);
        if (r >= 0)
                r = join_parents(core);
        return r < 0 ? r : store_load_discarded(core->store, on_discarded, core);
}

/* Places a loaded job according to the store; the sweep that follows corrects it. */
static int place(Core *core, Job *job) {
        int r;

        if (job->record.state == JOB_QUEUED && !job->instance && job->record.attempts) {
                job->phase = JOB_RETRYING;
                return queue_expect(&core->queue, job);
        }
        if (job->record.state == JOB_QUEUED && !job->instance) {
                r = conditions_enter(job);
                return r < 0 ? r : queue_push(&core->queue, job);
        }
        r = unit_new(&job->unit, core->units, job->record.id, job->stop_reason != JOB_REASON_NONE, job);
        if (r < 0)
                return r;
        job->phase = job->record.state == JOB_QUEUED ? JOB_STARTING : JOB_ACTIVE;
        r = queue_take_any_slot(&core->queue, job);
        if (r >= 0 && job->link) /* its worker was faster than the service manager, and what it reports next must count */
                lifecycle_adopted(job);
        return r;
}

/* --- units ----------------------------------------------------------------------------------------- */

static int on_sweep_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Core *core = userdata;
        int r;

        (void) unit_manager_sweep(core->units);
        conditions_check_times(core);
        r = sd_event_source_set_time_relative(source, SWEEP_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Clients that call our unique name do not have to wait until we own the well-known one: a job that was enqueued
 * meanwhile is placed already. */
static int place_all(Core *core) {
        Job *job;

        TAILQ_FOREACH(job, &core->jobs, entry) {
                int r = job->phase == JOB_RECORDING ? place(core, job) : 0;

                if (r < 0)
                        return r;
        }
        return sd_event_add_time_relative(core->event, &core->sweep_timer, CLOCK_MONOTONIC, SWEEP_USEC,
                                          USEC_PER_SEC, on_sweep_timer, core);
}

static void on_ready(const char *instance, void *userdata) {
        Core *core = userdata;
        bool first = !core->instance;
        char *copy;
        int r = 0;

        copy = strdup(instance);
        if (copy) {
                free(core->instance);
                core->instance = copy;
                r = first ? place_all(core) : 0;
        }
        if (!copy || r < 0) {
                sd_journal_print(LOG_ERR, "Failed to resume stored jobs: %s", strerror(copy ? -r : ENOMEM));
                (void) sd_event_exit(core->event, copy ? r : -ENOMEM);
                return;
        }
        (void) unit_manager_sweep(core->units);
}

static void on_unreachable(const char *why, void *userdata) {
        Core *core = userdata;

        sd_journal_print(LOG_ERR, "Failed to reach the service manager: %s", why);
        if (!core->is_ready)
                (void) sd_event_exit(core->event, -ENXIO);
}

/* A unit without a live job: its job is over and the release was lost, or it is unknown. */
typedef struct Stray {
        Core *core;
        char id[64];
        char sub_state[24];
} Stray;

/* Every sweep finds it again; it is logged once. */
static void log_stray(Core *core, const char *id) {
        char **bigger;
        size_t n = 0;

        for (; core->strays && core->strays[n]; n++)
                if (streq(core->strays[n], id))
                        return;
        bigger = reallocarray(core->strays, n + 2, sizeof(char *));
        if (bigger) {
                core->strays = bigger;
                bigger[n] = strdup(id);
                bigger[n + 1] = NULL;
        }
        sd_journal_print(LOG_WARNING, "Unit of job %s has no record in the database; it keeps running and is released when "
                         "it exits.", id);
}

/* -JOB_ERROR_GONE: the job was removed before its unit was released. */
static void on_stray_state(int r, JobState state, void *userdata) {
        _cleanup_free_ Stray *stray = userdata;
        Core *core = stray->core;

        if (core->stopping || core_find(core, stray->id))
                return;
        if (r < 0 && r != -ENOENT && r != -JOB_ERROR_GONE)
                return;
        if (r == -ENOENT && !streq(stray->sub_state, "exited") && !streq(stray->sub_state, "failed")) {
                log_stray(core, stray->id);
                return;
        }
        unit_manager_discard(core->units, stray->id, stray->sub_state);
        if (!streq(stray->sub_state, "failed")) /* it may be in a moment, if its last processes have to be killed */
                (void) sd_event_source_set_time_relative(core->sweep_timer, STRAY_USEC);
}

static void on_listed(const char *id, const char *sub_state, void *userdata) {
        Core *core = userdata;
        Job *job = core_find(core, id);
        Stray *stray;

        if (job) {
                lifecycle_found(job);
                return;
        }
        stray = malloc(sizeof(*stray));
        if (!stray)
                return; /* the next sweep */
        stray->core = core;
        (void) snprintf(stray->id, sizeof(stray->id), "%s", id);
        (void) snprintf(stray->sub_state, sizeof(stray->sub_state), "%s", sub_state);
        if (store_get_state(core->store, id, on_stray_state, stray) < 0)
                free(stray);
}

/* --- files ----------------------------------------------------------------------------------------- */

#define FILES_BATCH 500 /* IDs in one operation of the store, to bound how long a call waits for it */

/* IDs of the jobs that had files at the start, and how many of them the store was asked for. */
typedef struct Files {
        Core *core;
        TextStream ids; /* each with its NUL */
        size_t position;
} Files;

static Files *files_free(Files *files) {
        if (!files)
                return NULL;

        text_stream_clear(&files->ids);
        free(files);
        return NULL;
}
DEFINE_CLEANUP(Files *, files_free);

/* Files without a record that are not empty belong to a job that was lost with a corrupt database; an older version
 * created files before the record. */
static void look_at_unknown(Core *core, const char *id) {
        if (core_find(core, id))
                return;
        if (output_size(core->output, id, OUTPUT_STDOUT) > 0 || output_size(core->output, id, OUTPUT_STDERR) > 0)
                sd_journal_print(LOG_NOTICE, "Output of job %s has no record in the database, keeping it.", id);
        else
                output_remove(core->output, id);
}

static int ask_for_files(Files *files);

static void on_unknown_files(int r, char *const *ids, size_t n, void *userdata) {
        _cleanup_(files_freep) Files *files = userdata;

        if (files->core->stopping)
                return;
        for (size_t i = 0; i < n && r >= 0; i++)
                look_at_unknown(files->core, ids[i]);
        if (r >= 0 && files->position < files->ids.size && ask_for_files(files) >= 0)
                TAKE_PTR(files);
}

static int ask_for_files(Files *files) {
        char *ids[FILES_BATCH];
        size_t n = 0;

        for (; n < FILES_BATCH && files->position < files->ids.size; n++) {
                ids[n] = files->ids.text + files->position;
                files->position += strlen(ids[n]) + 1;
        }
        return store_find_unknown(files->core->store, ids, n, on_unknown_files, files);
}

static int on_files(const char *id, void *userdata) {
        (void) fwrite(id, 1, strlen(id) + 1, userdata);
        return 0;
}

static int look_for_files(Core *core) {
        _cleanup_(files_freep) Files *files = calloc(1, sizeof(*files));
        int r;

        if (!files)
                return -ENOMEM;
        files->core = core;
        if (!text_stream_open(&files->ids))
                return -ENOMEM;
        r = output_foreach(core->output, on_files, files->ids.f);
        if (r >= 0)
                r = text_stream_close(&files->ids);
        if (r < 0 || files->ids.size == 0)
                return r;
        r = ask_for_files(files);
        if (r >= 0)
                TAKE_PTR(files);
        return r;
}

/* Retries of jobs whose unit is gone already. */
static void resume_retries(Core *core) {
        Job *job;

        TAILQ_FOREACH(job, &core->jobs, entry)
                if (job->phase == JOB_RETRYING && !job->unit)
                        conditions_wait_again(job);
}

/* The first sweep is complete: from now on the service can answer for all jobs. */
static void on_swept(void *userdata) {
        Core *core = userdata;
        int r;

        if (!core->is_ready) {
                core->is_ready = true;
                resume_retries(core);
                r = look_for_files(core);
                if (r < 0)
                        sd_journal_print(LOG_WARNING, "Failed to look for left-over files: %s", strerror(-r));
                r = retention_start(core);
                if (r >= 0)
                        r = core->events->ready(core->userdata);
                if (r < 0)
                        (void) sd_event_exit(core->event, r);
        }
        core_schedule(core);
}

const UnitCallbacks recover_unit_callbacks = {
        .ready = on_ready,
        .unreachable = on_unreachable,
        .listed = on_listed,
        .swept = on_swept,
};
