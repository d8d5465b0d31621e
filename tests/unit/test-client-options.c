/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-config.h"
#include "options.h"
#include "request-options.h"
#include "scope.h"
#include "test.h"

/* ---- The scope ---- */

static void check_scope(Scope option, const char *environment, bool expected, bool given) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool system = !expected, shown = !given;

        if (environment)
                check_ok(setenv("CODEX_JOBS_SCOPE", environment, 1));
        else
                check_ok(unsetenv("CODEX_JOBS_SCOPE"));
        check_ok(scope_resolve(option, &system, &shown, &error));
        check_int(system, expected);
        check_int(shown, given);
}

static void scopes(void) {
        bool installed = access(SYSTEM_SERVICE_FILE, F_OK) >= 0;

        check_scope(SCOPE_DEFAULT, NULL, installed, false);
        check_scope(SCOPE_DEFAULT, "", installed, false);
        check_scope(SCOPE_DEFAULT, "system", true, false);
        check_scope(SCOPE_DEFAULT, "user", false, false);
        check_scope(SCOPE_SYSTEM, "user", true, true); /* shown where it would not be found without */
        check_scope(SCOPE_USER, "user", false, false);
        check_scope(SCOPE_USER, "nonsense", false, true);
}

static void scope_mistake(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool system, given;

        check_ok(setenv("CODEX_JOBS_SCOPE", "nonsense", 1));
        check_error(scope_resolve(SCOPE_DEFAULT, &system, &given, &error), -EINVAL);
        check_contains(error.message, "'nonsense'");
}

/* ---- Other hosts ---- */

static void hosts(void) {
        static const char *const good[] = { "host", "alice@host.example.com", "alice@10.0.0.1:2222", "[::1]:22", "host/box", "box" };
        static const char *const bad[] = { "", "-oProxyCommand=x", "alice@-x", "a b", "a;b", "a\nb", "$(x)", "a'b", "\xc3\xa4" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                check(remote_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(!remote_is_valid(bad[i]));
}

static void host_options(void) {
        Invocation in = { .verb = &(const Verb) { .name = "status", .arguments = "" } };
        int status;

        check_int(options_read(&in, 3, STRINGS("status", "-H", "alice@host"), &status), 0);
        check_string(remote_name(&in.remote), "alice@host");
        check(!in.remote.machine);
        check_int(options_read(&in, 2, STRINGS("status", "--machine=box"), &status), 1); /* both */
        in.remote = (Remote) {};
        check(!remote_name(&in.remote));
        check_int(options_read(&in, 3, STRINGS("status", "-M", "-x"), &status), 1);
}

/* ---- The options of verbs that enqueue ---- */

static RequestOptions o;

static void clear(void) {
        free(o.environment);
        free(o.given.after);
        free(o.given.retry_on);
        o = (RequestOptions) {};
}

static int take(const Verb *verb, int option) {
        return request_option(verb, &o, option);
}

static const Verb verb = {
        .name = "run",
        .arguments = "",
        .flags = VERB_COMMAND,
        .options = (const struct option[]) { REQUEST_LIMIT_OPTIONS, REQUEST_COMMAND_OPTIONS, {} },
        .option = take,
};

/* Reads a whole command line. Returns 0 and where the command begins, or -1 for a mistake that was told. */
static int parse(char **argv, Invocation *in, int *ret_begin) {
        int argc = 0, status;

        clear();
        *in = (Invocation) { .verb = &verb };
        while (argv[argc])
                argc++;
        if (options_read(in, argc, argv, &status) != 0)
                return -1;
        *ret_begin = argc - (int) in->n_arguments;
        return 0;
}

static void all_options(void) {
        Invocation in;
        int begin = -1;

        check_ok(parse(STRINGS("run", "--json", "-q", "--user", "--kind", "k", "--label=l", "-C", "/", "-E", "A=1",
                               "--env", "B", "--clean-env", "--stdin", "-", "--runtime-max", "1h 30min",
                               "--output-max", "5K", "--memory-max", "2M", "--tasks-max", "7", "--cpu-weight",
                               "10000", "ls", "-l"),
                       &in, &begin));
        check_int(begin, 26);
        check(in.json && in.quiet && in.scope == SCOPE_USER);
        check_string(o.given.kind, "k");
        check_string(o.given.label, "l");
        check_string(o.given.directory, "/");
        check_int(o.n_environment, 2);
        check_string(o.environment[0], "A=1");
        check_string(o.environment[1], "B");
        check(o.clean_environment);
        check_string(o.stdin_path, "-");
        check_int(o.given.limits.runtime_max_usec, 5400 * USEC_PER_SEC);
        check_int(o.given.limits.output_max, 5120);
        check_int(o.given.limits.memory_max, 2 << 20);
        check_int(o.given.limits.tasks_max, 7);
        check_int(o.given.limits.cpu_weight, 10000);
}

/* What stands behind the command, or behind "--", is the command's. */
static void options_of_the_command(void) {
        Invocation in;
        int begin = -1;

        check_ok(parse(STRINGS("run", "--", "--json", "-q"), &in, &begin));
        check_int(begin, 2);
        check_ok(parse(STRINGS("run", "env", "--json"), &in, &begin));
        check_int(begin, 1);
        check(!in.json && !in.quiet);
}

static void mistakes(void) {
        char *const *const lines[] = {
                STRINGS("run", "--frob"),
                STRINGS("run", "-Z"),
                STRINGS("run", "--kind"),
                STRINGS("run", "--json=yes"),
                STRINGS("run", "--runtime-max", "999ms"),
                STRINGS("run", "--runtime-max", "3651d"),
                STRINGS("run", "--runtime-max", "soon"),
                STRINGS("run", "--output-max", "0"),
                STRINGS("run", "--memory-max", "1K"),
                STRINGS("run", "--memory-max", "-1"),
                STRINGS("run", "--tasks-max", "0"),
                STRINGS("run", "--cpu-weight", "10001"),
                STRINGS("run", "--cpu-weight", ""),
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                Invocation in;
                int begin;

                if (parse((char **) lines[i], &in, &begin) != -1)
                        test_fail(TEST_PLACE("parse()"), "line %zu was taken", i);
        }
}

static const Verb text_verb = {
        .name = "task",
        .arguments = "",
        .flags = VERB_PROSE,
        .options = (const struct option[]) { REQUEST_LIMIT_OPTIONS, {} },
        .option = take,
};

static void check_prose(char **argv, char **expected, bool json) {
        Invocation in = { .verb = &text_verb };
        int argc = 0, status;

        clear();
        while (argv[argc])
                argc++;
        check_ok(options_read(&in, argc, argv, &status));
        for (size_t i = 0; i < in.n_arguments; i++)
                check_string(in.arguments[i], expected[i]);
        check(!expected[in.n_arguments] && !in.arguments[in.n_arguments]);
        check(in.json == json);
}

/* The items of a list, wherever they stand, but not where an option takes them. */
static void prose(void) {
        check_prose(STRINGS("task", "- fix it"), STRINGS("- fix it"), false);
        check_prose(STRINGS("task", "--json", "-\ta"), STRINGS("-\ta"), true);
        check_prose(STRINGS("task", "a", "--json", "- b", "-"), STRINGS("a", "- b", "-"), true);
        check_prose(STRINGS("task", "---\ntitle", "--label", "- l", "--json"), STRINGS("---\ntitle"), true);
        check_string(o.given.label, "- l");
        check_prose(STRINGS("task", "--", "--json", "- a"), STRINGS("--json", "- a"), false);
        check_prose(STRINGS("task", "a", "b", "--json"), STRINGS("a", "b"), true);
}

static void prose_mistakes(void) {
        char **const lines[] = { STRINGS("task", "-fix it"), STRINGS("task", "--fix it"), STRINGS("task", "a", "-1. fix") };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                Invocation in = { .verb = &text_verb };
                int argc = 0, status;

                while (lines[i][argc])
                        argc++;
                check_int(options_read(&in, argc, lines[i], &status), 1);
                check_int(status, STATUS_OWN_FAILURE);
        }
        check_int(options_read(&(Invocation) { .verb = &verb }, 2, STRINGS("run", "- fix it"), &(int) { 0 }), 1);
}

TEST_MAIN(TEST(scopes), TEST(scope_mistake), TEST(hosts), TEST(host_options), TEST(all_options), TEST(options_of_the_command), TEST(mistakes),
          TEST(prose), TEST(prose_mistakes))
