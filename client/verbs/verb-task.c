/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs task: has Codex work on a prompt, as a job. */

#include "answer.h"
#include "clean.h"
#include "codex-options.h"
#include "job-id.h"
#include "job-thread.h"
#include "say.h"
#include "task.h"
#include "thread.h"
#include "verbs.h"
#include "write.h"

enum {
        OPTION_WRITE = OPTION_CODEX_END,
        OPTION_PROMPT_FILE,
        OPTION_RESUME,
        OPTION_RESUME_LAST,
        OPTION_FRESH,
        OPTION_RESUME_CANDIDATE,
        OPTION_WAIT,
};

typedef struct TaskOptions {
        Task task;
        CodexOptions codex;
        const char *resume; /* a thread, or a job that worked on it */
        bool resume_last;
        bool fresh;
        bool candidate;
        bool wait;
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
        case OPTION_RESUME_CANDIDATE:
                o->candidate = true;
                return 1;
        case OPTION_WAIT:
                o->wait = true;
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

/* ---- --resume-candidate ---- */

static int put_candidate(const Common *common, Client *c, const JobRecord *record, sd_bus_error *error) {
        _cleanup_free_ char *label = one_line(strempty(record->label)), *text = NULL;
        const JobRecord *const records[] = { record };
        int r;

        if (common->json)
                return answer_json(c, records, NULL, record->id ? 1 : 0, false, NEXT_SHOWN, error);
        if (!record->id)
                return 0;
        if (!label)
                return -ENOMEM;
        r = asprintf(&text, "%s: %s\n", record->id, label);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return write_stdout(text, (size_t) r, error);
}

/* What --resume would continue. That there is nothing is an answer, too. */
static int show_candidate(const Common *common) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL, none = SD_BUS_ERROR_NULL;
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_(client_freep) Client *c = NULL;
        _cleanup_free_ char *workspace = NULL;
        int r;

        r = workspace_here(&workspace, &error);
        if (r >= 0)
                r = common_connect(common, &c, &error);
        if (r >= 0)
                r = thread_find_last_job(c, workspace, &record, &none);
        if (r == -EINVAL) { /* there is none, as the error says */
                if (!common->quiet && !common->json)
                        (void) say_error(&none, r);
                r = 0;
        } else if (r < 0)
                (void) sd_bus_error_move(&error, &none);
        if (r >= 0)
                r = put_candidate(common, c, &record, &error);
        return r < 0 ? answer_failure(c, &error, r, NULL, 0) : 0;
}

/* ---- The options ---- */

static bool may_be_id(const char *word) {
        return *word != '-' && (thread_id_is_valid(word) || job_id_prefix_is_valid(word));
}

/* --resume without the id of a thread or a job behind it is --resume-last, and what is behind it is the prompt. */
static void find_bare_resume(int argc, char *argv[]) {
        for (int i = 1; i < argc && !streq(argv[i], "--"); i++)
                if (streq(argv[i], "--resume") && (i + 1 == argc || !may_be_id(argv[i + 1])))
                        argv[i] = (char *) "--resume-last";
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
                { "resume-candidate", no_argument, NULL, OPTION_RESUME_CANDIDATE },
                { "wait", no_argument, NULL, OPTION_WAIT },
                {},
        };
        _cleanup_(task_options_clear) TaskOptions o = { .codex = CODEX_OPTIONS_INIT };
        int option, r;

        find_bare_resume(argc, argv);
        while ((r = option_next(&verb_task, common, argc, argv, ":" COMMON_LETTERS CODEX_LETTERS, options,
                                &option)) == 0) {
                r = task_option(&o, option);
                if (r < 0)
                        return r == -ENOMEM ? say_out_of_memory() : STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (!!o.resume + o.resume_last + o.fresh > 1)
                return usage_error(&verb_task, "--resume, --resume-last and --fresh cannot be combined");
        if (o.task.write && o.codex.read_only)
                return usage_error(&verb_task, "--write and --read-only cannot be combined");
        if (o.candidate && optind < argc)
                return usage_error(&verb_task, "--resume-candidate takes no prompt");
        if (o.candidate)
                return show_candidate(common);
        o.codex.await |= o.codex.background && o.wait;
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
                "Have Codex (codex exec) work on a prompt, as a job. The prompt is given on the command line,\n"
                "in a file, or on standard input. Codex may read the workspace; with --write it may change\n"
                "it. Without --background, the activity of Codex is shown, then its last message.\n"
                "\n"
                "The exit status is that of the job, see 'codex-jobs run --help'. $CODEX_JOBS_CODEX overrides\n"
                "the codex in your PATH.\n"
                "\n"
                "Options:\n"
                "      --write              Let Codex change files\n"
                "      --resume ID          Continue a Codex thread, given by its ID or that of a job;\n"
                "                           without ID, like --resume-last\n"
                "      --resume-last        Continue the thread of the last task of this session, or of\n"
                "                           this workspace outside of a session\n"
                "      --resume-candidate   Show the task that --resume-last would continue, and exit\n"
                "      --fresh              Start a new thread (default)\n"
                "      --prompt-file FILE   Read the prompt from a file\n"
                "      --wait               Wait for the task to finish (default)\n"
                CODEX_HELP
                REQUEST_LIMIT_HELP
                COMMON_HELP,
};
