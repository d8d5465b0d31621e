/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs retry: runs the command of a finished job again, as a new job. */

#include "foreground.h"
#include "verbs.h"

static struct {
        RequestOptions options;
        Stay stay;
        Spec request;
} given = { .stay = STAY_INIT, .request = REQUEST_INIT };

static int option(const Verb *verb, int option) {
        return stay_option(verb, &given.stay, &given.options, option);
}

static int check(Invocation *in) {
        if (given.stay.timeout_usec != USEC_INFINITY && !given.stay.await)
                return usage_error(in->verb, "--timeout-ms requires --await");
        given.request.retry_of = in->arguments[0];
        given.options.remote = in->remote;
        return request_again_from_options(&given.options, &given.request, &in->error);
}

static int run(Invocation *in) {
        if (given.stay.await)
                return run_and_await(in, &given.request, &given.stay);
        return run_in_background(in, &given.request, given.stay.background);
}

const Verb verb_retry = {
        .name = "retry",
        .arguments = "ID",
        .min = 1,
        .max = 1,
        .options = (const struct option[]) {
                REQUEST_AGAIN_OPTIONS,
                { "stdin", required_argument, NULL, OPTION_STDIN },
                STAY_OPTIONS,
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Run the command of a finished job again",
        .help = "Run the command of a finished job again, as a new job with the same directory, kind, label\n"
                "and limits, and with your current environment. Print the ID of the new job.\n"
                "\n"
                "Options:\n"
                "      --background         Print the job ID and the command that waits, then return\n"
                "      --await              Wait, show progress on stderr, then print the result and\n"
                "                           exit with the status of the job\n"
                "      --timeout-ms N       With --await: stop waiting after N milliseconds\n"
                "                           (default: 6 hours)\n"
                "      --stdin FILE|-       Standard input, - for yours; required if the job had one\n"
                "                           that was not kept\n"
                REQUEST_AGAIN_HELP,
};
