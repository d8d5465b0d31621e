/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The thread of Codex that a job worked on, as its result names it. */

#include <stdbool.h>

/* Whether a word has the form of the id of a thread, which is that of a UUID. Codex takes any other word for a
 * new thread. */
bool thread_id_is_valid(const char *word);

/* The thread that a structured result names. The caller frees it; NULL: none. */
char *thread_of_result(const char *result);
