/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs list: jobs by time, state and kind, for looking back and for scripts. */

#include "answer.h"
#include "job-id.h"
#include "render.h"
#include "say.h"
#include "since.h"
#include "suggest.h"
#include "time-util.h"
#include "verbs.h"
#include "write.h"

enum {
        OPTION_SINCE = OPTION_VERB,
        OPTION_STATE,
        OPTION_KIND_OF,
        OPTION_SESSION,
        OPTION_ALL,
        OPTION_LIMIT,
};

typedef struct List {
        const Common *common;
        Client *client;
        bool all;
        JobFilter filter;
        char *workspace;
        sd_bus_error error;
} List;

static void list_clear(List *s) {
        (void) client_free(s->client);
        free(s->workspace);
        sd_bus_error_free(&s->error);
}

/* ---- How they are shown ---- */

static int show_json(List *s, const JobList *list) {
        _cleanup_free_ const JobRecord **records = calloc(list->n + 1, sizeof(JobRecord *));

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++)
                records[i] = &list->records[i];
        return answer_json(s->client, records, NULL, list->n, false, NEXT_RESULT, &s->error);
}

static int put_jobs(const List *s, FILE *f, const JobList *list) {
        if (!s->common->quiet)
                return list->n > 0 ? render_history(f, list->records, list->n, terminal_width()) : 0;
        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "%s\n", list->records[i].id);
        return 0;
}

static int show_text(List *s, const JobList *list) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        r = put_jobs(s, f, list);
        if (r < 0)
                return r;
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        r = write_stdout(text, size, &s->error);
        if (r >= 0 && list->n == 0 && !s->common->quiet)
                say(s->all ? "No matching jobs found." :
                             "No matching jobs found in this workspace. Use --all for all workspaces.");
        return r;
}

static int list(List *s) {
        _cleanup_job_list_ JobList jobs = {};
        int r;

        if (!s->all) {
                r = workspace_here(&s->workspace, &s->error);
                if (r < 0)
                        return r;
                s->filter.workspace = s->workspace;
        }
        r = common_connect(s->common, &s->client, &s->error);
        if (r >= 0)
                r = job_list(s->client, &s->filter, &jobs, &s->error);
        if (r < 0)
                return r;
        return s->common->json ? show_json(s, &jobs) : show_text(s, &jobs);
}

/* ---- Options ---- */

static int since_option(List *s) {
        int r;

        r = parse_since(optarg, now_realtime(), &s->filter.since_usec);
        if (r == -ERANGE)
                (void) usage_error(&verb_list, "Invalid value '%.64s' for --since: must be in the past", optarg);
        else if (r < 0)
                (void) usage_error(&verb_list,
                                   "Invalid value '%.64s' for --since: must be a time, for example 2h, today, "
                                   "yesterday, 12:30, 2026-11-01 or '2026-11-01 12:30'",
                                   optarg);
        return r;
}

static int unknown_state(void) {
        Suggestion s = { .word = optarg };

        for (JobState state = 0; state < _JOB_STATE_MAX; state++)
                suggest_name(&s, job_state_to_string(state));
        if (s.name)
                (void) usage_error(&verb_list, "Unknown state '%.64s', did you mean '%s'?", optarg, s.name);
        else
                (void) usage_error(&verb_list,
                                   "Invalid value '%.64s' for --state: must be queued, running, completed, failed or "
                                   "cancelled",
                                   optarg);
        return -EINVAL;
}

static int state_option(List *s) {
        JobState state = job_state_from_string(optarg);

        if (state < 0)
                return unknown_state();
        s->filter.states |= JOB_STATE_BIT(state);
        return 0;
}

static int kind_option(List *s) {
        if (!job_kind_is_valid(optarg)) {
                (void) usage_error(&verb_list, "Invalid value '%.48s' for --kind: must be a kind, for example job or task",
                                   optarg);
                return -EINVAL;
        }
        s->filter.kind = optarg;
        return 0;
}

static int list_option(List *s, int option) {
        switch (option) {
        case OPTION_SINCE:
                return since_option(s);
        case OPTION_STATE:
                return state_option(s);
        case OPTION_KIND_OF:
                return kind_option(s);
        case OPTION_SESSION:
                s->filter.session = optarg;
                return 0;
        case OPTION_ALL:
                s->all = true;
                return 0;
        default:
                return option_number(&verb_list, "limit", 1, UINT32_MAX, &s->filter.limit);
        }
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                { "since", required_argument, NULL, OPTION_SINCE },
                { "state", required_argument, NULL, OPTION_STATE },
                { "kind", required_argument, NULL, OPTION_KIND_OF },
                { "session", required_argument, NULL, OPTION_SESSION },
                { "all", no_argument, NULL, OPTION_ALL },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                {},
        };
        _cleanup_(list_clear) List s = { .common = common };
        int option, r;

        while ((r = option_next(&verb_list, common, argc, argv, ":" COMMON_LETTERS, options, &option)) == 0)
                if (list_option(&s, option) < 0)
                        return STATUS_OWN_FAILURE;
        if (r < 0)
                return option;
        if (optind < argc)
                return usage_error(&verb_list, "'list' takes no job ID; use 'codex-jobs show ID'");
        r = list(&s);
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : 0;
}

const Verb verb_list = {
        .name = "list",
        .run = run,
        .help = "codex-jobs list [options]\n"
                "\n"
                "List all jobs of this workspace that match, in the order in which they were submitted, the\n"
                "newest first. With --quiet: only job IDs, for scripts.\n"
                "\n"
                "Options:\n"
                "      --since TIME         Only jobs submitted since then: 2h, today, yesterday,\n"
                "                           12:30, 2026-11-01, or '2026-11-01 12:30'\n"
                "      --state WORD         Only jobs in state: queued, running, completed, failed, cancelled\n"
                "      --kind WORD          Only jobs of this kind, for example job or task\n"
                "      --session NAME       Only jobs of this session\n"
                "      --all                Jobs of all workspaces; for root, also of all users\n"
                "      --limit N            Show at most N jobs\n"
                COMMON_HELP,
};
