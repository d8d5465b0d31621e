/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs enqueue: hands over a command and prints the id of the job. */

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
                return usage_error(&verb_enqueue, "no command given");
        if (!*argv[optind])
                return usage_error(&verb_enqueue, "the command is empty: name the program to run");

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
                "Records a command as a job and prints its id. The job is on disk when this returns.\n"
                "Exits with 0, or with 125 when it failed: stderr says why, and names the job if that was\n"
                "recorded all the same.\n"
                "\n"
                "Options:\n"
                REQUEST_LIMIT_HELP
                REQUEST_COMMAND_HELP
                COMMON_HELP,
};
