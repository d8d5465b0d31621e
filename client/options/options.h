/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What every verb's command line has in common: the options that are the same everywhere, the reading of
 * numbers, and how a mistake is told. */

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

/* The values of long options that have no letter. Verbs count theirs from OPTION_VERB. */
enum {
        OPTION_SYSTEM = 256,
        OPTION_USER,
        OPTION_JSON,
        OPTION_VERSION,
        OPTION_MAX_BYTES, /* of verbs that show what a job wrote, see output.h */
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

/* The end of each verb's help; without --json, that of those that have none. */
#define COMMON_HELP COMMON_SCOPE_HELP COMMON_JSON_HELP COMMON_LAST_HELP
#define COMMON_TEXT_HELP COMMON_SCOPE_HELP COMMON_LAST_HELP

#define COMMON_SCOPE_HELP                                                                  \
        "      --system, --user     the system's service, or your own; without them\n"     \
        "                           $CODEX_JOBS_SCOPE (system or user), else the system's\n" \
        "                           where it is installed\n"

#define COMMON_JSON_HELP "      --json               answer with one JSON document on stdout\n"

#define COMMON_LAST_HELP                                                                   \
        "  -q, --quiet              print the result and errors only\n"                   \
        "  -h, --help               show this"

typedef struct Verb {
        const char *name; /* NULL: for codex-jobs itself */
        const char *alias; /* NULL: none */
        int (*run)(int argc, char *argv[], Common *common); /* argv[0] is the verb; returns an exit status */
        const char *help;                                   /* all of it, without a newline at the end */
} Verb;

/* Reads the next option of a verb. letters begins with ':' or "+:". Options of COMMON_OPTIONS are dealt with
 * inside; --help and mistakes end the verb. Returns 0 with an option of the verb in *ret, 1 behind the last
 * option, -ESHUTDOWN when the verb is to return *ret as its exit status. */
int option_next(const Verb *verb, Common *common, int argc, char *argv[], const char *letters,
                const struct option *options, int *ret);

/* Says on stderr what is wrong with the command line, in one line that points at --help.
 * Returns STATUS_OWN_FAILURE. */
int usage_error(const Verb *verb, const char *format, ...) _printf_(2, 3);

/* Reads a value of the option that was read last, or tells what is wrong with it. Returns 0 or -EINVAL. */
int option_number(const Verb *verb, const char *name, uint64_t min, uint64_t max, uint64_t *ret);
int option_size(const Verb *verb, const char *name, uint64_t *ret);
int option_timespan(const Verb *verb, const char *name, uint64_t *ret);
int option_milliseconds(const Verb *verb, const char *name, uint64_t *ret_usec);

/* The connection to the service of the scope. Returns 0, or a negative errno with error set. */
int common_connect(const Common *common, Client **ret, sd_bus_error *error);
