/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A job that waits for another and puts its end into a thread of Codex, by "codex queue". */

#include "jobs.h"

/* Which thread: the word, or for none what $CODEX_THREAD_ID names. Returns 0, or a negative errno with error set. */
int notify_thread_find(const char *word, const char **ret, sd_bus_error *error);

/* Submits that job. */
int notify_thread(Client *c, const char *id, const char *thread, sd_bus_error *error);
