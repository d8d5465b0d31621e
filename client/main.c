/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs: the command line of the job service. Finds the verb in the table, parses its options, counts its arguments,
 * opens the connection, and reports failures. */

#include <fcntl.h>
#include <signal.h>

#include "answer.h"
#include "host.h"
#include "verbs.h"

/* A closed descriptor would be reused by the first file that is opened, and results written to that file. */
static int open_standard_descriptors(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                if (open("/dev/null", O_RDONLY) != fd) /* writing to it fails, as it should */
                        return -EBADF;
        }
        return 0;
}

static int unknown_verb(const Verb *program, const char *word) {
        const char *name = verb_suggest(word);

        if (name)
                return usage_error(program, "Unknown command '%.48s', did you mean '%s'?", word, name);
        return usage_error(program, "Unknown command '%.48s'", word);
}

/* "help VERB" is "VERB --help", and "help" is "--help". */
static int help(const Verb *program, const char *word) {
        const Verb *verb = word ? verb_find(word) : program;

        return verb ? option_help(verb) : unknown_verb(program, word);
}

static int check_place(const Invocation *in) {
        if (!remote_name(&in->remote) || !(in->verb->flags & VERB_HERE))
                return 0;
        return usage_error(in->verb, "'%s' works on this host only: run it on %s itself, with %s", in->verb->name,
                           remote_name(&in->remote), in->remote.host ? "ssh" : "machinectl shell");
}

static int check_arguments(const Invocation *in) {
        const Verb *verb = in->verb;

        if (in->n_arguments < verb->min)
                return usage_error(verb, "%s", verb->missing ?: "No job ID given, see 'codex-jobs status'");
        if (in->n_arguments <= verb->max)
                return 0;
        if (verb->surplus)
                return usage_error(verb, "%s", verb->surplus);
        if (verb->max == 0)
                return usage_error(verb, "'%s' takes no arguments", verb->name);
        return usage_error(verb, "'%s' takes one job ID, not %zu", verb->name, in->n_arguments);
}

/* argv[0] is the verb. */
static int run_verb(Invocation *in, int argc, char *argv[]) {
        int r, status;

        if (options_read(in, argc, argv, &status) != 0)
                return status;
        if (in->quiet || in->json)
                say_no_hints();
        r = check_place(in);
        if (r == 0)
                r = check_arguments(in);
        if (r == 0 && in->verb->check)
                r = in->verb->check(in);
        if (r == 0 && !(in->verb->flags & VERB_OFFLINE))
                r = client_new(in->scope, &in->remote, in->quiet || in->json, &in->client, &in->error);
        if (r == 0)
                r = in->verb->run(in);
        return r < 0 ? answer_failure(in->client, &in->error, r) : r;
}

/* The verb is the first argument that is not an option. */
static int run_program(Invocation *in, const Verb *program, int argc, char *argv[]) {
        const char *name;
        int status;

        in->verb = program;
        if (options_read(in, argc, argv, &status) != 0)
                return status;
        name = in->arguments[0];
        if (!name)
                return usage_error(program, "No command given");
        if (streq(name, "help"))
                return help(program, in->arguments[1]);
        in->verb = verb_find(name);
        if (!in->verb)
                return unknown_verb(program, name);
        return run_verb(in, (int) in->n_arguments, in->arguments);
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char *list = NULL;
        Invocation in = {};
        int status;

        if (open_standard_descriptors() < 0)
                return STATUS_OWN_FAILURE;
        (void) signal(SIGPIPE, SIG_IGN);

        list = verb_list_text();
        if (!list || host_use_own_runtime() < 0)
                return say_out_of_memory();
        status = run_program(&in, &(const Verb) { .name = "", .arguments = "", .flags = VERB_COMMAND, .help = list }, argc,
                             argv);
        (void) client_free(in.client);
        sd_bus_error_free(&in.error);
        return status;
}
