/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-tag.h"
#include "bus-names.h"
#include "job-id.h"
#include "options.h"
#include "say.h"
#include "terminal.h"
#include "suggest.h"
#include "text-new.h"
#include "time-util.h"
#include "utf8.h"

static bool is_question(const char *text) {
        size_t n = strlen(text);

        return n > 0 && text[n - 1] == '?';
}

int usage_error(const Verb *verb, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = text_new_v(format, ap);
        va_end(ap);
        if (!text)
                return say_out_of_memory();
        say("%s%s Try 'codex-jobs %s%s--help'.", text, is_question(text) ? "" : ".", verb->name, *verb->name ? " " : "");
        return STATUS_OWN_FAILURE;
}

static int unknown_word(const Verb *verb, const char *word) {
        if (verb->flags & VERB_PROSE)
                return usage_error(verb, "Unknown option '%.48s'; put '--' before text that starts with a dash, or, for a "
                                         "task, pass it on standard input with '-'", word);
        return usage_error(verb, "Unknown option '%.48s'", word);
}

static int unknown_option(const Verb *verb, const char *word, const struct option *options) {
        const char *longer = NULL;
        char name[64];
        Suggestion s = { .word = name };

        (void) snprintf(name, sizeof(name), "%.*s", (int) strcspn(word + 2, "="), word + 2);
        for (const struct option *o = options; o->name; o++) {
                suggest_name(&s, o->name);
                if (!startswith(o->name, name))
                        continue;
                if (longer)
                        return usage_error(verb, "Option '--%s' is ambiguous: '--%s' or '--%s'?", name, longer, o->name);
                longer = o->name;
        }
        if (s.name)
                return usage_error(verb, "Unknown option '--%s', did you mean '--%s'?", name, s.name);
        return unknown_word(verb, word);
}

static int bad_option(const Verb *verb, int c, char *argv[], const struct option *options) {
        const char *word = argv[optind - 1];
        bool is_long = startswith(word, "--") && optopt == 0;
        char letter[3];

        if (c == ':' && startswith(word, "--"))
                return usage_error(verb, "Option '%s' requires an argument", word);
        if (c == ':')
                return usage_error(verb, "Option '-%c' requires an argument", optopt);
        if (is_long)
                return unknown_option(verb, word, options);
        if (startswith(word, "--") && strchr(word, '='))
                return usage_error(verb, "Option '%.*s' does not take an argument", (int) strcspn(word, "="), word);
        (void) snprintf(letter, sizeof(letter), "-%c", optopt);
        return unknown_word(verb, letter);
}

static int set_scope(Invocation *in, Scope scope) {
        if (in->scope != SCOPE_DEFAULT && in->scope != scope)
                return usage_error(in->verb, "--system and --user cannot be combined");
        in->scope = scope;
        return 0;
}

static int set_remote(Invocation *in, char letter) {
        const char **word = letter == 'H' ? &in->remote.host : &in->remote.machine;

        if (!remote_is_valid(optarg))
                return usage_error(in->verb, "Invalid value '%.64s' for -%c: must be %s", optarg, letter,
                                   letter == 'H' ? "[USER@]HOST" : "[USER@]CONTAINER");
        *word = optarg;
        if (in->remote.host && in->remote.machine)
                return usage_error(in->verb, "--host and --machine cannot be combined: use -H HOST/CONTAINER");
        return 0;
}

/* ---- The help ---- */

#define SCOPE_HELP                                                                         \
        "      --system, --user     Use the system service, or your own (default:\n"       \
        "                           $CODEX_JOBS_SCOPE, else the system service if\n"       \
        "                           installed)\n"                                       \
        "  -H, --host HOST          Use the service on [USER@]HOST, over ssh\n"            \
        "  -M, --machine CONTAINER  Use the service in a local container\n"
#define JSON_HELP "      --json               Print one JSON document\n"
#define LAST_HELP                                                                          \
        "  -q, --quiet              Print results and errors only\n"                      \
        "  -h, --help               Show this help\n"
#define PROGRAM_HELP                                                                       \
        "      --version            Show the version\n"                                    \
        "\n"                                                                               \
        "See 'codex-jobs VERB --help' for the options of a verb.\n"

int option_help(const Verb *verb) {
        _cleanup_free_ char *text = NULL;

        text = text_new("codex-jobs %s%s[options]%s%s\n\n%s" SCOPE_HELP "%s" LAST_HELP "%s", verb->name,
                        *verb->name ? " " : "VERB ", *verb->arguments ? " " : "", verb->arguments, verb->help,
                        verb->flags & VERB_TEXT ? "" : JSON_HELP, *verb->name ? "" : PROGRAM_HELP);
        if (!text)
                return say_out_of_memory();
        if (!terminal_takes_utf8(STDOUT_FILENO))
                text_to_ascii(text);
        return say_to_stdout(text);
}

/* ---- Reading them ---- */

#define OPTIONS_MAX 64U

/* The options of all verbs and then those of one, with their letters, for getopt_long(3). */
typedef struct OptionTable {
        struct option options[OPTIONS_MAX + 1];
        char letters[2 * OPTIONS_MAX + 3];
} OptionTable;

static void fill_table(const Verb *verb, OptionTable *table) {
        static const struct option common[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "system", no_argument, NULL, OPTION_SYSTEM },
                { "user", no_argument, NULL, OPTION_USER },
                { "host", required_argument, NULL, 'H' },
                { "machine", required_argument, NULL, 'M' },
                { "json", no_argument, NULL, OPTION_JSON },
                { "quiet", no_argument, NULL, 'q' },
                {},
        };
        char *letter = stpcpy(table->letters, verb->flags & VERB_COMMAND ? "+:" : "-:");
        const struct option *lists[] = { common, verb->options };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (const struct option *o = lists[i]; o && o->name && n < OPTIONS_MAX; o++) {
                        table->options[n++] = *o;
                        if (o->val >= OPTION_SYSTEM)
                                continue;
                        *letter++ = (char) o->val;
                        if (o->has_arg == required_argument)
                                *letter++ = ':';
                }
        table->options[n] = (struct option) {};
        *letter = 0;
}

static int show_version(void) {
        _cleanup_free_ char *text = text_new("codex-jobs %s\n", build_version());

        return text ? say_to_stdout(text) : say_out_of_memory();
}

/* Returns 0; 1 to exit with *ret_status. */
static int take_option(Invocation *in, int option, int *ret_status) {
        int r;

        switch (option) {
        case 'h':
                *ret_status = option_help(in->verb);
                return 1;
        case OPTION_VERSION:
                *ret_status = show_version();
                return 1;
        case OPTION_SYSTEM:
        case OPTION_USER:
                *ret_status = set_scope(in, option == OPTION_SYSTEM ? SCOPE_SYSTEM : SCOPE_USER);
                return *ret_status != 0;
        case 'H':
        case 'M':
                *ret_status = set_remote(in, (char) option);
                return *ret_status != 0;
        case OPTION_JSON:
                in->json = true;
                return 0;
        case 'q':
                in->quiet = true;
                return 0;
        default:
                r = in->verb->option(in->verb, option);
                *ret_status = r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
                return r < 0;
        }
}

/* The item of a list, or a line, as in Markdown and diffs. */
static bool is_prose(const char *word) {
        size_t dashes = strspn(word, "-");

        return dashes > 0 && word[dashes] && strchr(" \t\r\n", word[dashes]);
}

/* Returns the next option; 1 with an argument in optarg, in the given order; -1 at the end of the options. */
static int next_option(const Verb *verb, int argc, char *argv[], const OptionTable *table) {
        if (verb->flags & VERB_PROSE && optind < argc && is_prose(argv[optind])) {
                optarg = argv[optind++];
                return 1;
        }
        return getopt_long(argc, argv, table->letters, table->options, NULL);
}

/* Arguments are moved to the front, after the verb. */
int options_read(Invocation *in, int argc, char *argv[], int *ret_status) {
        OptionTable table;
        size_t n = 0;
        int option;

        fill_table(in->verb, &table);
        if (in->verb->rewrite)
                in->verb->rewrite(argc, argv);
        optind = 0; /* getopt_long(3): starts over */
        opterr = 0;
        (void) getopt_long(1, argv, table.letters, table.options, NULL);
        while ((option = next_option(in->verb, argc, argv, &table)) >= 0) {
                if (option == 1) {
                        argv[++n] = optarg;
                        continue;
                }
                if (option == ':' || option == '?') {
                        *ret_status = bad_option(in->verb, option, argv, table.options);
                        return 1;
                }
                if (take_option(in, option, ret_status) != 0)
                        return 1;
        }
        while (optind < argc)
                argv[++n] = argv[optind++];
        argv[n + 1] = NULL;
        in->arguments = argv + 1;
        in->n_arguments = n;
        return 0;
}

/* ---- Values ---- */

static int bad_value(const Verb *verb, const char *name, const char *expected) {
        (void) usage_error(verb, "Invalid value '%.64s' for --%s: must be %s", optarg, name, expected);
        return -EINVAL;
}

int option_number(const Verb *verb, const char *name, uint64_t min, uint64_t max, uint64_t *ret) {
        char expected[96];
        uint64_t value;

        if (parse_u64(optarg, &value) < 0 || value < min || value > max) {
                if (max == UINT64_MAX)
                        (void) snprintf(expected, sizeof(expected), "a number of at least %ju", (uintmax_t) min);
                else
                        (void) snprintf(expected, sizeof(expected), "a number from %ju to %ju", (uintmax_t) min,
                                        (uintmax_t) max);
                return bad_value(verb, name, expected);
        }
        *ret = value;
        return 0;
}

int option_size(const Verb *verb, const char *name, uint64_t *ret) {
        int r = parse_size(optarg, ret);

        return r == -ERANGE ? bad_value(verb, name, "smaller") : r < 0 ? bad_value(verb, name, "a size, for example 500M") : 0;
}

int option_timespan(const Verb *verb, const char *name, uint64_t *ret) {
        int r = parse_timespan(optarg, ret);

        return r == -ERANGE ? bad_value(verb, name, "shorter") :
                r < 0       ? bad_value(verb, name, "a duration, for example 90s or 1h30min") : 0;
}

int option_session(const Verb *verb, const char **ret) {
        size_t n = strlen(optarg);

        if (n > JOB_SESSION_MAX || !utf8_is_valid(optarg, n)) {
                (void) usage_error(verb, "Invalid value for --session: must be at most %u bytes of UTF-8", JOB_SESSION_MAX);
                return -EINVAL;
        }
        *ret = optarg;
        return 0;
}

int check_queue_name(const Verb *verb, const char *name) {
        if (job_queue_is_valid(name))
                return 0;
        return usage_error(verb, "Invalid queue '%.64s'. Use 1 to %d letters, digits, dashes, underscores and dots, the first "
                                 "of which is a letter or a digit", name, JOB_QUEUE_MAX);
}

static int option_milliseconds(const Verb *verb, const char *name, uint64_t *ret_usec) {
        uint64_t value;
        int r;

        r = option_number(verb, name, 0, UINT64_MAX / USEC_PER_MSEC / 2, &value);
        if (r < 0)
                return r;
        *ret_usec = value * USEC_PER_MSEC;
        return 0;
}

int option_timeout(const Verb *verb, uint64_t *ret_usec) {
        return option_milliseconds(verb, "timeout-ms", ret_usec);
}

int option_poll_interval(const Verb *verb, uint64_t *ret_usec) {
        return option_milliseconds(verb, "poll-interval-ms", ret_usec);
}
