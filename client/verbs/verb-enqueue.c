/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs enqueue: submits a command and prints the job ID. */

#include "foreground.h"
#include "request-options.h"
#include "say.h"
#include "verbs.h"

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                REQUEST_LIMIT_OPTIONS,
                REQUEST_COMMAND_OPTIONS,
                {},
        };
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_options_ RequestOptions request_options = {};
        _cleanup_request_ Request request = REQUEST_INIT;
        int option, r;

        while ((r = option_next(&verb_enqueue, common, argc, argv, "+:" COMMON_LETTERS REQUEST_LETTERS, options,
                                &option)) == 0) {
                r = request_option(&verb_enqueue, &request_options, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (optind >= argc)
                return usage_error(&verb_enqueue, "No command given");
        if (!*argv[optind])
                return usage_error(&verb_enqueue, "The command name is empty");

        request.argv = argv + optind;
        r = request_from_options(&request_options, &request, &error);
        if (r < 0)
                return say_error(&error, r);
        return run_in_background(common, &request, false);
}

const Verb verb_enqueue = {
        .name = "enqueue",
        .run = run,
        .help = "codex-jobs enqueue [options] -- COMMAND [ARGUMENT…]\n"
                "\n"
                "Submit a command as a job and print the job ID. The job is on disk when this returns.\n"
                "\n"
                "The exit status is 0, or 125 on failure. If the job was submitted nevertheless, its ID is\n"
                "shown on stderr.\n"
                "\n"
                "Options:\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP
                COMMON_HELP,
};
