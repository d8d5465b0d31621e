/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs hold, release and edit: changes of single queued jobs of the caller. */

#include "answer.h"
#include "request-options.h"
#include "verbs.h"
#include "write.h"

/* As they are afterwards. */
static int find_jobs(Invocation *in, JobList *list) {
        list->records = calloc(in->n_arguments, sizeof(JobRecord));
        if (!list->records)
                return -ENOMEM;
        for (; list->n < in->n_arguments; list->n++) {
                int r;

                list->records[list->n] = JOB_RECORD_INIT;
                r = job_get(in->client, in->arguments[list->n], &list->records[list->n], &in->error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int put_held(FILE *f, void *userdata) {
        const JobList *list = userdata;

        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "%s %s\n", list->records[i].id, list->records[i].held ? "held" : "released");
        return 0;
}

static int put_changed(FILE *f, void *userdata) {
        const JobList *list = userdata;

        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "%s changed\n", list->records[i].id);
        return 0;
}

static int show(Invocation *in, JobList *list, int (*put)(FILE *f, void *userdata)) {
        _cleanup_free_ const JobRecord **records = job_list_records(list);

        if (!records)
                return -ENOMEM;
        if (in->json)
                return answer_json(in->client, records, NULL, list->n, list->n == 1, NEXT_ALL, &in->error);
        return in->quiet ? 0 : write_text(put, list, &in->error);
}

/* All of them are looked up first, so that a mistake changes none. */
static int control(Invocation *in, const char *method) {
        _cleanup_job_list_ JobList before = {}, after = {};
        int r;

        r = find_jobs(in, &before);
        for (size_t i = 0; i < before.n && r >= 0; i++)
                r = call_wait(in->client, CALL_AGAIN, method, append_string, before.records[i].id, NULL, &in->error);
        if (r >= 0)
                r = find_jobs(in, &after);
        return r < 0 ? r : show(in, &after, put_held);
}

static int check(Invocation *in) {
        int r = 0;

        for (size_t i = 0; i < in->n_arguments && r >= 0; i++)
                r = check_id(in->arguments[i], &in->error);
        return r;
}

static int hold(Invocation *in) {
        return control(in, "Hold");
}

static int release(Invocation *in) {
        return control(in, "Release");
}

/* --- edit ------------------------------------------------------------------------------------------- */

static struct {
        RequestOptions options;
        bool at_once;
        bool after_none;
} given;

static int edit_option(const Verb *verb, int option) {
        if (option == OPTION_OF_not_before_usec && streq(optarg, "now") && given.options.given.not_before_usec == 0) {
                given.at_once = true;
                return 0;
        }
        if (option == OPTION_OF_after && !*optarg) {
                given.after_none = true;
                return 0;
        }
        return request_option(verb, &given.options, option);
}

static bool is_any_limit_given(void) {
        for (size_t i = 0; i < JOB_LIMITS_ANY_N; i++)
                if (job_limit_get(&given.options.given.limits, &job_limits[i]) > 0)
                        return true;
        return false;
}

static int check_edit(Invocation *in) {
        Spec *changes = &given.options.given;

        if (!given.options.priority_given)
                changes->priority = JOB_PRIORITY_NONE;
        if (given.at_once && changes->not_before_usec > 0)
                return usage_error(in->verb, "--at and --delay can be given only once, and cannot be combined");
        if (given.after_none && changes->after)
                return usage_error(in->verb, "--after '' cannot be combined with another --after");
        if (given.after_none) {
                changes->after = strdup("");
                if (!changes->after)
                        return -ENOMEM;
        }
        if (!given.options.priority_given && !given.at_once && changes->not_before_usec == 0 && !changes->label &&
            !changes->queue && !changes->after && !is_any_limit_given())
                return usage_error(in->verb, "Nothing to change, an option is missing");
        return check(in);
}

static int edit(Invocation *in) {
        EditRequest request = { .changes = &given.options.given, .at_once = given.at_once };
        _cleanup_job_list_ JobList before = {}, after = {};
        int r;

        r = find_jobs(in, &before);
        for (size_t i = 0; i < before.n && r >= 0; i++) {
                request.id = before.records[i].id;
                r = call_wait(in->client, CALL_AGAIN, "Edit", append_edit, &request, NULL, &in->error);
        }
        if (r >= 0)
                r = find_jobs(in, &after);
        return r < 0 ? r : show(in, &after, put_changed);
}

const Verb verb_edit = {
        .name = "edit",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .options = (const struct option[]) {
                { "priority", required_argument, NULL, OPTION_OF_priority },
                { "queue", required_argument, NULL, OPTION_OF_queue },
                { "after", required_argument, NULL, OPTION_OF_after },
                { "at", required_argument, NULL, OPTION_OF_not_before_usec },
                { "delay", required_argument, NULL, OPTION_DELAY },
                { "label", required_argument, NULL, OPTION_OF_label },
                JOB_LIMITS_ANY(LIMIT_ROW)
                {},
        },
        .option = edit_option,
        .check = check_edit,
        .run = edit,
        .summary = "Change queued jobs",
        .help = "Change queued jobs that have not been started yet. What is not given stays as it is.\n"
                "\n"
                "Options:\n"
                "      --priority N         Start before your jobs of lower priority, -1000 to 1000\n"
                "      --queue QUEUE        Move to this queue, see 'codex-jobs queue'\n"
                "      --after ID[:CONDITION]\n"
                "                           Start after that job, see 'codex-jobs enqueue --help', instead\n"
                "                           of what it waited for; '': after none. May be given more than once\n"
                "      --at TIME            Do not start before this time, for example 18:30; now: as\n"
                "                           soon as it is the turn of the job\n"
                "      --delay TIME         Do not start before this time has passed\n"
                "      --label TEXT         Description shown in lists\n"
                JOB_LIMITS_ANY(LIMIT_HELP),
};

/* --- hold, release ---------------------------------------------------------------------------------- */

const Verb verb_hold = {
        .name = "hold",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = hold,
        .summary = "Keep queued jobs from starting",
        .help = "Keep queued jobs from starting until 'codex-jobs release', even across reboots. To hold a\n"
                "job from the beginning, submit it with --hold.\n"
                "\n"
                "Options:\n",
};

const Verb verb_release = {
        .name = "release",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = release,
        .summary = "Let held jobs start",
        .help = "Release jobs that are held: they start when it is their turn.\n"
                "\n"
                "Options:\n",
};
