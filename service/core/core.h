/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The core: owns the live jobs and their dependencies, and decides what happens to them. The only bus it uses is that
 * of the service manager; it reports events through JobEvents.
 *
 *   core.c           life cycle of the core; the configuration
 *   enqueue.c        creation of jobs
 *   admission.c      whether a job may enter a queue
 *   recover.c        state found at the start: stored jobs, units, files
 *   lifecycle.c      steps of a job from there: begin, start, stop
 *   conditions.c     what queued jobs wait for besides their turn; wait-reason.c: why one waits
 *   shortage.c       what keeps all jobs from being started
 *   retention.c      removal of finished jobs
 *   ending.c         end of a job as reported by its worker and its unit: collect, finish, release
 *   job-files.c      files of jobs: follow, sync, delete
 *   job-table.c      lookup of jobs by ID
 *
 * Each uses those below it. */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "background.h"
#include "config.h"
#include "job-events.h"
#include "job.h"
#include "output.h"
#include "queue.h"
#include "shortage.h"
#include "store.h"

#define CORE_TIDY 100U

typedef struct UnitManager UnitManager;
typedef struct WorkerLinks WorkerLinks;

struct Core {
        bool system_scope;
        bool stopping; /* no more jobs are started */
        bool closed;   /* the program was removed: jobs are neither accepted nor started */
        bool is_ready; /* JobEvents.ready was reported */
        sd_event *event;
        const JobEvents *events;
        void *userdata;
        Config config;
        char *config_path;
        Store *store;
        Output *output;
        WorkerLinks *links;    /* NULL: no socket for workers */
        char *folders;         /* parent of the folders of workers; in the system scope, of a folder for each user */
        unsigned tidy;         /* number of workers that still have to remove left-over folders */
        Background *collector; /* the thread that syncs and reads files of finished jobs */
        Background *bulk;      /* the same for large ones, and to delete files */
        UnitManager *units;
        char *instance; /* of the service manager; NULL until it has answered */
        sd_event_source *schedule_source; /* core_schedule() */
        sd_event_source *sweep_timer;
        char **strays; /* units without a record that are running, and were logged */
        sd_event_source *retention_timer;
        uint64_t expired; /* jobs removed by retention since the service started */

        TAILQ_HEAD(, Job) jobs; /* owned, oldest first */
        void *jobs_by_id;       /* tsearch(3) tree of them */
        TAILQ_HEAD(, Job) accepted; /* those that were JOB_ACCEPTED when lifecycle_catch_up() last looked, or since */
        Queue queue;
        Shortage shortage;
        Heap early; /* jobs whose time has not come */
        sd_event_source *early_timer;
        Heap retrying; /* those that wait for their next attempt */
        sd_event_source *retry_timer;
        TAILQ_HEAD(, Job) doomed; /* jobs that end without being started */
        unsigned n_doomed_ends; /* those whose end is being recorded */
        sd_event_source *doomed_source;
        TAILQ_HEAD(, Job) telling; /* ended jobs for which more wait than could be told at once */
        sd_event_source *telling_source; /* a timer that has elapsed: a defer source would go before all others */
        unsigned telling_pause; /* iterations of the event loop */
        bool is_held_up; /* until core_resume() */
};

/* Who calls: of new jobs, the owner; and the groups of the process, as the bus knows them. */
typedef struct Caller {
        uint32_t uid;
        bool is_trusted; /* may use all queues of the administrator */
        const uint32_t *gids;
        size_t n_gids;
} Caller;

/* --- core.c --- */

/* Reads the configuration, opens the store and loads its jobs. Logs. */
int core_new(Core **ret, sd_event *event, bool system_scope);

/* Finds the units of the jobs, on the bus of the service manager; reports events from then on. */
int core_start(Core *core, sd_bus *bus, const JobEvents *events, void *userdata);

/* Starts no more jobs. Finished jobs are collected, committed and reported; submitted operations are committed. */
void core_flush(Core *core);

/* Detaches from the jobs and the service manager; the jobs keep running. */
void core_stop(Core *core);

Core *core_free(Core *core);
DEFINE_CLEANUP(Core *, core_free);

/* Reloads the configuration. */
void core_reload(Core *core);

/* What was reported is sent, see JobEvents.is_congested. */
void core_resume(Core *core);

/* --- job-table.c --- */

/* Finds a job by its full ID, NULL if it is not live; the second one only a job whose end is not reported yet. */
Job *core_find(Core *core, const char *id);
Job *core_find_unended(Core *core, const char *id);

/* Adds a job to the table, or removes it. */
int core_add(Core *core, Job *job);
void core_remove(Core *core, Job *job); /* and frees it */

/* Schedules starting as many queued jobs as there are slots. */
static inline void core_schedule(Core *core) {
        (void) sd_event_source_set_enabled(core->schedule_source, SD_EVENT_ONESHOT);
}

/* --- enqueue.c, lifecycle.c --- */

/* A command may ask about its own job before its worker is heard: jobs whose worker was executed by now are running. */
void lifecycle_catch_up(Core *core);

/* Accepts a job of the caller. done is called once, when the job is durable (r is 0) or could not be recorded; not if a
 * negative error of job-error.h is returned. id: with -JOB_ERROR_STORED_TOO_MUCH, the IDs of the user's largest finished
 * jobs. */
typedef void (*EnqueuedCallback)(int r, const char *id, void *userdata);
int enqueue_job(Core *core, const Spec *spec, const Caller *caller, EnqueuedCallback done, void *userdata);

/* Stops a job for a reason, on behalf of uid (UINT32_MAX: the service itself). Has no effect if it is being stopped
 * already. */
void lifecycle_stop(Job *job, JobReason reason, uint32_t uid);

/* --- conditions.c, edit.c, wait-reason.c --- */

/* Holds a queued job, which does not start until it is released. done is called once it is recorded, not if a negative error
 * is returned: -JOB_ERROR_NOT_QUEUED. */
int core_hold(Job *job, bool held, StoreCallback done, void *userdata);

/* Changes a queued job, see spec_read_edit(), which does not start before that is recorded. done is called then, until when the
 * changes are valid; not if a negative error is returned: -JOB_ERROR_NOT_EDITABLE, -JOB_ERROR_ATTEMPTED, those of admission.c,
 * -JOB_ERROR_OWN_DEPENDENCY, -JOB_ERROR_TOO_MANY_DEPENDENTS, or -JOB_ERROR_CIRCLE with the ID of the other job, valid until
 * the caller returns. other: with -JOB_ERROR_NO_DEPENDENCY, the one that does not exist. */
typedef void (*EditedCallback)(int r, const char *other, void *userdata);
int core_edit(Job *job, const Caller *caller, const Spec *changes, const char **ret_other, EditedCallback done, void *userdata);

/* Sets why the job waits in its record, before that is sent. */
void core_explain_wait(Job *job);

/* What keeps all jobs from being started; NULL: nothing. */
const char *core_obstacle(const Core *core);

/* --- admission.c --- */

/* The queue of the administrator that the name means for that user; NULL: it means one of the user, or none. */
const ConfigQueue *core_find_shared_queue(const Core *core, uint32_t uid, const char *name);
bool core_may_use_queue(const Caller *caller, const ConfigQueue *queue);

/* Whether the caller may submit a job of that user to a queue: 0, -JOB_ERROR_NO_QUEUE, -JOB_ERROR_QUEUE_NOT_ALLOWED,
 * -JOB_ERROR_QUEUE_CLOSED or -JOB_ERROR_LAUNCHER_MISSING. */
int core_admit(const Core *core, const Caller *caller, uint32_t uid, const char *name);

/* Whether the limits of a job are within those of its queue: 0, -JOB_ERROR_QUEUE_RUNTIME_MAX, -JOB_ERROR_QUEUE_OUTPUT_MAX or
 * -JOB_ERROR_LAUNCHER_LIMIT. Sets
 * those that are not given to the defaults of its queue. */
int core_check_queue_limits(const Core *core, uint32_t uid, const char *name, const JobLimits *limits);
void core_set_default_limits(const Core *core, uint32_t uid, const char *name, JobLimits *limits);

/* --- job-files.c --- */

/* Updates the sizes of a live job's output. */
void job_update_sizes(Job *job);

/* Opens a file of a job, which is live (job) or not (NULL), for reading; an eventfd with an edge whenever its output
 * grows. Returns a descriptor, -EOPNOTSUPP if its worker is of an older version, or another negative errno. */
int job_open_output(Core *core, const Job *job, const JobRecord *record, OutputStream stream);
int job_open_growth(Job *job);

/* Deletes the files of a removed job in the background. */
void core_discard_files(Core *core, const char *id);
