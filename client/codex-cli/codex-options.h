/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of all verbs that have Codex do something, and what they have in common once the request is made. */

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
        "      --background         print the id and the command that waits, and return at once\n"  \
        "      --await              wait with progress lines on stderr, then print the result\n"    \
        "  -m, --model MODEL        the model Codex uses, or spark, or a name that\n"               \
        "                           $CODEX_JOBS_MODELS has (NAME=MODEL,…)\n"                        \
        "      --effort WORD        how hard it thinks: none, minimal, low, medium, high, xhigh, max\n" \
        "      --read-only          Codex changes nothing (so without an option)\n"                 \
        "      --timeout-ms N       wait that long at most, the job goes on (6 hours)\n"            \
        "      --poll-interval-ms N\n" \
        "                           with --await: read the state that often, too\n"

/* Deals with an option that option_next() returned, as request_option() does. */
int codex_option(const Verb *verb, CodexOptions *options, int option);

/* Whether the options fit together. Returns 0, or what to exit with after telling that they do not. */
int codex_options_check(const Verb *verb, const CodexOptions *options);

/* Hands the request over and stays, or not, as the options say. Returns the exit status. */
int codex_run(const CodexOptions *options, const Common *common, Request *request);
