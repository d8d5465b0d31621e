/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs run: runs a command as a job, passes on its output, and exits with its status. */

#include "foreground.h"
#include "verbs.h"

static struct {
        RequestOptions options;
        uint64_t timeout_usec;
        Spec request;
} given = { .timeout_usec = USEC_INFINITY, .request = REQUEST_INIT };

static int option(const Verb *verb, int option) {
        if (option == OPTION_TIMEOUT_MS)
                return option_timeout(verb, &given.timeout_usec);
        return request_option(verb, &given.options, option);
}

static int check(Invocation *in) {
        return read_command(in, &given.options, &given.request);
}

static int run(Invocation *in) {
        return run_in_foreground(in, &given.request, given.timeout_usec);
}

const Verb verb_run = {
        .name = "run",
        .arguments = "-- COMMAND [ARGUMENT…]",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .missing = "No command given",
        .flags = VERB_COMMAND,
        .options = (const struct option[]) {
                REQUEST_LIMIT_OPTIONS,
                REQUEST_COMMAND_OPTIONS,
                TIMEOUT_OPTION,
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Run a command as a job and exit with its status",
        .help = "Run a command as a job, pass on its output, and exit with its status. The job does not\n"
                "depend on this command: Ctrl-C stops the wait (130), and the job keeps running.\n"
                "\n"
                "The exit status is that of the command: its exit code, or 128+n if it was killed by signal\n"
                "n, 126 if it cannot be executed, 127 if it was not found, 143 if the job was cancelled.\n"
                "124: the wait timed out. 125: codex-jobs itself failed.\n"
                "\n"
                "Options:\n"
                "      --timeout-ms N       Stop waiting after N milliseconds (default: never)\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP,
};
