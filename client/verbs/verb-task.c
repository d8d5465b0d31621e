/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs task: hands a prompt to Codex, as a job. */

#include "codex-options.h"
#include "say.h"
#include "task.h"
#include "thread.h"
#include "verbs.h"

enum {
        OPTION_WRITE = OPTION_CODEX_END,
        OPTION_PROMPT_FILE,
        OPTION_RESUME,
        OPTION_RESUME_LAST,
        OPTION_FRESH,
};

typedef struct TaskOptions {
        Task task;
        CodexOptions codex;
        const char *resume; /* a thread, or a job that worked on it */
        bool resume_last;
        bool fresh;
        char *thread;
} TaskOptions;

static void task_options_clear(TaskOptions *o) {
        task_clear(&o->task);
        request_options_clear(&o->codex.request);
        free(o->thread);
}

static int task_option(TaskOptions *o, int option) {
        switch (option) {
        case OPTION_WRITE:
                o->task.write = true;
                return 1;
        case OPTION_PROMPT_FILE:
                o->task.prompt_file = optarg;
                return 1;
        case OPTION_RESUME:
                o->resume = optarg;
                return 1;
        case OPTION_RESUME_LAST:
                o->resume_last = true;
                return 1;
        case OPTION_FRESH:
                o->fresh = true;
                return 1;
        default:
                return codex_option(&verb_task, &o->codex, option);
        }
}

static int find_thread(TaskOptions *o, const Common *common, const Request *request, sd_bus_error *error) {
        int r = 0;

        if (o->resume)
                r = thread_find(common, o->resume, &o->thread, error);
        else if (o->resume_last)
                r = thread_find_last(common, request->workspace, &o->thread, error);
        o->task.thread = o->thread;
        return r;
}

static int task(TaskOptions *o, const Common *common) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Request request = REQUEST_INIT;
        int r;

        o->task.model = o->codex.model;
        o->task.effort = o->codex.effort;
        r = request_from_options(&o->codex.request, &request, &error);
        if (r >= 0)
                r = find_thread(o, common, &request, &error);
        if (r >= 0)
                r = task_to_request(&o->task, &request, &error);
        return r < 0 ? say_error(&error, r) : codex_run(&o->codex, common, &request);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                CODEX_OPTIONS,
                { "write", no_argument, NULL, OPTION_WRITE },
                { "prompt-file", required_argument, NULL, OPTION_PROMPT_FILE },
                { "resume", required_argument, NULL, OPTION_RESUME },
                { "resume-last", no_argument, NULL, OPTION_RESUME_LAST },
                { "fresh", no_argument, NULL, OPTION_FRESH },
                {},
        };
        _cleanup_(task_options_clear) TaskOptions o = { .codex = CODEX_OPTIONS_INIT };
        int option, r;

        while ((r = option_next(&verb_task, common, argc, argv, ":" COMMON_LETTERS CODEX_LETTERS, options,
                                &option)) == 0) {
                r = task_option(&o, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (!!o.resume + o.resume_last + o.fresh > 1)
                return usage_error(&verb_task, "give one of --resume, --resume-last and --fresh");
        if (o.task.write && o.codex.read_only)
                return usage_error(&verb_task, "--write and --read-only exclude each other");
        r = codex_options_check(&verb_task, &o.codex);
        if (r != 0)
                return r;
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
                "--background what Codex does is told as it does it, and its last message is printed. The\n"
                "exit status is the job's, as for 'codex-jobs run'. $CODEX_JOBS_CODEX names another codex\n"
                "than the one in your PATH.\n"
                "\n"
                "Options:\n"
                "      --write              let Codex change files\n"
                "      --resume ID          go on with a thread of Codex; ID is the thread's, or that of a\n"
                "                           job that worked on it\n"
                "      --resume-last        go on with the thread of the last task of this workspace\n"
                "      --fresh              begin a new thread (so without an option)\n"
                "      --prompt-file FILE   read the prompt from a file\n"
                CODEX_HELP
                REQUEST_LIMIT_HELP
                COMMON_HELP,
};
