/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs enqueue: submits a command and prints the job ID. */

#include "foreground.h"
#include "verbs.h"

static struct {
        RequestOptions options;
        Spec request;
} given = { .request = REQUEST_INIT };

static int option(const Verb *verb, int option) {
        return request_option(verb, &given.options, option);
}

static int check(Invocation *in) {
        return read_command(in, &given.options, &given.request);
}

static int run(Invocation *in) {
        return run_in_background(in, &given.request, false);
}

const Verb verb_enqueue = {
        .name = "enqueue",
        .arguments = "-- COMMAND [ARGUMENT…]",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .missing = "No command given",
        .flags = VERB_COMMAND,
        .options = (const struct option[]) { REQUEST_LIMIT_OPTIONS, REQUEST_COMMAND_OPTIONS, {} },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Submit a command and print the job ID",
        .help = "Submit a command as a job and print the job ID. The job is on disk when this returns.\n"
                "\n"
                "The exit status is 0, or 125 on failure. If the job was submitted nevertheless, its ID is\n"
                "shown on stderr.\n"
                "\n"
                "Options:\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP,
};
