/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The activity of awaited jobs, on stderr: on a terminal, a line that is redrawn in place (live.h), else a line when a
 * progress text changes, at most one every few seconds. */

#include "wait.h"

typedef struct Progress Progress;

/* Shows up to n jobs of the wait; the live line is shown after a delay. Must be freed before the wait. */
int progress_new(Client *c, Wait *w, size_t n, uint64_t delay_usec, Progress **ret);
Progress *progress_free(Progress *p);
DEFINE_CLEANUP(Progress *, progress_free);

/* Follows a job that was just submitted, and is not read before it changes. */
int progress_follow(Progress *p, const char *id);
