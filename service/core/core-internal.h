/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Internals of the core, lowest file first. */

#include "core.h"
#include "unit.h"
#include "worker-link.h"

/* --- admission.c --- */

/* Whether the queue of the job cannot run it, as it is configured now: it waits. */
bool core_refuses(const Job *job);

/* Whether the job may be started by the launcher in its record, which was that of its queue when its begin was recorded. */
bool core_may_start(const Job *job);

/* The environment of the program that runs the job elsewhere, which the caller frees with string_list_free(). NULL: out of memory. */
char **core_launcher_environment(const Job *job);

/* --- conditions.c --- */

int conditions_init(Core *core);
void conditions_clear(Core *core);

/* Whether a new job may start at once. */
bool conditions_permit(const Job *job);

/* Links a new job to the live ones that it depends on; failed: one that had ended, and not as required; NULL: none.
 * Returns 0 or -ENOMEM. */
int conditions_link(Job *job, const char *failed);

/* A change of what the job waits for is recorded: the dependencies that came with it are now all that it has. failed as
 * above. Returns 0 or -ENOMEM. */
int conditions_replace(Job *job, const void *coming, const char *failed);

/* Changes the time of a job that waits, and of which no attempt was made. Returns 0 or -ENOMEM. */
int conditions_set_time(Job *job, uint64_t not_before_usec);

/* The job is about to wait in the queue, with its dependencies; it no longer does, or never will. Returns 0 or -ENOMEM. */
int conditions_enter(Job *job);
void conditions_leave(Job *job);

/* The end of an attempt is recorded, and nothing of it is left: the job waits in the queue for the next one. */
void conditions_wait_again(Job *job);

/* The end of a job is recorded: one that depends on it may start, or is doomed. Returns whether there was one. */
bool conditions_resolve(Job *ended);

/* The job can never start, because of another one (NULL: named in its record), and ends soon. */
void conditions_doom(Job *job, const char *other);

/* The end of a job, which may have been doomed, is recorded: the next one may end. */
void conditions_doomed_ended(Job *job);

/* Releases jobs whose time has come, in case that the clock was set. */
void conditions_check_times(Core *core);

/* --- job-files.c --- */

/* Syncs the files of a finished job on one of the threads, and calls back on the event loop with 0 or a negative
 * errno, and the result that a worker of an older version left (else NULL), which the callee then owns. */
typedef void (*CollectedCallback)(Job *job, int r, char *result, size_t size);
int job_files_collect(Job *job, Background *thread, CollectedCallback done);

/* Runs on these threads. userdata is the Output. */
void job_files_run_batch(BackgroundBatch *batch, void *userdata);

/* --- finishing.c --- */

/* Whether what has no bound has to wait for what was reported to be sent, until core_resume(). */
bool finishing_hold_up(Core *core);

/* Event handler of jobs for whose end many wait, with the core as userdata; tells all of them when the service stops. */
int finishing_on_telling(sd_event_source *source, uint64_t usec, void *userdata);
void finishing_tell_all(Core *core);

/* The outcome of the job is known: its output is collected, its end recorded and told, or another attempt follows. */
void finishing_collect(Job *job);

/* Records that what was about to begin did not: a restart of the host does not end the job. */
void finishing_take_back(Job *job);

/* The unit of an attempt is released, and then the job waits for its next one. */
void finishing_release_attempt(Job *job);

/* --- ending.c --- */

/* The worker reported the end of its job; the unit is about to be considered ended, has ended.
 * userdata is the job. */
void ending_worker_ended(const WorkerMessage *m, void *userdata);
void ending_resume(Job *job, bool vanished); /* with an earlier report of the worker, or since the unit vanished */
void ending_unit_ending(void *userdata);
void ending_unit_ended(const JobEnd *end, uint64_t started_usec, uint64_t ended_usec, void *userdata);

/* The job ends without a unit that could show how: exit_code stays -1, except if it was cancelled. */
void ending_unseen(Job *job, JobReason reason);

/* --- reaping.c --- */

/* The end of a job that ran elsewhere was not seen: what is left of it there is ended, and then that is told, with the
 * reason. is_gone: its unit does not exist any more. Afterwards, such a job is told of its unit by these. */
void reaping_begin(Job *job, JobReason reason, bool is_gone);
bool reaping_is_under_way(const Job *job);
void reaping_started(Job *job, UnitStarted result, const char *why);
void reaping_found(Job *job);
bool reaping_is_done(Job *job, const JobEnd *end, JobReason *ret); /* it ended: whether the job has, and why */
void reaping_released(Job *job); /* or never was */

/* --- lifecycle.c --- */

/* Sets the run of the service manager under which the job begins to the current one. */
int lifecycle_set_instance(Job *job);

/* The begin of a job is recorded: starts it. A StoreSpecCallback with the job as userdata. */
void lifecycle_on_begun(int r, int spec_fd, void *userdata);

/* Event handler of core_schedule(), with the core as userdata. */
int lifecycle_on_schedule(sd_event_source *source, void *userdata);

/* Event handler of doomed jobs, with the core as userdata. */
int lifecycle_on_doomed(sd_event_source *source, void *userdata);

/* A unit of the job exists (after a restart, or if the reply to its start was lost). */
void lifecycle_found(Job *job);

/* Its worker is executed. */
void lifecycle_adopted(Job *job);

/* Events of units, with the job as userdata; events of workers: hello with the core, the others with the job. */
extern const UnitListener lifecycle_unit_listener;
extern const WorkerLinkListener lifecycle_worker_listener;

/* --- retention.c, recover.c --- */

/* Applies retention, now and periodically. */
int retention_start(Core *core);

/* Deletes the files of jobs that the store has removed, and logs why: "removed by" something. */
void retention_removed(Core *core, char *const *ids, size_t n, const char *by);

/* Loads the jobs that are not terminal. The first thing to happen to the core. */
int recover_load(Core *core);

/* Events of the unit manager, with the core as userdata. */
extern const UnitCallbacks recover_unit_callbacks;
