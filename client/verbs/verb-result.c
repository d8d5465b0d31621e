/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs result: what a job that ended left behind. */

#include "answer.h"
#include "bounds.h"
#include "render.h"
#include "say.h"
#include "verbs.h"

typedef struct Result {
        const Common *common;
        Client *client;
        JobRecord record;
        Bounds bounds;
        sd_bus_error error;
} Result;

static void result_clear(Result *s) {
        (void) client_free(s->client);
        job_record_clear(&s->record);
        sd_bus_error_free(&s->error);
}

static int none_ended(Result *s) {
        const char *session = session_here(), *scope = client_scope_option(s->client);

        if (session)
                return error_set(&s->error,
                                 "No finished job of this session (%s is '%.64s') in this workspace. List jobs of all "
                                 "sessions with 'codex-jobs list%s'.",
                                 session_variable(), session, scope);
        return error_set(&s->error,
                         "No finished job in this workspace. List active jobs with 'codex-jobs status%s', or those of "
                         "all workspaces with 'codex-jobs status --all%s'.",
                         scope, scope);
}

/* The one that ended last. */
static int find_newest(Result *s) {
        _cleanup_job_list_ JobList list = {};
        JobRecord *newest;
        int r;

        r = job_list_here(s->client, false, &list, &s->error);
        if (r < 0)
                return r;
        if (list.n == 0)
                return none_ended(s);
        newest = &list.records[0];
        for (size_t i = 1; i < list.n; i++)
                if (list.records[i].sequence > newest->sequence)
                        newest = &list.records[i];
        s->record = *newest;
        *newest = JOB_RECORD_INIT;
        return 0;
}

static int not_over(Result *s) {
        _cleanup_free_ char *activity = render_activity(&s->record);
        _cleanup_free_ char *command = next_command(s->client, "await", &(const char *) { s->record.id }, 1, "");

        if (!activity || !command)
                return -ENOMEM;
        return error_set(&s->error, "Job %s has not finished (%s). Wait with: %s", s->record.id, activity, command);
}

static int write_document(Result *s) {
        _cleanup_(json_extra_clear) JsonExtra extra = { .output = true };
        int r;

        r = answer_read_output(s->client, &s->record, &s->bounds, &extra, &s->error);
        if (r < 0)
                return r;
        return answer_json(s->client, &(const JobRecord *) { &s->record }, &extra, 1, true, NEXT_SHOWN, &s->error);
}

static int result(Result *s, const char *id) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r < 0)
                return r;
        r = id ? job_get(s->client, id, &s->record, &s->error) : find_newest(s);
        if (r < 0)
                return r;
        if (!job_state_is_terminal(s->record.state))
                return not_over(s);
        if (s->common->json)
                return write_document(s);
        return answer_result(s->client, &s->record, &s->bounds, &s->error);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = { COMMON_OPTIONS, BOUNDS_OPTIONS, {} };
        _cleanup_(result_clear) Result s = { .common = common, .record = JOB_RECORD_INIT, .bounds = BOUNDS_NONE };
        int option, r;

        while ((r = option_next(&verb_result, common, argc, argv, ":" COMMON_LETTERS BOUNDS_LETTERS, options,
                                &option)) == 0)
                if (bounds_option(&verb_result, &s.bounds, option) < 0)
                        return STATUS_OWN_FAILURE;
        if (r < 0)
                return option;
        if (argc - optind > 1)
                return usage_error(&verb_result, "'result' takes one job ID, not %d", argc - optind);
        r = result(&s, argv[optind]);
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : job_exit_status(&s.record);
}

const Verb verb_result = {
        .name = "result",
        .run = run,
        .help = "codex-jobs result [options] [ID]\n"
                "\n"
                "Show the result of a finished job, like 'codex-jobs await', and exit with its status; 125\n"
                "if it has not finished. Without an ID: the job of this workspace, and of\n"
                "$CODEX_JOBS_SESSION if set, that finished last.\n"
                "\n"
                "Options:\n"
                BOUNDS_HELP
                COMMON_HELP,
};
