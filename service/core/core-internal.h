/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the core share, from the lowest. */

#include "core.h"
#include "unit.h"
#include "worker-link.h"

/* --- job-files.c --- */

/* Brings the files of an ended job to the disk, on one of the threads, and calls back on the loop: with 0 or a negative
 * errno, and what it left as its result (an older version's worker, else NULL), which becomes the callee's. */
typedef void (*CollectedCallback)(Job *job, int r, char *result, size_t size);
int job_files_collect(Job *job, Background *thread, CollectedCallback done);

/* Runs on those threads. userdata is the Output. */
void job_files_run_batch(BackgroundBatch *batch, void *userdata);

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

/* --- lifecycle.c --- */

/* Under which run of the service manager the job is begun: that of now. */
int lifecycle_set_instance(Job *job);

/* The begin of a job is recorded: starts it. A StoreSpecCallback with the job as userdata. */
void lifecycle_on_begun(int r, int spec_fd, void *userdata);

/* core_schedule(), as an event handler with the core as userdata. */
int lifecycle_on_schedule(sd_event_source *source, void *userdata);

/* A unit of the job was found (after a restart, or where the answer to its start was lost). */
void lifecycle_adopted(Job *job);

/* What units tell, with the job as userdata; what workers tell: hello with the core, the others with the job. */
extern const UnitListener lifecycle_unit_listener;
extern const WorkerLinkListener lifecycle_worker_listener;

/* --- retention.c, recover.c --- */

/* Removes what retention does not keep, now and from time to time. */
int retention_start(Core *core);

/* Loads the jobs that are not terminal. Before anything else happens to the core. */
int recover_load(Core *core);

/* What the unit manager tells, with the core as userdata. */
extern const UnitCallbacks recover_unit_callbacks;
