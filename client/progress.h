/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sparse lines on stderr that tell what the jobs of a wait are doing: one when a progress text changes, at most
 * one every few seconds. */

#include "wait.h"

typedef struct Progress Progress;

/* Tells of up to n jobs of the wait. To be freed before it. */
int progress_new(Client *c, Wait *w, size_t n, Progress **ret);
Progress *progress_free(Progress *p);
DEFINE_CLEANUP(Progress *, progress_free);

/* Follows a job that was enqueued just now, and of which nothing will be read before it changes. */
int progress_follow(Progress *p, const char *id);
