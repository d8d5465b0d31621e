/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs task: has Codex work on a prompt, as a job. */

#include "answer.h"
#include "clean.h"
#include "codex-options.h"
#include "foreground.h"
#include "job-id.h"
#include "job-thread.h"
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
};

static struct {
        Task task;
        CodexOptions codex;
        const char *resume; /* a thread, or a job that worked on it */
        bool resume_last;
        bool fresh;
        bool candidate;
        Spec request;
} given = { .codex = CODEX_OPTIONS_INIT, .request = REQUEST_INIT };

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_WRITE:
                given.task.write = true;
                return 0;
        case OPTION_PROMPT_FILE:
                given.task.prompt_file = optarg;
                return 0;
        case OPTION_RESUME:
                given.resume = optarg;
                return 0;
        case OPTION_RESUME_LAST:
                given.resume_last = true;
                return 0;
        case OPTION_FRESH:
                given.fresh = true;
                return 0;
        case OPTION_RESUME_CANDIDATE:
                given.candidate = true;
                return 0;
        default:
                return codex_option(verb, &given.codex, option);
        }
}

static bool may_be_id(const char *word) {
        return *word != '-' && (thread_id_is_valid(word) || job_id_prefix_is_valid(word));
}

/* --resume without the ID of a thread or a job after it is --resume-last, and what follows is the prompt. */
static void find_bare_resume(int argc, char *argv[]) {
        for (int i = 1; i < argc && !streq(argv[i], "--"); i++)
                if (streq(argv[i], "--resume") && (i + 1 == argc || !may_be_id(argv[i + 1])))
                        argv[i] = (char *) "--resume-last";
}

static int check(Invocation *in) {
        Task *task = &given.task;
        int r;

        if (!!given.resume + given.resume_last + given.fresh > 1)
                return usage_error(in->verb, "--resume, --resume-last and --fresh cannot be combined");
        if (task->write && given.codex.read_only)
                return usage_error(in->verb, "--write and --read-only cannot be combined");
        if (given.candidate)
                return in->n_arguments > 0 ? usage_error(in->verb, "--resume-candidate takes no prompt") : 0;
        r = codex_options_check(in->verb, &given.codex);
        if (r != 0)
                return r;
        task->prompt = in->arguments;
        task->n_prompt = in->n_arguments;
        task->resume = given.resume || given.resume_last;
        task->model = given.codex.model;
        task->effort = given.codex.effort;
        r = request_from_options(&given.codex.request, &given.request, &in->error);
        if (r >= 0)
                r = task_read_prompt(task, &given.request, &in->error);
        return r < 0 || task->resume ? r : task_to_request(task, &given.request, &in->error);
}

/* ---- --resume-candidate ---- */

static int put_candidate(FILE *f, void *userdata) {
        const JobRecord *record = userdata;
        _cleanup_free_ char *label = one_line(strempty(record->label));

        if (!label)
                return -ENOMEM;
        if (record->id)
                (void) fprintf(f, "%s: %s\n", record->id, label);
        return 0;
}

/* What --resume would continue. That there is nothing is an answer, too. */
static int show_candidate(Invocation *in) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *workspace = NULL;
        int r;

        r = workspace_here(&workspace, &in->error);
        if (r < 0)
                return r;
        r = thread_find_last_job(in->client, workspace, &record, &in->error);
        if (r < 0 && r != -EINVAL)
                return r;
        if (r < 0 && !in->quiet && !in->json)
                (void) say_error(&in->error, r);
        if (in->json)
                return answer_json(in->client, &(const JobRecord *) { &record }, NULL, record.id ? 1 : 0, false, NEXT_SHOWN,
                                   &in->error);
        return write_text(put_candidate, &record, &in->error);
}

/* ---- The task ---- */

static bool has_own_prompt(const Task *task) {
        return task->prompt_file || (task->n_prompt > 0 && !streq(task->prompt[0], "-"));
}

static int run(Invocation *in) {
        _cleanup_free_ char *thread = NULL;
        int r = 0;

        if (given.candidate)
                return show_candidate(in);
        if (given.resume)
                r = thread_find(in->client, given.resume, &thread, &in->error);
        else if (given.resume_last)
                r = thread_find_last(in->client, given.request.workspace, &thread, &in->error);
        given.task.thread = thread;
        if (r >= 0 && given.task.resume)
                r = task_to_request(&given.task, &given.request, &in->error);
        if (r >= 0 && has_own_prompt(&given.task) && stdin_has_data())
                say_hint("Standard input is not read, since a prompt is given. To pass it, make it part of the prompt, or "
                         "save it in a file.");
        return r < 0 ? r : run_as_asked(in, &given.request, &given.codex.stay);
}

const Verb verb_task = {
        .name = "task",
        .arguments = "[PROMPT|-]",
        .max = ARGUMENTS_ANY,
        .flags = VERB_PROSE | VERB_HERE,
        .options = (const struct option[]) {
                CODEX_OPTIONS,
                { "write", no_argument, NULL, OPTION_WRITE },
                { "prompt-file", required_argument, NULL, OPTION_PROMPT_FILE },
                { "resume", required_argument, NULL, OPTION_RESUME },
                { "resume-last", no_argument, NULL, OPTION_RESUME_LAST },
                { "fresh", no_argument, NULL, OPTION_FRESH },
                { "resume-candidate", no_argument, NULL, OPTION_RESUME_CANDIDATE },
                {},
        },
        .rewrite = find_bare_resume,
        .option = option,
        .check = check,
        .run = run,
        .summary = "Have Codex work on a prompt",
        .help = "Have Codex (codex exec) work on a prompt, as a job. The prompt is given on the command line,\n"
                "in a file, or on standard input. It may start with '- ', as a list does; use '--' before other\n"
                "text that starts with a dash. Codex may read the workspace; with --write it may change it.\n"
                "Without --background, the activity of Codex is shown, then its last message.\n"
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
                REQUEST_LIMIT_HELP,
};
