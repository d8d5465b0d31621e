/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs list: jobs by time, state and kind, for looking back and for scripts. */

#include "answer.h"
#include "job-id.h"
#include "render.h"
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

static struct {
        bool all;
        JobFilter filter;
} given;

/* ---- Options ---- */

static int since_option(const Verb *verb) {
        int r;

        r = parse_since(optarg, now_realtime(), &given.filter.since_usec);
        if (r == -ERANGE)
                (void) usage_error(verb, "Invalid value '%.64s' for --since: must be in the past", optarg);
        else if (r < 0)
                (void) usage_error(verb,
                                   "Invalid value '%.64s' for --since: must be a time, for example 2h, today, "
                                   "yesterday, 12:30, 2026-11-01 or '2026-11-01 12:30'",
                                   optarg);
        return r;
}

static int unknown_state(const Verb *verb) {
        Suggestion s = { .word = optarg };

        for (JobState state = 0; state < _JOB_STATE_MAX; state++)
                suggest_name(&s, job_state_to_string(state));
        if (s.name)
                (void) usage_error(verb, "Unknown state '%.64s', did you mean '%s'?", optarg, s.name);
        else
                (void) usage_error(verb,
                                   "Invalid value '%.64s' for --state: must be queued, running, completed, failed or "
                                   "cancelled",
                                   optarg);
        return -EINVAL;
}

static int state_option(const Verb *verb) {
        JobState state = job_state_from_string(optarg);

        if (state < 0)
                return unknown_state(verb);
        given.filter.states |= JOB_STATE_BIT(state);
        return 0;
}

static int kind_option(const Verb *verb) {
        if (!job_kind_is_valid(optarg)) {
                (void) usage_error(verb, "Invalid value '%.48s' for --kind: must be a kind, for example job or task",
                                   optarg);
                return -EINVAL;
        }
        given.filter.kind = optarg;
        return 0;
}

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_SINCE:
                return since_option(verb);
        case OPTION_STATE:
                return state_option(verb);
        case OPTION_KIND_OF:
                return kind_option(verb);
        case OPTION_SESSION:
                return option_session(verb, &given.filter.session);
        case OPTION_ALL:
                given.all = true;
                return 0;
        default:
                return option_number(verb, "limit", 1, UINT32_MAX, &given.filter.limit);
        }
}

/* ---- How they are shown ---- */

static int show_json(Invocation *in, const JobList *list) {
        _cleanup_free_ const JobRecord **records = job_list_records(list);

        if (!records)
                return -ENOMEM;
        return answer_json(in->client, records, NULL, list->n, false, NEXT_RESULT, &in->error);
}

static int put_table(FILE *f, void *userdata) {
        const JobList *list = userdata;

        return list->n > 0 ? render_history(f, list->records, list->n, terminal_width()) : 0;
}

static int put_ids(FILE *f, void *userdata) {
        const JobList *list = userdata;

        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "%s\n", list->records[i].id);
        return 0;
}

static int run(Invocation *in) {
        _cleanup_job_list_ JobList list = {};
        _cleanup_free_ char *workspace = NULL;
        int r;

        given.all = given.all || client_remote(in->client); /* workspaces are of this host */
        if (!given.all) {
                r = workspace_here(&workspace, &in->error);
                if (r < 0)
                        return r;
                given.filter.workspace = workspace;
        }
        r = job_list(in->client, &given.filter, &list, &in->error);
        if (r < 0)
                return r;
        if (in->json)
                return show_json(in, &list);
        r = write_text(in->quiet ? put_ids : put_table, &list, &in->error);
        if (r >= 0 && list.n == 0 && !in->quiet)
                say(given.all ? "No matching jobs found." :
                                "No matching jobs found in this workspace. Use --all for all workspaces.");
        return r;
}

const Verb verb_list = {
        .name = "list",
        .arguments = "",
        .surplus = "'list' takes no job ID; use 'codex-jobs show ID'",
        .options = (const struct option[]) {
                { "since", required_argument, NULL, OPTION_SINCE },
                { "state", required_argument, NULL, OPTION_STATE },
                { "kind", required_argument, NULL, OPTION_KIND_OF },
                { "session", required_argument, NULL, OPTION_SESSION },
                { "all", no_argument, NULL, OPTION_ALL },
                { "limit", required_argument, NULL, OPTION_LIMIT },
                {},
        },
        .option = option,
        .run = run,
        .summary = "List jobs by time, state and kind",
        .help = "List all jobs of this workspace that match, in the order in which they were submitted, the\n"
                "newest first. With --quiet: only job IDs, for scripts.\n"
                "\n"
                "Options:\n"
                "      --since TIME         Only jobs submitted since then: 2h, today, yesterday,\n"
                "                           12:30, 2026-11-01, or '2026-11-01 12:30'\n"
                "      --state WORD         Only jobs in state: queued, running, completed, failed, cancelled\n"
                "      --kind WORD          Only jobs of this kind, for example job or task\n"
                "      --session NAME       Only jobs of this session\n"
                "      --all                Jobs of all workspaces; for root, also of all users\n"
                "      --limit N            Show at most N jobs\n",
};
