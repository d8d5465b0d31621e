/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a running job may not pass: bytes of output (OutputMax) and time without output or progress (StallUSec),
 * which are told by inotify(7) on its files, and time of running. Nothing is polled. Its unit has
 * RuntimeMaxSec= too, for while the service is away, but a job may put that off (EXTEND_TIMEOUT_USEC= of
 * sd_notify(3)). Memory and tasks are limited by its unit alone. */

#include "job.h"

/* Watches a running job, if it has such a limit, from the time that its process was started: before, it does
 * nothing. Ends the job by lifecycle_stop() when it passes one. */
void limits_watch(Job *job);
void limits_unwatch(Job *job);

/* The job has told progress: it has not stalled. */
void limits_saw_activity(Job *job);

/* Brings the sizes of a live job's output up to date; returns their sum. */
uint64_t limits_update_sizes(Job *job);
