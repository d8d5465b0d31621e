/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options common to all verbs, parsing of numbers, and errors in the command line. */

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "client-bus.h"

/* The options that every verb takes, before or after its name. */
typedef struct Common {
        Scope scope;
        bool json;
        bool quiet;
} Common;

/* Values of long options without a letter. Those of verbs start at OPTION_VERB. */
enum {
        OPTION_SYSTEM = 256,
        OPTION_USER,
        OPTION_JSON,
        OPTION_VERSION,
        OPTION_MAX_BYTES, /* for verbs that show output, see output.h */
        OPTION_VERB,
};

#define COMMON_OPTIONS                                     \
        { "help", no_argument, NULL, 'h' },                \
        { "version", no_argument, NULL, OPTION_VERSION },  \
        { "system", no_argument, NULL, OPTION_SYSTEM },    \
        { "user", no_argument, NULL, OPTION_USER },        \
        { "json", no_argument, NULL, OPTION_JSON },        \
        { "quiet", no_argument, NULL, 'q' }

#define COMMON_LETTERS "hq"

/* The last lines of each verb's help; COMMON_TEXT_HELP for verbs without --json. */
#define COMMON_HELP COMMON_SCOPE_HELP COMMON_JSON_HELP COMMON_LAST_HELP
#define COMMON_TEXT_HELP COMMON_SCOPE_HELP COMMON_LAST_HELP

#define COMMON_SCOPE_HELP                                                                  \
        "      --system, --user     Use the system service, or your own (default:\n"       \
        "                           $CODEX_JOBS_SCOPE, else the system service if\n"       \
        "                           installed)\n"

#define COMMON_JSON_HELP "      --json               Print one JSON document\n"

#define COMMON_LAST_HELP                                                                   \
        "  -q, --quiet              Print results and errors only\n"                      \
        "  -h, --help               Show this help"

typedef struct Verb {
        const char *name; /* NULL: for codex-jobs itself */
        const char *alias; /* NULL: none */
        int (*run)(int argc, char *argv[], Common *common); /* argv[0] is the verb; returns an exit status */
        const char *help;                                   /* all of it, without a newline at the end */
} Verb;

/* Reads the next option of a verb. letters starts with ':' or "+:". COMMON_OPTIONS are handled here. Returns 0 with
 * an option of the verb in *ret, 1 after the last option, or -ESHUTDOWN, after --help and on errors: the verb must
 * then return *ret as its exit status. */
int option_next(const Verb *verb, Common *common, int argc, char *argv[], const char *letters,
                const struct option *options, int *ret);

/* Prints what --help does. Returns the exit status. */
int option_help(const Verb *verb);

/* Reports an error in the command line, a sentence without its full stop, followed by a pointer to --help. Returns
 * STATUS_OWN_FAILURE. */
int usage_error(const Verb *verb, const char *format, ...) _printf_(2, 3);

/* Parse the argument of the option that was read last. Return 0, or -EINVAL after reporting that it is invalid. */
int option_number(const Verb *verb, const char *name, uint64_t min, uint64_t max, uint64_t *ret);
int option_size(const Verb *verb, const char *name, uint64_t *ret);
int option_timespan(const Verb *verb, const char *name, uint64_t *ret);
int option_milliseconds(const Verb *verb, const char *name, uint64_t *ret_usec);

/* The connection to the service of the scope. Returns 0, or a negative errno with error set. */
int common_connect(const Common *common, Client **ret, sd_bus_error *error);
