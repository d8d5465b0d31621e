/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the jobs of a wait are doing, on stderr: where that is a terminal, a line that is always up to date (live.h);
 * else sparse lines, one when a progress text changes, at most one every few seconds. */

#include "wait.h"

typedef struct Progress Progress;

/* Tells of up to n jobs of the wait, the live line only after some time. To be freed before the wait. */
int progress_new(Client *c, Wait *w, size_t n, uint64_t delay_usec, Progress **ret);
Progress *progress_free(Progress *p);
DEFINE_CLEANUP(Progress *, progress_free);

/* Follows a job that was enqueued just now, and of which nothing will be read before it changes. */
int progress_follow(Progress *p, const char *id);
