/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of all verbs that enqueue. */

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

/* What a job that is run once more is given anew, too. */
#define REQUEST_AGAIN_OPTIONS                                              \
        { "env", required_argument, NULL, 'E' },                           \
        { "clean-env", no_argument, NULL, OPTION_CLEAN_ENV },              \
        { "key", required_argument, NULL, OPTION_KEY },                    \
        { "notify", no_argument, NULL, OPTION_NOTIFY },                    \
        { "no-notify", no_argument, NULL, OPTION_NO_NOTIFY }

/* What any job may be given. */
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

/* What only a free command has. */
#define REQUEST_COMMAND_OPTIONS                                            \
        { "kind", required_argument, NULL, OPTION_KIND },                  \
        { "stdin", required_argument, NULL, OPTION_STDIN },                \
        { "merge-output", no_argument, NULL, OPTION_MERGE_OUTPUT }

#define REQUEST_LETTERS "C:E:"

#define REQUEST_AGAIN_HELP                                                                  \
        "  -E, --env NAME[=VALUE]   add to its environment, which is yours otherwise\n"     \
        "      --clean-env          give it nothing of your environment\n"                  \
        "      --key TEXT           with the same key again the same job, no second one\n" \
        "      --notify, --no-notify\n"                                                   \
        "                           whether codex-jobs-notify tells of its end (it does)\n"

#define REQUEST_LIMIT_HELP                                                                  \
        "      --label TEXT         a name for people\n"                                    \
        "  -C, --cwd DIR            where it runs (here)\n"                                 \
        "      --runtime-max TIME   end it after that time, such as 90s or 1h30min\n"       \
        "      --output-max SIZE    end it when it has written that much, such as 500M\n"   \
        "      --memory-max SIZE    limit its memory\n"                                     \
        "      --tasks-max N        limit its processes and threads\n"                      \
        "      --cpu-weight N       its share of the processors, 1 to 10000 (100)\n"             \
        "      --stall TIME         end it when it is silent for so long, such as 10min\n"      \
        REQUEST_AGAIN_HELP

#define REQUEST_COMMAND_HELP                                                                \
        "      --kind WORD          what it is, the beginning of its id (job)\n"            \
        "      --stdin FILE|-       its standard input, - for yours (/dev/null)\n"            \
        "      --merge-output       its stderr goes where its stdout goes, all in order\n"           \
        "      --read-only          it can change no file but in a /tmp of its own\n"

/* Deals with an option that option_next() returned. Returns 1; 0 for one that is not of these; -EINVAL after
 * telling that its value is wrong; -ENOMEM. */
int request_option(const Verb *verb, RequestOptions *options, int option);

/* Makes the part of a request that a job is given anew when it is run once more. Returns 0, or a negative errno with
 * error set. */
int request_again_from_options(const RequestOptions *options, Request *request, sd_bus_error *error);

/* The same for a new job: makes all of the request but argv. */
int request_from_options(const RequestOptions *options, Request *request, sd_bus_error *error);
