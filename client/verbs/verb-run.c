/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs run: a command as a job, as if it ran right here. */

#include "foreground.h"
#include "request-options.h"
#include "say.h"
#include "verbs.h"

enum { OPTION_TIMEOUT_MS = OPTION_REQUEST_END };

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                REQUEST_LIMIT_OPTIONS,
                REQUEST_COMMAND_OPTIONS,
                { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },
                {},
        };
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_options_ RequestOptions request_options = {};
        _cleanup_request_ Request request = REQUEST_INIT;
        uint64_t timeout_usec = USEC_INFINITY;
        int option, r;

        while ((r = option_next(&verb_run, common, argc, argv, "+:" COMMON_LETTERS REQUEST_LETTERS, options,
                                &option)) == 0) {
                if (option == OPTION_TIMEOUT_MS)
                        r = option_milliseconds(&verb_run, "timeout-ms", &timeout_usec);
                else
                        r = request_option(&verb_run, &request_options, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (optind >= argc)
                return usage_error(&verb_run, "no command given");
        if (!*argv[optind])
                return usage_error(&verb_run, "the command is empty: name the program to run");

        request.argv = argv + optind;
        r = request_from_options(&request_options, &request, &error);
        if (r < 0)
                return say_error(&error, r);
        return run_in_foreground(common, &request, timeout_usec);
}

const Verb verb_run = {
        .name = "run",
        .run = run,
        .help = "codex-jobs run [options] -- COMMAND [ARGUMENT…]\n"
                "\n"
                "Runs a command as a job, passes on what it writes, and exits as it exits: its exit code;\n"
                "128+n when signal n ended it; 143 when it was cancelled; 126 or 127 when it cannot be\n"
                "executed or found; 124 when the time to wait was up; 125 when codex-jobs itself failed.\n"
                "The job goes on without this command: Ctrl-C ends the wait (130), not the job.\n"
                "\n"
                "Options:\n"
                "      --timeout-ms N       wait that long at most; the job goes on (for ever)\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP
                COMMON_HELP,
};
