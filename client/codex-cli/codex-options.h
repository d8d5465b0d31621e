/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Options and execution of all verbs that run Codex. */

#include "codex-command.h"
#include "request-options.h"

typedef struct CodexOptions {
        RequestOptions request;
        const char *model; /* these are not owned */
        const char *effort;
        bool read_only;
        bool background;
        bool await;
        uint64_t timeout_usec; /* USEC_INFINITY: not given */
        uint64_t poll_usec;    /* 0: not given */
} CodexOptions;

#define CODEX_OPTIONS_INIT (CodexOptions) { .timeout_usec = USEC_INFINITY }

enum {
        OPTION_BACKGROUND = OPTION_REQUEST_END,
        OPTION_AWAIT,
        OPTION_EFFORT,
        OPTION_TIMEOUT_MS,
        OPTION_POLL_INTERVAL_MS,
        OPTION_CODEX_END,
};

#define CODEX_OPTIONS                                                              \
        REQUEST_LIMIT_OPTIONS,                                                     \
        { "background", no_argument, NULL, OPTION_BACKGROUND },                    \
        { "await", no_argument, NULL, OPTION_AWAIT },                              \
        { "model", required_argument, NULL, 'm' },                                 \
        { "effort", required_argument, NULL, OPTION_EFFORT },                      \
        { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },              \
        { "poll-interval-ms", required_argument, NULL, OPTION_POLL_INTERVAL_MS }

#define CODEX_LETTERS REQUEST_LETTERS "m:"

#define CODEX_HELP                                                                                  \
        "      --background         Print the job ID and the command that waits, then return\n"     \
        "      --await              Wait, show progress on stderr, then print the result\n"         \
        "  -m, --model MODEL        Model, spark, or a short name from $CODEX_JOBS_MODELS\n"        \
        "                           (NAME=MODEL,…)\n"                                               \
        "      --effort WORD        Reasoning effort: none, minimal, low, medium, high, xhigh, max\n" \
        "      --read-only          Do not let Codex change files (default)\n"                      \
        "      --timeout-ms N       Stop waiting after N milliseconds (default: 6 hours)\n"         \
        "      --poll-interval-ms N\n" \
        "                           With --await: also poll at this interval\n"

/* Handles an option that option_next() returned, like request_option(). */
int codex_option(const Verb *verb, CodexOptions *options, int option);

/* Checks the combination of options. Returns 0, or the exit status after reporting that it is invalid. */
int codex_options_check(const Verb *verb, const CodexOptions *options);

/* Submits the request and waits, depending on the options. Returns the exit status. */
int codex_run(const CodexOptions *options, const Common *common, Request *request);
