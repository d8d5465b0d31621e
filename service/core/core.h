/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The core: owns the live jobs and everything that they need, and decides what happens to them. It knows no bus but that of
 * the service manager; what happens it reports by JobEvents.
 *
 *   core.c           its life; the configuration
 *   enqueue.c        how a job comes to be
 *   recover.c        what was there before the service: stored jobs, units, files
 *   lifecycle.c      the way of a job from there: begin, start, stop
 *   retention.c      which finished jobs are forgotten
 *   ending.c         the end of a job: its worker and its unit tell of it; collect, finish, release
 *   job-files.c      the files of jobs: follow, sync, delete
 *   job-table.c      the jobs by their ids
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
#include "store.h"

#define CORE_TIDY 100U

typedef struct UnitManager UnitManager;
typedef struct WorkerLinks WorkerLinks;

struct Core {
        bool system_scope;
        bool stopping; /* nothing is begun any more */
        bool is_ready; /* JobEvents.ready was reported */
        sd_event *event;
        const JobEvents *events;
        void *userdata;
        Config config;
        char *config_path;
        Store *store;
        Output *output;
        WorkerLinks *links;    /* NULL: there is no socket for them */
        char *folders;         /* in which workers make folders; in the system scope one for each user is in between */
        unsigned tidy;         /* as many of the next workers look for those that were left */
        Background *collector; /* the thread that syncs and reads the files of jobs that ended */
        Background *bulk;      /* the same for large ones; and it deletes them */
        UnitManager *units;
        char *instance; /* of the service manager; NULL until it has answered */
        sd_event_source *schedule_source; /* core_schedule() */
        sd_event_source *sweep_timer;
        char **strays; /* units without a record that run, and were told of */
        sd_event_source *retention_timer;
        uint64_t expired; /* jobs that retention has removed since the service started */

        TAILQ_HEAD(, Job) jobs; /* owned, oldest first */
        void *jobs_by_id;       /* tsearch(3) tree of the same */
        Queue queue;
};

/* --- core.c --- */

/* Reads the configuration, opens the store and loads its jobs. Logs. */
int core_new(Core **ret, sd_event *event, bool system_scope);

/* Finds the units of the jobs, on the bus of the service manager; from then on events are reported. */
int core_start(Core *core, sd_bus *bus, const JobEvents *events, void *userdata);

/* Nothing is begun any more. What ended is collected, committed and reported; what was handed over is committed. */
void core_flush(Core *core);

/* Lets go of the jobs and of the service manager; the jobs keep running. */
void core_stop(Core *core);

Core *core_free(Core *core);
DEFINE_CLEANUP(Core *, core_free);

/* Reads the configuration again. */
void core_reload(Core *core);

/* --- job-table.c --- */

/* A job by its full id, NULL if it is not live; or whose end is not told yet. */
Job *core_find(Core *core, const char *id);
Job *core_find_unended(Core *core, const char *id);

/* Adds to and takes out of the table. */
int core_add(Core *core, Job *job);
void core_remove(Core *core, Job *job); /* and frees it */

/* Starts as many queued jobs as there are slots, soon. */
static inline void core_schedule(Core *core) {
        (void) sd_event_source_set_enabled(core->schedule_source, SD_EVENT_ONESHOT);
}

/* --- enqueue.c, lifecycle.c --- */

/* Accepts a job of uid. done is called once, when it is durable (r 0) or could not be recorded; not when a negative error of
 * job-error.h is returned. */
typedef void (*EnqueuedCallback)(int r, const char *id, void *userdata);
int enqueue_job(Core *core, const Spec *spec, uint32_t uid, EnqueuedCallback done, void *userdata);

/* Ends a job for a reason, on behalf of uid (UINT32_MAX: the service's own). Without effect on one that is
 * ending already. */
void lifecycle_stop(Job *job, JobReason reason, uint32_t uid);

/* --- job-files.c --- */

/* Brings the sizes of a live job's output up to date. */
void job_update_sizes(Job *job);

/* Opens a file of a job that was found, live (job) or not (NULL), for reading; an eventfd with an edge whenever its output
 * grows. Returns a descriptor, -EOPNOTSUPP where its worker is of an older version, or another negative errno. */
int job_open_output(Core *core, const Job *job, const JobRecord *record, OutputStream stream);
int job_open_growth(Job *job);

/* Deletes the files of a job that is forgotten, in the background. */
void core_discard_files(Core *core, const char *id);
