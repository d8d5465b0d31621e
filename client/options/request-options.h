/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Options of all verbs that submit a job. */

#include "options.h"
#include "request.h"
#include "resource-limits.h"

typedef struct RequestOptions {
        Spec given; /* its texts are not owned; it has neither environment nor standard input */
        bool notify_given;
        ResourceValues resources; /* --limit */
        bool priority_given;
        bool retries_given;
        bool retry_delay_given;
        const char *stdin_path; /* not owned */
        char **environment; /* the array is owned */
        size_t n_environment;
        bool clean_environment;
        Remote remote; /* where the job runs: nothing of this host is sent there unasked */
} RequestOptions;

/* The values of the options of the tables: without a letter these. */
#define OPTION_OF_LIMIT(name, member, ...) OPTION_OF_##member,
#define OPTION_OF_OPTION(name, kind, member, ...) OPTION_OF_##member,
enum {
        OPTION_BEFORE_REQUEST = OPTION_VERB - 1,
        JOB_LIMITS(OPTION_OF_LIMIT)
        JOB_OPTIONS(OPTION_OF_OPTION)
        OPTION_CLEAN_ENV,
        OPTION_NO_NOTIFY,
        OPTION_DELAY,
        OPTION_REQUEST_END,
        OPTION_STDIN = OPTION_OF_stdin_fd,
        OPTION_READ_ONLY = OPTION_OF_read_only,
};

#define LIMIT_ROW(name, member, kind, min, max, property, shown, option, help) \
        { option, LIMIT_##kind == LIMIT_SWITCH ? no_argument : required_argument, NULL, OPTION_OF_##member },
#define OPTION_ROW(name, kind, member, min, max, call, option, letter, help) \
        { option, OPTION_##kind == OPTION_CHOICE || OPTION_##kind == OPTION_SWITCH ? no_argument : required_argument, NULL,                    \
          (letter) ?: OPTION_OF_##member },
#define LIMIT_HELP(name, member, kind, min, max, property, shown, option, help) "      --" option help "\n"
#define OPTION_HELP(name, kind, member, min, max, call, option, letter, help) help

/* For any job, also one that is retried. */
#define REQUEST_AGAIN_OPTIONS                                  \
        JOB_OPTIONS_AGAIN(OPTION_ROW)                          \
        { "clean-env", no_argument, NULL, OPTION_CLEAN_ENV },  \
        { "no-notify", no_argument, NULL, OPTION_NO_NOTIFY },  \
        { "delay", required_argument, NULL, OPTION_DELAY }

/* For any new job. */
#define REQUEST_LIMIT_OPTIONS                                                                        \
        JOB_OPTIONS_ANY(OPTION_ROW) JOB_LIMITS_ANY(LIMIT_ROW) JOB_LIMITS_FILES(LIMIT_ROW) REQUEST_AGAIN_OPTIONS

/* For jobs that run a command of the user's. */
#define REQUEST_COMMAND_OPTIONS                                                                      \
        JOB_OPTIONS_COMMAND(OPTION_ROW) JOB_LIMITS_COMMAND(LIMIT_ROW) { "stdin", required_argument, NULL, OPTION_STDIN }

#define REQUEST_AGAIN_HELP JOB_OPTIONS_AGAIN(OPTION_HELP)
#define REQUEST_LIMIT_HELP JOB_OPTIONS_ANY(OPTION_HELP) JOB_LIMITS_ANY(LIMIT_HELP) REQUEST_AGAIN_HELP
#define REQUEST_COMMAND_HELP                                                \
        JOB_OPTIONS_COMMAND(OPTION_HELP) JOB_OPTIONS_STDIN(OPTION_HELP)     \
        JOB_LIMITS_COMMAND(LIMIT_HELP) JOB_LIMITS_FILES(LIMIT_HELP)

/* Handles one of these. Returns 0; -EINVAL after reporting that its argument is invalid; -ENOMEM. */
int request_option(const Verb *verb, RequestOptions *options, int option);

/* Fills in the part of a request that a retry does not take from the earlier job. Returns 0, or a negative errno with
 * error set. */
int request_again_from_options(const RequestOptions *options, Spec *request, sd_bus_error *error);

/* The same for a new job: fills in all of the request except argv. */
int request_from_options(const RequestOptions *options, Spec *request, sd_bus_error *error);
