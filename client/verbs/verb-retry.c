/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs retry: runs the command of a finished job again, as a new job. */

#include "foreground.h"
#include "request-options.h"
#include "say.h"
#include "verbs.h"

enum {
        OPTION_BACKGROUND = OPTION_REQUEST_END,
        OPTION_AWAIT,
        OPTION_TIMEOUT_MS,
};

#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)

typedef struct Retry {
        RequestOptions request;
        bool background;
        bool await;
        uint64_t timeout_usec; /* USEC_INFINITY: not given */
} Retry;

static int retry_option(Retry *o, int option) {
        switch (option) {
        case OPTION_BACKGROUND:
                o->background = true;
                return 0;
        case OPTION_AWAIT:
                o->await = true;
                return 0;
        case OPTION_TIMEOUT_MS:
                return option_milliseconds(&verb_retry, "timeout-ms", &o->timeout_usec);
        default:
                return request_option(&verb_retry, &o->request, option);
        }
}

static int retry(const Retry *o, const Common *common, const char *id) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Request request = REQUEST_INIT;
        int r;

        request.retry_of = id;
        r = request_again_from_options(&o->request, &request, &error);
        if (r < 0)
                return say_error(&error, r);
        if (o->await)
                return run_and_await(common, &request,
                                     o->timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : o->timeout_usec, 0);
        return run_in_background(common, &request, o->background);
}

static int parse(Retry *o, int argc, char *argv[], Common *common, int *ret_status) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                REQUEST_AGAIN_OPTIONS,
                { "stdin", required_argument, NULL, OPTION_STDIN },
                { "background", no_argument, NULL, OPTION_BACKGROUND },
                { "await", no_argument, NULL, OPTION_AWAIT },
                { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },
                {},
        };
        int option, r;

        while ((r = option_next(&verb_retry, common, argc, argv, ":" COMMON_LETTERS "E:", options, &option)) == 0) {
                r = retry_option(o, option);
                if (r < 0) {
                        *ret_status = r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
                        return r;
                }
        }
        *ret_status = option;
        if (r < 0)
                return r;
        if (o->timeout_usec != USEC_INFINITY && !o->await)
                *ret_status = usage_error(&verb_retry, "--timeout-ms requires --await");
        else if (argc - optind == 1)
                return 0;
        else if (optind >= argc)
                *ret_status = usage_error(&verb_retry, "No job ID given, see 'codex-jobs list'");
        else
                *ret_status = usage_error(&verb_retry, "'retry' takes one job ID, not %d", argc - optind);
        return -EINVAL;
}

static int run(int argc, char *argv[], Common *common) {
        Retry o = { .timeout_usec = USEC_INFINITY };
        int status, r;

        r = parse(&o, argc, argv, common, &status);
        if (r >= 0)
                status = retry(&o, common, argv[optind]);
        request_options_clear(&o.request);
        return status;
}

const Verb verb_retry = {
        .name = "retry",
        .run = run,
        .help = "codex-jobs retry [options] ID\n"
                "\n"
                "Run the command of a finished job again, as a new job with the same directory, kind, label\n"
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
                REQUEST_AGAIN_HELP
                COMMON_HELP,
};
