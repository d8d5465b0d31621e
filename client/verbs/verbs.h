/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs, each of which has a file of its own. */

#include "options.h"

extern const Verb verb_run, verb_enqueue, verb_task, verb_review, verb_adversarial_review, verb_await,
        verb_status, verb_list, verb_show, verb_result, verb_logs, verb_cancel, verb_inbox, verb_remove, verb_retry,
        verb_pause, verb_resume, verb_setup, verb_top;
