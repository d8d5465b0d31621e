/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Codex threads, which are conversations that can be continued. The structured result of a task contains the ID of its
 * thread. */

#include "jobs.h"

/* The thread given by its ID or by that of a job that used it. Returns 0 with the ID in *ret, which the caller frees,
 * or a negative errno with error set. */
int thread_find(Client *c, const char *word, char **ret, sd_bus_error *error);

/* The last finished task that has a thread, of our session, or of the workspace outside of a session. It is an error,
 * which names the job, if one of these tasks is running. */
int thread_find_last_job(Client *c, const char *workspace, JobRecord *ret, sd_bus_error *error);

/* The thread of that task. */
int thread_find_last(Client *c, const char *workspace, char **ret, sd_bus_error *error);
