/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs run: runs a command as a job, passes on its output, and exits with its status. */

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
                return usage_error(&verb_run, "No command given");
        if (!*argv[optind])
                return usage_error(&verb_run, "The command name is empty");

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
                "Run a command as a job, pass on its output, and exit with its status. The job does not\n"
                "depend on this command: Ctrl-C stops the wait (130), and the job keeps running.\n"
                "\n"
                "The exit status is that of the command: its exit code, or 128+n if it was killed by signal\n"
                "n, 126 if it cannot be executed, 127 if it was not found, 143 if the job was cancelled.\n"
                "124: the wait timed out. 125: codex-jobs itself failed.\n"
                "\n"
                "Options:\n"
                "      --timeout-ms N       Stop waiting after N milliseconds (default: never)\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP
                COMMON_HELP,
};
