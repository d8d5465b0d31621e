/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a running job may not pass: bytes of output (OutputMax) and time without output or progress
 * (StallUSec). Both are told by inotify(7) on its files; none is polled. Time of running and memory are
 * limited by its unit. */

#include "job.h"

/* Watches a running job, if it has such a limit; ends it by lifecycle_stop() when it passes one. */
void limits_watch(Job *job);
void limits_unwatch(Job *job);

/* The job has told progress: it has not stalled. */
void limits_saw_activity(Job *job);

/* Brings the sizes of a live job's output up to date; returns their sum. */
uint64_t limits_update_sizes(Job *job);
