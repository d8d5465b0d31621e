/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs task: hands a prompt to Codex, as a job. */

#include "foreground.h"
#include "request-options.h"
#include "say.h"
#include "task.h"

enum {
        OPTION_BACKGROUND = OPTION_REQUEST_END,
        OPTION_AWAIT,
        OPTION_WRITE,
        OPTION_EFFORT,
        OPTION_PROMPT_FILE,
        OPTION_TIMEOUT_MS,
        OPTION_POLL_INTERVAL_MS,
};

#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)

typedef struct TaskOptions {
        Task task;
        RequestOptions request;
        bool background;
        bool await;
        uint64_t timeout_usec;
        uint64_t poll_usec;
} TaskOptions;

static void task_options_clear(TaskOptions *o) {
        task_clear(&o->task);
        request_options_clear(&o->request);
}

static int task_option(TaskOptions *o, int option) {
        switch (option) {
        case OPTION_BACKGROUND:
                o->background = true;
                return 1;
        case OPTION_AWAIT:
                o->await = true;
                return 1;
        case OPTION_WRITE:
                o->task.write = true;
                return 1;
        case 'm':
                o->task.model = optarg;
                return 1;
        case OPTION_EFFORT:
                o->task.effort = optarg;
                return 1;
        case OPTION_PROMPT_FILE:
                o->task.prompt_file = optarg;
                return 1;
        case OPTION_TIMEOUT_MS:
                return option_milliseconds(&verb_task, "timeout-ms", &o->timeout_usec);
        case OPTION_POLL_INTERVAL_MS:
                return option_milliseconds(&verb_task, "poll-interval-ms", &o->poll_usec);
        default:
                return request_option(&verb_task, &o->request, option);
        }
}

static int task(TaskOptions *o, Common *common) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Request request = REQUEST_INIT;
        int r;

        r = request_from_options(&o->request, &request, &error);
        if (r >= 0)
                r = task_to_request(&o->task, &request, &error);
        if (r < 0)
                return say_error(&error, r);
        if (o->await)
                return run_and_await(common, &request, o->timeout_usec, o->poll_usec);
        if (o->background)
                return run_in_background(common, &request, true);
        return run_in_foreground(common, &request, o->timeout_usec);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                REQUEST_LIMIT_OPTIONS,
                { "background", no_argument, NULL, OPTION_BACKGROUND },
                { "await", no_argument, NULL, OPTION_AWAIT },
                { "write", no_argument, NULL, OPTION_WRITE },
                { "model", required_argument, NULL, 'm' },
                { "effort", required_argument, NULL, OPTION_EFFORT },
                { "prompt-file", required_argument, NULL, OPTION_PROMPT_FILE },
                { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },
                { "poll-interval-ms", required_argument, NULL, OPTION_POLL_INTERVAL_MS },
                {},
        };
        _cleanup_(task_options_clear) TaskOptions o = { .timeout_usec = TIMEOUT_DEFAULT };
        int option, r;

        while ((r = option_next(&verb_task, common, argc, argv, ":" COMMON_LETTERS REQUEST_LETTERS "m:", options,
                                &option)) == 0) {
                r = task_option(&o, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        o.task.prompt = argv + optind;
        o.task.n_prompt = (size_t) (argc - optind);
        return task(&o, common);
}

const Verb verb_task = {
        .name = "task",
        .run = run,
        .help = "codex-jobs task [options] [PROMPT|-]\n"
                "\n"
                "Has Codex (codex exec) work on a prompt, as a job. The prompt is on the command line, in a\n"
                "file, or piped in. Codex may read the workspace; with --write it may change it. Without\n"
                "--background what Codex writes is passed on as it writes it. The exit status is the job's,\n"
                "as for 'codex-jobs run'.\n"
                "\n"
                "Options:\n"
                "      --background         print the id and the command that waits, and return at once\n"
                "      --await              wait with progress lines on stderr, then print the result\n"
                "      --write              let Codex change files\n"
                "  -m, --model MODEL        the model Codex uses\n"
                "      --effort WORD        how hard it thinks: none, minimal, low, medium, high, xhigh, max\n"
                "      --prompt-file FILE   read the prompt from a file\n"
                "      --timeout-ms N       wait that long at most, the job goes on (6 hours)\n"
                "      --poll-interval-ms N with --await: read the state that often, too\n"
                REQUEST_LIMIT_HELP
                COMMON_HELP,
};
