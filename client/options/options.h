/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Verbs, the options common to all of them, parsing of values, and errors in the command line. */

#include <getopt.h>

#include "client-bus.h"
#include "say.h"

/* How long verbs wait for jobs by default. */
#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)

#define ARGUMENTS_ANY SIZE_MAX

typedef struct Verb Verb;

/* One call of codex-jobs. */
typedef struct Invocation {
        const Verb *verb;
        Scope scope; /* the options of all verbs, before or after the name */
        Remote remote;
        bool json;
        bool quiet;

        char **arguments; /* without the options; not owned, NULL-terminated */
        size_t n_arguments;
        Client *client; /* NULL in check(), and with VERB_OFFLINE */
        sd_bus_error error; /* set by functions of the verb that return a negative errno */
} Invocation;

typedef enum VerbFlags {
        VERB_COMMAND = 1 << 0, /* options end at the first argument */
        VERB_TEXT = 1 << 1,    /* has no --json */
        VERB_OFFLINE = 1 << 2, /* opens the connection itself */
        VERB_HERE = 1 << 4,    /* works on this host only */
        VERB_PROSE = 1 << 3,   /* its arguments are text of people: one may start with a dash and a space */
} VerbFlags;

/* A row of the table of verbs, see verbs.h. */
struct Verb {
        const char *name;      /* "": codex-jobs without a verb */
        const char *alias;     /* NULL: none */
        const char *arguments; /* as in the help; "": none */
        size_t min, max;       /* of their number */
        const char *missing;   /* the errors for too few and too many; NULL: those of most verbs */
        const char *surplus;
        VerbFlags flags;

        const struct option *options; /* its own, terminated by an empty one; NULL: none */
        void (*rewrite)(int argc, char *argv[]); /* what getopt_long(3) cannot parse, into what it can; NULL: nothing */
        int (*option)(const Verb *verb, int option); /* handles one, with its argument in optarg. Returns 0, or a negative
                                                      * errno after reporting that the argument is invalid. */
        int (*check)(Invocation *in); /* checks the combination of options, and prepares what may take long, before the
                                       * connection is opened. Returns 0, the exit status after reporting an error, or a
                                       * negative errno. NULL: not needed. */
        int (*run)(Invocation *in); /* returns the exit status, or a negative errno */

        const char *summary; /* in the list of verbs */
        const char *help;    /* description and options, without usage line and common options */
};

/* Values of long options without a letter. Those of verbs start at OPTION_VERB. */
enum {
        OPTION_SYSTEM = 256,
        OPTION_USER,
        OPTION_JSON,
        OPTION_VERSION,
        OPTION_TIMEOUT_MS, /* of all verbs that wait */
        OPTION_POLL_INTERVAL_MS,
        OPTION_VERB,
};

#define TIMEOUT_OPTION { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS }
#define POLL_OPTION { "poll-interval-ms", required_argument, NULL, OPTION_POLL_INTERVAL_MS }

/* Parses the options of a verb and sets the arguments. argv[0] is the verb. Returns 0, or 1 to exit with *ret_status, after
 * --help and on errors. */
int options_read(Invocation *in, int argc, char *argv[], int *ret_status);

/* Prints what --help does. Returns the exit status. */
int option_help(const Verb *verb);

/* Reports an error in the command line, a sentence without its full stop, followed by a pointer to --help. Returns
 * STATUS_OWN_FAILURE. */
int usage_error(const Verb *verb, const char *format, ...) _printf_(2, 3);

/* Whether a word can be the name of a queue: 0, or the exit status after reporting that. */
int check_queue_name(const Verb *verb, const char *name);

/* Parse the argument of the option that was read last. Return 0, or -EINVAL after reporting that it is invalid. */
int option_number(const Verb *verb, const char *name, uint64_t min, uint64_t max, uint64_t *ret);
int option_size(const Verb *verb, const char *name, uint64_t *ret);
int option_timespan(const Verb *verb, const char *name, uint64_t *ret);
int option_session(const Verb *verb, const char **ret); /* not copied */
int option_timeout(const Verb *verb, uint64_t *ret_usec);
int option_poll_interval(const Verb *verb, uint64_t *ret_usec);
