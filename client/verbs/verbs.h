/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The table of verbs. Each row is in the file of the verb. */

#include "options.h"

extern const Verb verb_run, verb_enqueue, verb_task, verb_review, verb_adversarial_review, verb_await,
        verb_status, verb_list, verb_show, verb_result, verb_logs, verb_cancel, verb_inbox, verb_remove, verb_retry,
        verb_hold, verb_release, verb_edit, verb_pause, verb_resume, verb_queue, verb_setup, verb_top, verb_mcp;

/* The verb with that index, in the order of the help; NULL after the last one. */
const Verb *verb_at(size_t i);

/* The verb with that name or alias; NULL: none. */
const Verb *verb_find(const char *name);

/* The name of a verb similar to an unknown word; NULL: none. */
const char *verb_suggest(const char *word);

/* The list of verbs for the help of codex-jobs itself. The caller frees it; NULL: out of memory. */
char *verb_list_text(void);
