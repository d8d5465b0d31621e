/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs top: the jobs on the whole terminal. */

#include "answer.h"
#include "top.h"
#include "verbs.h"

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = { COMMON_OPTIONS, {} };
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(client_freep) Client *c = NULL;
        int option, r;

        r = option_next(&verb_top, common, argc, argv, ":" COMMON_LETTERS, options, &option);
        if (r < 0)
                return option;
        if (optind < argc)
                return usage_error(&verb_top, "'top' takes no arguments");
        if (common->json)
                return usage_error(&verb_top, "'top' has no --json; use 'codex-jobs status --json'");
        common->quiet = true; /* the screen says it */
        r = common_connect(common, &c, &error);
        return r < 0 ? answer_failure(c, &error, r, NULL, 0) : top_run(c);
}

const Verb verb_top = {
        .name = "top",
        .run = run,
        .help = "codex-jobs top [options]\n"
                "\n"
                "Monitor and control your jobs of all workspaces (for root, of all users) interactively, with\n"
                "progress, CPU and memory usage of running jobs. Keys:\n"
                "\n"
                "  Up Down j k      Select a job          c   Cancel it\n"
                "  Enter l          Show its output       r   Retry it\n"
                "  /                Filter                p   Pause or resume your queue\n"
                "  ?                Show all keys         q   Quit\n"
                "\n"
                "Options:\n"
                COMMON_TEXT_HELP,
};
