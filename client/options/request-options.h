/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Options of all verbs that submit a job. */

#include "options.h"
#include "request.h"

typedef struct RequestOptions {
        const char *kind; /* these are not owned */
        const char *label;
        const char *directory;
        const char *stdin_path;
        char **environment; /* the array is owned */
        size_t n_environment;
        bool clean_environment;

        uint64_t runtime_max_usec;
        uint64_t output_max;
        uint64_t memory_max;
        uint64_t tasks_max;
        uint64_t cpu_weight;
        uint64_t stall_usec;
        const char *key; /* not owned */
        bool read_only;
        bool merge_output;
        Notify notify;
} RequestOptions;

void request_options_clear(RequestOptions *options);
#define _cleanup_request_options_ _cleanup_(request_options_clear)

enum {
        OPTION_KIND = OPTION_VERB,
        OPTION_LABEL,
        OPTION_CLEAN_ENV,
        OPTION_STDIN,
        OPTION_RUNTIME_MAX,
        OPTION_OUTPUT_MAX,
        OPTION_MEMORY_MAX,
        OPTION_TASKS_MAX,
        OPTION_CPU_WEIGHT,
        OPTION_STALL,
        OPTION_KEY,
        OPTION_READ_ONLY,
        OPTION_MERGE_OUTPUT,
        OPTION_NOTIFY,
        OPTION_NO_NOTIFY,
        OPTION_REQUEST_END,
};

/* For any job, also one that is retried. */
#define REQUEST_AGAIN_OPTIONS                                              \
        { "env", required_argument, NULL, 'E' },                           \
        { "clean-env", no_argument, NULL, OPTION_CLEAN_ENV },              \
        { "key", required_argument, NULL, OPTION_KEY },                    \
        { "notify", no_argument, NULL, OPTION_NOTIFY },                    \
        { "no-notify", no_argument, NULL, OPTION_NO_NOTIFY }

/* For any new job. */
#define REQUEST_LIMIT_OPTIONS                                              \
        REQUEST_AGAIN_OPTIONS,                                             \
        { "label", required_argument, NULL, OPTION_LABEL },                \
        { "cwd", required_argument, NULL, 'C' },                           \
        { "runtime-max", required_argument, NULL, OPTION_RUNTIME_MAX },    \
        { "output-max", required_argument, NULL, OPTION_OUTPUT_MAX },      \
        { "memory-max", required_argument, NULL, OPTION_MEMORY_MAX },      \
        { "tasks-max", required_argument, NULL, OPTION_TASKS_MAX },        \
        { "cpu-weight", required_argument, NULL, OPTION_CPU_WEIGHT },      \
        { "stall", required_argument, NULL, OPTION_STALL },                \
        { "read-only", no_argument, NULL, OPTION_READ_ONLY }

/* For jobs that run a command of the user's. */
#define REQUEST_COMMAND_OPTIONS                                            \
        { "kind", required_argument, NULL, OPTION_KIND },                  \
        { "stdin", required_argument, NULL, OPTION_STDIN },                \
        { "merge-output", no_argument, NULL, OPTION_MERGE_OUTPUT }

#define REQUEST_AGAIN_HELP                                                                  \
        "  -E, --env NAME[=VALUE]   Set a variable in addition to your environment\n"       \
        "      --clean-env          Do not pass on your environment\n"                     \
        "      --key TEXT           Idempotency key: reuse the job with the same key\n"    \
        "      --notify, --no-notify\n"                                                   \
        "                           Show a desktop notification when the job finishes, or\n" \
        "                           do not (default: notify)\n"

#define REQUEST_LIMIT_HELP                                                                  \
        "      --label TEXT         Description shown in lists (default: command line)\n"  \
        "  -C, --cwd DIR            Working directory (default: current directory)\n"      \
        "      --runtime-max TIME   Terminate after this time, for example 1h30min\n"      \
        "      --output-max SIZE    Terminate beyond this much output, for example 500M\n" \
        "      --memory-max SIZE    Memory limit\n"                                        \
        "      --tasks-max N        Limit of processes and threads\n"                      \
        "      --cpu-weight N       CPU weight, 1 to 10000 (default: 100)\n"               \
        "      --stall TIME         Terminate after this time without output or progress\n" \
        REQUEST_AGAIN_HELP

#define REQUEST_COMMAND_HELP                                                                \
        "      --kind WORD          Kind of job, the prefix of its ID (default: job)\n"    \
        "      --stdin FILE|-       Standard input, - for yours (default: /dev/null)\n"    \
        "      --merge-output       Redirect stderr to stdout\n"                           \
        "      --read-only          Make all files read-only, except in a private /tmp\n"

/* Handles one of these. Returns 0; -EINVAL after reporting that its argument is invalid; -ENOMEM. */
int request_option(const Verb *verb, RequestOptions *options, int option);

/* Fills in the part of a request that a retry does not take from the earlier job. Returns 0, or a negative errno with
 * error set. */
int request_again_from_options(const RequestOptions *options, Request *request, sd_bus_error *error);

/* The same for a new job: fills in all of the request except argv. */
int request_from_options(const RequestOptions *options, Request *request, sd_bus_error *error);
