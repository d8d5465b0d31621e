/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Threads of Codex: what it calls a conversation that can be gone on with. A task leaves the id of its thread in its
 * structured result. */

#include "jobs.h"

/* The thread that a word stands for, which is its id or the id of a job that worked on it. Returns 0 with the id
 * in *ret, which the caller frees, or a negative errno with error set. */
int thread_find(Client *c, const char *word, char **ret, sd_bus_error *error);

/* The task that ended last of those that have a thread: of our session, or of the workspace where we are in none. While
 * one of these runs, that is an error which names it. */
int thread_find_last_job(Client *c, const char *workspace, JobRecord *ret, sd_bus_error *error);

/* The thread of that. */
int thread_find_last(Client *c, const char *workspace, char **ret, sd_bus_error *error);
