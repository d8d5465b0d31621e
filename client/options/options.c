/* SPDX-License-Identifier: Apache-2.0 */

/* The options common to all verbs, and errors in the command line. */

#include <stdarg.h>

#include "build-config.h"
#include "options.h"
#include "say.h"
#include "terminal.h"
#include "suggest.h"
#include "time-util.h"

static bool is_question(const char *text) {
        size_t n = strlen(text);

        return n > 0 && text[n - 1] == '?';
}

int usage_error(const Verb *verb, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return say_out_of_memory();
        }
        say("%s%s Try 'codex-jobs %s%s--help'.", text, is_question(text) ? "" : ".", strempty(verb->name),
            verb->name ? " " : "");
        return STATUS_OWN_FAILURE;
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
        return usage_error(verb, "Unknown option '%.48s'", word);
}

static int bad_option(const Verb *verb, int c, char *argv[], const struct option *options) {
        const char *word = argv[optind - 1];
        bool is_long = startswith(word, "--") && optopt == 0;

        if (c == ':' && startswith(word, "--"))
                return usage_error(verb, "Option '%s' requires an argument", word);
        if (c == ':')
                return usage_error(verb, "Option '-%c' requires an argument", optopt);
        if (is_long)
                return unknown_option(verb, word, options);
        if (startswith(word, "--") && strchr(word, '='))
                return usage_error(verb, "Option '%.*s' does not take an argument", (int) strcspn(word, "="), word);
        return usage_error(verb, "Unknown option '-%c'", optopt);
}

static int set_scope(const Verb *verb, Common *common, Scope scope) {
        if (common->scope != SCOPE_DEFAULT && common->scope != scope)
                return usage_error(verb, "--system and --user cannot be combined");
        common->scope = scope;
        return 0;
}

int option_help(const Verb *verb) {
        _cleanup_free_ char *text = strdup(verb->help);

        if (!text)
                return say_out_of_memory();
        if (!terminal_takes_utf8(STDOUT_FILENO))
                text_to_ascii(text);
        (void) printf("%s\n", text);
        return say_if_stdout_failed();
}

int option_next(const Verb *verb, Common *common, int argc, char *argv[], const char *letters,
                const struct option *options, int *ret) {
        for (;;) {
                int c;

                opterr = 0;
                c = getopt_long(argc, argv, letters, options, NULL);
                switch (c) {
                case -1:
                        return 1;
                case 'h':
                        *ret = option_help(verb);
                        return -ESHUTDOWN;
                case OPTION_VERSION:
                        (void) printf("codex-jobs %s\n", PROJECT_VERSION);
                        *ret = say_if_stdout_failed();
                        return -ESHUTDOWN;
                case OPTION_SYSTEM:
                case OPTION_USER:
                        *ret = set_scope(verb, common, c == OPTION_SYSTEM ? SCOPE_SYSTEM : SCOPE_USER);
                        if (*ret != 0)
                                return -ESHUTDOWN;
                        break;
                case OPTION_JSON:
                        common->json = true;
                        break;
                case 'q':
                        common->quiet = true;
                        break;
                case ':':
                case '?':
                        *ret = bad_option(verb, c, argv, options);
                        return -ESHUTDOWN;
                default:
                        *ret = c;
                        return 0;
                }
        }
}

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
        return parse_size(optarg, ret) < 0 ? bad_value(verb, name, "a size, for example 500M") : 0;
}

int option_timespan(const Verb *verb, const char *name, uint64_t *ret) {
        return parse_timespan(optarg, ret) < 0 ? bad_value(verb, name, "a duration, for example 90s or 1h30min") : 0;
}

int option_milliseconds(const Verb *verb, const char *name, uint64_t *ret_usec) {
        uint64_t value;
        int r;

        r = option_number(verb, name, 0, UINT64_MAX / USEC_PER_MSEC / 2, &value);
        if (r < 0)
                return r;
        *ret_usec = value * USEC_PER_MSEC;
        return 0;
}

int common_connect(const Common *common, Client **ret, sd_bus_error *error) {
        return client_new(common->scope, common->quiet || common->json, ret, error);
}
