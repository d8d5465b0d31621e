/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Options of all verbs that run Codex. */

#include "codex-command.h"
#include "stay.h"

typedef struct CodexOptions {
        RequestOptions request;
        const char *model; /* these are not owned */
        const char *effort;
        bool read_only;
        bool notify_thread;
        const char *thread; /* then; NULL: that of the caller */
        Stay stay;
        bool wait; /* --wait, the default unless in the background */
} CodexOptions;

#define CODEX_OPTIONS_INIT { .stay = STAY_INIT }

enum {
        OPTION_EFFORT = OPTION_STAY_END,
        OPTION_NOTIFY_THREAD,
        OPTION_WAIT,
        OPTION_CODEX_END,
};

#define CODEX_OPTIONS                                                              \
        REQUEST_LIMIT_OPTIONS,                                                     \
        STAY_OPTIONS,                                                              \
        POLL_OPTION,                                                               \
        { "model", required_argument, NULL, 'm' },                                 \
        { "effort", required_argument, NULL, OPTION_EFFORT },                      \
        { "notify-thread", optional_argument, NULL, OPTION_NOTIFY_THREAD },        \
        { "wait", no_argument, NULL, OPTION_WAIT }

#define CODEX_HELP                                                                                  \
        "      --background         Print the job ID and the command that waits, then return\n"     \
        "      --await              Wait, show progress on stderr, then print the result\n"         \
        "  -m, --model MODEL        Model, spark, or a short name from $CODEX_JOBS_MODELS\n"        \
        "                           (NAME=MODEL,…)\n"                                               \
        "      --effort WORD        Reasoning effort: none, minimal, low, medium, high, xhigh, max\n" \
        "      --read-only          Do not let Codex change files (default)\n"                      \
        "      --timeout-ms N       Stop waiting after N milliseconds (default: 6 hours)\n"         \
        "      --poll-interval-ms N\n" \
        "                           With --await: also poll at this interval\n" \
        "      --notify-thread      With --background: report the end of the job to the Codex thread\n" \
        "                           that $CODEX_THREAD_ID names, or to =ID\n"

/* Handles one of these. Returns 0, or a negative errno after reporting that its argument is invalid. */
int codex_option(const Verb *verb, CodexOptions *options, int option);

/* Checks and completes the combination of options, and finds the thread to notify. Returns 0, or the exit status after
 * reporting that it is invalid. */
int codex_options_check(const Verb *verb, CodexOptions *options);
