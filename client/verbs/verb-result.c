/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs result: shows the result of a finished job. */

#include "answer.h"
#include "bounds.h"
#include "own-job.h"
#include "render.h"
#include "verbs.h"

static Bounds given = { .max_bytes = UINT64_MAX, .tail = UINT64_MAX };

static int option(const Verb *verb, int option) {
        return bounds_option(verb, &given, option);
}

static int none_ended(Invocation *in) {
        const char *session = session_here(), *scope = client_scope_option(in->client);

        if (session)
                return error_set(&in->error,
                                 "No finished job of this session (%s is '%.64s') in this workspace. List jobs of all "
                                 "sessions with 'codex-jobs list%s'.",
                                 session_variable(), session, scope);
        return error_set(&in->error,
                         "No finished job in this workspace. List active jobs with 'codex-jobs status%s', or those of "
                         "all workspaces with 'codex-jobs status --all%s'.",
                         scope, scope);
}

/* The job that finished last. */
static int find_newest(Invocation *in, JobRecord *ret) {
        _cleanup_job_list_ JobList list = {};
        JobRecord *newest;
        int r;

        r = job_list_here(in->client, false, &list, &in->error);
        if (r < 0)
                return r;
        if (list.n == 0)
                return none_ended(in);
        newest = &list.records[0];
        for (size_t i = 1; i < list.n; i++)
                if (list.records[i].sequence > newest->sequence)
                        newest = &list.records[i];
        *ret = *newest;
        *newest = JOB_RECORD_INIT;
        return 0;
}

static int not_over(Invocation *in, const JobRecord *record) {
        int r = own_job_check(record, &in->error);
        _cleanup_free_ char *activity = render_activity(record);
        _cleanup_free_ char *command = next_command(in->client, "await", &(const char *) { record->id }, 1, "");

        if (r < 0)
                return r;
        if (!activity || !command)
                return -ENOMEM;
        return error_set(&in->error, "Job %s has not finished (%s). Wait with: %s", record->id, activity, command);
}

static int write_document(Invocation *in, const JobRecord *record) {
        _cleanup_(json_extra_clear) JsonExtra extra = { .output = true };
        int r;

        r = answer_read_output(in->client, record, &given, &extra, &in->error);
        if (r < 0)
                return r;
        return answer_json(in->client, &record, &extra, 1, true, NEXT_SHOWN, &in->error);
}

static int run(Invocation *in) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        if (in->n_arguments > 0)
                r = job_get(in->client, in->arguments[0], &record, &in->error);
        else
                r = find_newest(in, &record);
        if (r < 0)
                return r;
        if (!job_state_is_terminal(record.state))
                return not_over(in, &record);
        r = in->json ? write_document(in, &record) : answer_result(in->client, &record, &given, &in->error);
        return r < 0 ? r : job_exit_status(&record);
}

const Verb verb_result = {
        .name = "result",
        .arguments = "[ID]",
        .max = 1,
        .options = (const struct option[]) { BOUNDS_OPTIONS, {} },
        .option = option,
        .run = run,
        .summary = "Show the result of a finished job",
        .help = "Show the result of a finished job, like 'codex-jobs await', and exit with its status; 125\n"
                "if it has not finished. Without an ID: the job of this workspace, and of\n"
                "$CODEX_JOBS_SESSION if set, that finished last.\n"
                "\n"
                "Options:\n"
                BOUNDS_HELP,
};
