/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Threads of Codex: what it calls a conversation that can be gone on with. A task leaves the id of its thread in its
 * structured result. */

#include "options.h"

/* Whether a word has the form of the id of a thread, which is that of a UUID. Codex takes any other word for a
 * new thread. */
bool thread_id_is_valid(const char *word);

/* The thread that a structured result names. The caller frees it; NULL: none. */
char *thread_of_result(const char *result);

/* The thread that a word stands for, which is its id or the id of a job that worked on it. Returns 0 with the id
 * in *ret, which the caller frees, or a negative errno with error set. */
int thread_find(const Common *common, const char *word, char **ret, sd_bus_error *error);

/* The thread of the task of a workspace that ended last and has one. */
int thread_find_last(const Common *common, const char *workspace, char **ret, sd_bus_error *error);
