/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The manager: owns the live jobs and everything that they need, and decides what happens to them.
 *
 *   manager.c        its life, the table of jobs, the configuration
 *   enqueue.c        how a job comes to be
 *   lifecycle.c      the way of a job from there: begin, start, stop
 *   ending.c         the end of a job: its worker and its unit tell of it; collect, finish, release
 *   retention.c      which finished jobs are forgotten
 *   recover.c        what was there before the service: stored jobs, units, files
 *   manager-bus.c    org.codex.Jobs, with its methods in method-*.c;  job-bus.c: org.codex.Jobs.Job
 *
 * A call passes from the bus files into lifecycle.c and down to queue, store, unit and output; what they
 * have to say comes back as callbacks. */

#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "account.h"
#include "authorize.h"
#include "background.h"
#include "config.h"
#include "follower.h"
#include "job.h"
#include "output.h"
#include "polkit.h"
#include "queue.h"
#include "spec.h"
#include "store.h"
#include "ticket.h"
#include "unit.h"
#include "waiter.h"
#include "worker-link.h"

#define MANAGER_TIDY 100U

struct Manager {
        bool system_scope;
        bool stopping; /* nothing is begun any more */
        bool serving;  /* the bus name was asked for */
        bool polkit_absent; /* as far as we know: not asked again until the configuration is read again */
        sd_event *event;
        sd_bus *bus;
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
        Authorize *authorize;
        Polkit *polkit;
        char *instance; /* of the service manager; NULL until it has answered */
        sd_bus_slot *vtable_slots[4];
        sd_bus_slot *name_call;
        sd_event_source *exit_source;
        sd_event_source *idle_source; /* request_on_idle() */
        sd_event_source *sweep_timer;
        char **strays; /* units without a record that run, and were told of */
        sd_event_source *retention_timer;
        uint64_t expired; /* jobs that retention has removed since the service started */

        TAILQ_HEAD(, Job) jobs; /* owned, oldest first */
        void *jobs_by_id;       /* tsearch(3) tree of the same */
        Queue queue;
        WaiterList waiters;
        FollowerList followers; /* of all jobs that they may see */

        /* Of calls. */
        AccountList accounts;
        TicketQueue turns; /* at the store */
        TAILQ_HEAD(, Request) permissions; /* that wait, see permission.h */
};

/* --- manager.c --- */

/* Sets up everything but does not serve yet: the bus name comes once what was there before is known. Logs. */
int manager_new(Manager **ret, sd_event *event, bool system_scope);

/* Answers what is parked, commits what was handed over, and frees. Jobs go on. Takes NULL; returns NULL. */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free);

/* Reads the configuration again. */
void manager_reload(Manager *manager);

/* Asks for the bus name, once. */
int manager_serve(Manager *manager);

/* A job by its full id, NULL if it is not live. Adds to and takes out of the table. */
Job *manager_find(Manager *manager, const char *id);
Job *manager_find_unended(Manager *manager, const char *id); /* or whose end is not told yet */
int manager_add(Manager *manager, Job *job);
void manager_remove(Manager *manager, Job *job); /* and frees it */

/* --- enqueue.c, lifecycle.c --- */

/* Accepts a job of uid. done is called once, when it is durable (r 0) or could not be recorded; not when
 * a negative errno is returned, with error set where the caller is to be told something of his own. */
typedef void (*EnqueuedCallback)(int r, const char *id, void *userdata);
int enqueue_job(Manager *manager, const Spec *spec, uint32_t uid, EnqueuedCallback done, void *userdata,
                      sd_bus_error *error);

/* Under which run of the service manager the job is begun: that of now. */
int lifecycle_set_instance(Job *job);

/* The begin of a job is recorded: starts it. A StoreSpecCallback with the job as userdata. */
void lifecycle_on_begun(int r, int spec_fd, void *userdata);

/* Starts as many queued jobs as there are slots. */
void lifecycle_schedule(Manager *manager);

/* Ends a job for a reason, on behalf of uid (UINT32_MAX: the service's own). Without effect on one that is
 * ending already. */
void lifecycle_stop(Job *job, JobReason reason, uint32_t uid);

/* A unit of the job was found (after a restart, or where the answer to its start was lost). */
void lifecycle_adopted(Job *job);

/* What units tell, with the job as userdata. */
extern const UnitListener lifecycle_unit_listener;

/* What workers tell; hello with the manager, the others with the job as userdata. */
extern const WorkerLinkListener lifecycle_worker_listener;

/* Sets the progress of a job, cut where it is too long. */
void lifecycle_set_progress(Job *job, const char *text);

/* What fails for want of space, memory or descriptors is done again every second, until it works. */
void lifecycle_retry_later(Job *job, const char *what, int error);

/* --- ending.c --- */

/* A worker says that its job has ended; a unit is about to be taken for ended, has ended, was released. With the job as
 * userdata. */
void ending_worker_ended(const WorkerMessage *m, void *userdata);
void ending_resume(Job *job, bool vanished); /* what it said before the job was active, or its unit vanished */
void ending_unit_ending(void *userdata);
void ending_unit_ended(const JobEnd *end, uint64_t started_usec, uint64_t ended_usec, void *userdata);
void ending_unit_released(void *userdata);

/* The job ends without a unit that could tell how: exit_code stays -1, but for one that was cancelled. */
void ending_unseen(Job *job, JobReason reason);

/* What is left of the job cannot be ended by the service: it goes on until that ends. */
void ending_is_stuck(Job *job, const char *left);

/* Once the outcome is known: brings its output to the disk; records its end. Again, where it did not work. */
void ending_collect(Job *job);
void ending_finish(Job *job);

/* Brings the sizes of a live job's output up to date. */
void ending_update_sizes(Job *job);

/* Deletes the files of a job that is forgotten, in the background. */
void ending_discard_files(Manager *manager, const char *id);

/* On the threads of the collector: brings the output of ended jobs to the disk. userdata is the Output. */
void ending_collect_batch(BackgroundBatch *batch, void *userdata);

/* --- recover.c --- */

/* Loads the jobs that are not terminal. Before anything else happens to the manager. */
int recover_load(Manager *manager);

/* What the unit manager tells, with the manager as userdata. */
extern const UnitCallbacks recover_unit_callbacks;

/* --- retention.c --- */

/* Removes what retention does not keep, now and from time to time. */
int retention_start(Manager *manager);

/* --- manager-bus.c, job-bus.c, method-cancel.c --- */

int manager_bus_register(Manager *manager);
int job_bus_register(Manager *manager);

/* Sends JobFinished. */
void manager_bus_job_finished(Manager *manager, const JobRecord *record);

/* The sender of call is told of the job, or of all jobs, from now on; where memory is short, he is not. */
void job_bus_follow(Job *job, sd_bus_message *call);
void job_bus_follow_all(Manager *manager, sd_bus_message *call);

/* Tell those who follow of the job's object: it is there, some of it has changed, it goes away. */
void job_bus_added(Job *job);
void job_bus_changed(Job *job, const char *first_property, ...) __attribute__((sentinel));

/* The same of the progress, which a job may tell as often as it likes: at once, and then four times a second at most. */
void job_bus_progressed(Job *job);
void job_bus_removed(Job *job);

/* The object path of a job. The caller frees it; NULL: out of memory. */
char *job_bus_path(const char *id);

/* Method Cancel of both interfaces: parks call until the job is terminal and answers it. */
int manager_bus_cancel(Manager *manager, sd_bus_message *call, const char *id);

/* Answers those calls, as something of the job cannot be ended: see Job.stuck. */
void manager_bus_cancel_is_stuck(Job *job);
