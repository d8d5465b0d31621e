/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <getopt.h>
#include <stdarg.h>

#include "build-tag.h"
#include "options.h"

#define MODEL_MAX 256U

static const char help[] =
        "codex-jobs-codex [option…] -- CODEX exec --json ARGUMENT…\n"
        "\n"
        "Run Codex as the command of a job, and convert its events to progress, log and result of the\n"
        "job. Used by codex-jobs for all jobs that run Codex, not meant to be called directly.\n"
        "\n"
        "      --kind KIND         task (default), review or adversarial-review\n"
        "      --target TEXT       Subject of a review\n"
        "      --expect-thread ID  Stop Codex if it uses a different thread\n"
        "  -h, --help              Show this help\n"
        "      --version           Show the version\n"
        "\n"
        "Standard input is passed to Codex as the prompt. Output:\n"
        "  standard output         the final message, byte for byte, and a newline; empty if none.\n"
        "                          Of an adversarial review the findings as text, if it is valid JSON\n"
        "  standard error          a log; after a failure, the last line is the error\n"
        "  STATUS= (sd_notify)     the current activity; after a failure, the error\n"
        "  $CODEX_JOB_RESULT       a JSON object: thread_id, last_message, commands, files, usage, error, …\n"
        "\n"
        "SIGTERM, SIGINT and SIGHUP are forwarded to Codex, which is then waited for.\n"
        "\n"
        "Exit status:\n"
        "  0      Codex exited with 0, its turn is complete, and there is a final message\n"
        "  1      Codex exited with 0, but one of these is not true; or it used a different thread\n"
        "  2-255  the exit status of Codex, or:\n"
        "  125    this program itself failed\n"
        "  126    Codex cannot be executed\n"
        "  127    Codex was not found\n"
        "  128+n  signal n terminated Codex, or was sent to this program\n";

static int mistake(const char *format, ...) _printf_(1, 2);
static int mistake(const char *format, ...) {
        va_list ap;

        (void) fputs("codex-jobs-codex: ", stderr);
        va_start(ap, format);
        (void) vfprintf(stderr, format, ap);
        va_end(ap);
        (void) fputs(" See 'codex-jobs-codex --help'.\n", stderr);
        return -EINVAL;
}

bool options_is_review(const Options *o) {
        return streq(o->kind, "review") || streq(o->kind, "adversarial-review");
}

bool options_is_structured(const Options *o) {
        return streq(o->kind, "adversarial-review");
}

/* ---- The command of Codex ---- */

/* The last one counts, as it does for Codex. A dash ends it: what follows is no option. */
static const char *find_model(char **command) {
        const char *model = NULL, *value;

        for (char **word = command; *word && !streq(*word, "-") && !streq(*word, "--"); word++) {
                if (word[1] && (streq(word[0], "-m") || streq(word[0], "--model")))
                        model = *++word;
                else if ((value = startswith(*word, "--model=")))
                        model = value;
        }
        return model && strlen(model) <= MODEL_MAX ? model : NULL;
}

static bool has_word(char **words, const char *word) {
        for (; *words; words++)
                if (streq(*words, word))
                        return true;
        return false;
}

static int check(Options *o, char **command) {
        if (!streq(o->kind, "task") && !options_is_review(o))
                return mistake("Unknown kind '%.48s'. Use task, review or adversarial-review.", o->kind);
        if (!*command)
                return mistake("No command given. Give the command of Codex after '--'.");
        if (!has_word(command, "--json"))
                return mistake("The command has no --json option of 'codex exec'. Add it.");
        o->command = command;
        o->model = find_model(command);
        return 0;
}

/* ---- The command line ---- */

int options_read(int argc, char *argv[], Options *ret) {
        enum { OPTION_KIND = 256, OPTION_EXPECT_THREAD, OPTION_TARGET, OPTION_VERSION };
        static const struct option options[] = {
                { "kind", required_argument, NULL, OPTION_KIND },
                { "target", required_argument, NULL, OPTION_TARGET },
                { "expect-thread", required_argument, NULL, OPTION_EXPECT_THREAD },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        Options o = { .kind = "task" };
        int option, r;

        while ((option = getopt_long(argc, argv, "+:h", options, NULL)) >= 0)
                switch (option) {
                case OPTION_KIND:
                        o.kind = optarg;
                        break;
                case OPTION_TARGET:
                        o.target = optarg;
                        break;
                case OPTION_EXPECT_THREAD:
                        o.expected_thread = optarg;
                        break;
                case 'h':
                        (void) fputs(help, stdout);
                        return 1;
                case OPTION_VERSION:
                        (void) printf("codex-jobs-codex %s\n", build_version());
                        return 1;
                case ':':
                        return mistake("Option '%.48s' requires an argument.", argv[optind - 1]);
                default:
                        return mistake("Unknown option '%.48s'.", argv[optind - 1]);
                }
        r = check(&o, argv + optind);
        if (r < 0)
                return r;
        *ret = o;
        return 0;
}
