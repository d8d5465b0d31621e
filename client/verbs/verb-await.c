/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs await: waits for jobs to finish, shows their results, and exits with their status. */

#include "answer.h"
#include "bounds.h"
#include "live.h"
#include "progress.h"
#include "verbs.h"
#include "wait.h"

enum {
        OPTION_ANY = OPTION_BOUNDS_END,
        OPTION_ALL,
};

#define GRACE_USEC (5 * USEC_PER_SEC)

static struct {
        bool any;
        bool all;
        uint64_t timeout_usec;
        uint64_t poll_usec;
        Bounds bounds;
} given = { .timeout_usec = TIMEOUT_DEFAULT, .bounds = { .max_bytes = UINT64_MAX, .tail = UINT64_MAX } };

static int option(const Verb *verb, int option) {
        switch (option) {
        case OPTION_ANY:
                given.any = true;
                return 0;
        case OPTION_ALL:
                given.all = true;
                return 0;
        case OPTION_TIMEOUT_MS:
                return option_timeout(verb, &given.timeout_usec);
        case OPTION_POLL_INTERVAL_MS:
                return option_poll_interval(verb, &given.poll_usec);
        default:
                return bounds_option(verb, &given.bounds, option);
        }
}

typedef struct Await {
        Invocation *in; /* not owned */
        Wait *wait;
        Progress *progress;
} Await;

static void await_clear(Await *a) {
        (void) progress_free(a->progress);
        (void) wait_free(a->wait);
}

static int begin(Await *a) {
        char *const *ids = a->in->arguments;
        size_t n = a->in->n_arguments;
        Client *c = a->in->client;
        int r;

        r = client_catch_signals(c);
        if (r < 0)
                return r;
        client_set_patience(c, given.timeout_usec);
        r = client_set_timeout(c, given.timeout_usec);
        if (r < 0)
                return r;
        r = wait_new(c, &(const WaitOptions) { .any = given.any, .poll_usec = given.poll_usec, .only = n == 1 ? ids[0] : NULL },
                     &a->wait);
        if (r < 0)
                return r;
        if (!a->in->json && !a->in->quiet) {
                r = progress_new(c, a->wait, n, 0, &a->progress);
                if (r < 0)
                        return r;
        }
        r = wait_reserve(a->wait, n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = wait_add(a->wait, ids[i]);
        return r;
}

/* Whether the job was given before, perhaps by a different abbreviation of its ID. */
static bool is_repeated(const Await *a, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (streq(wait_job(a->wait, k)->id, wait_job(a->wait, i)->id))
                        return true;
        return false;
}

/* The IDs of unfinished jobs. The caller frees the array. */
static int unfinished(const Await *a, const char ***ret, size_t *ret_n) {
        const char **ids = calloc(wait_count(a->wait) + 1, sizeof(char *));
        size_t n = 0;

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < wait_count(a->wait); i++)
                if (!job_state_is_terminal(wait_job(a->wait, i)->record.state) && !is_repeated(a, i))
                        ids[n++] = wait_job(a->wait, i)->id;
        *ret = ids;
        *ret_n = n;
        return 0;
}

/* ---- Text ---- */

static int say_why_queued(Await *a) {
        size_t n = wait_count(a->wait);
        _cleanup_free_ const JobRecord **records = calloc(n, sizeof(JobRecord *));

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                records[i] = &wait_job(a->wait, i)->record;
        return answer_why_queued(a->in->client, records, n, &a->in->error);
}

static int show_unfinished(Await *a) {
        _cleanup_free_ const char **ids = NULL;
        size_t n;
        int r;

        r = unfinished(a, &ids, &n);
        if (r < 0 || a->in->quiet)
                return r;
        for (size_t i = 0; i < wait_count(a->wait); i++) {
                const WaitedJob *job = wait_job(a->wait, i);

                if (!job->complete || job_state_is_terminal(job->record.state) || is_repeated(a, i))
                        continue;
                r = answer_activity(&job->record);
                if (r < 0)
                        return r;
        }
        r = say_why_queued(a);
        if (r < 0)
                return r;
        return answer_await_command(a->in->client,
                                    n == 1 ? "Timed out; the job keeps running. Reattach with" :
                                             "Timed out; the jobs keep running. Reattach with",
                                    ids, n, given.any);
}

static int show_ended(Await *a) {
        int r;

        for (size_t i = 0; i < wait_count(a->wait); i++) {
                const WaitedJob *job = wait_job(a->wait, i);

                if (!job_state_is_terminal(job->record.state) || is_repeated(a, i))
                        continue;
                if (wait_count(a->wait) > 1 && !a->in->quiet && job->record.state == JOB_COMPLETED)
                        say("%s completed", job->id);
                r = answer_result(a->in->client, &job->record, &given.bounds, &a->in->error);
                if (r < 0)
                        return r;
                if (given.any)
                        break;
        }
        return 0;
}

/* ---- JSON ---- */

static int read_extra(Await *a, const WaitedJob *job, bool timed_out, JsonExtra *extra) {
        bool ended = job_state_is_terminal(job->record.state);

        *extra = (JsonExtra) { .wait_timed_out = timed_out && !ended ? ANSWER_YES : ANSWER_NO, .output = true };
        return ended ? answer_read_output(a->in->client, &job->record, &given.bounds, extra, &a->in->error) : 0;
}

static int write_documents(Await *a, const JobRecord **records, JsonExtra *extras, bool timed_out) {
        bool single;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < wait_count(a->wait); i++) {
                const WaitedJob *job = wait_job(a->wait, i);

                if (!job->complete || is_repeated(a, i) || (given.any && !timed_out && job != wait_first_ended(a->wait)))
                        continue;
                records[n] = &job->record;
                r = read_extra(a, job, timed_out, &extras[n++]);
                if (r < 0)
                        return r;
        }
        client_restore_signals(a->in->client);
        single = n == 1 && (given.any || wait_count(a->wait) == 1);
        return answer_json(a->in->client, records, extras, n, single, NEXT_SHOWN, &a->in->error);
}

static int show_json(Await *a, bool timed_out) {
        size_t n = wait_count(a->wait);
        _cleanup_free_ const JobRecord **records = calloc(n, sizeof(JobRecord *));
        JsonExtra *extras = calloc(n, sizeof(JsonExtra));
        int r = -ENOMEM;

        if (records && extras)
                r = write_documents(a, records, extras, timed_out);
        for (size_t i = 0; extras && i < n; i++)
                json_extra_clear(&extras[i]);
        free(extras);
        return r;
}

/* ---- The end ---- */

static int exit_status(const Await *a) {
        if (given.any)
                return job_exit_status(&wait_first_ended(a->wait)->record);
        for (size_t i = 0; i < wait_count(a->wait); i++)
                if (wait_job(a->wait, i)->record.state != JOB_COMPLETED)
                        return job_exit_status(&wait_job(a->wait, i)->record);
        return 0;
}

/* A signal detaches from the jobs; other failures are reported by the caller. */
static int failure(Await *a, int r) {
        _cleanup_free_ const char **ids = NULL;
        size_t n = 0;

        if (r == -EINTR && a->wait)
                (void) unfinished(a, &ids, &n);
        return n > 0 ? answer_detached(a->in->client, ids, n, given.any) : r;
}

/* The wait timed out, perhaps before the service responded. Waits a short time longer for the current states. */
static int settle(Await *a, bool *ret_timed_out) {
        int r;

        r = client_set_timeout(a->in->client, GRACE_USEC);
        if (r < 0)
                return r;
        r = wait_settle(a->wait, &a->in->error);
        if (r == -ETIMEDOUT)
                return error_set(&a->in->error,
                                 "The service does not respond. Check 'codex-jobs status' before waiting again.");
        *ret_timed_out = !wait_is_over(a->wait);
        return r;
}

static int check(Invocation *in) {
        int r = 0;

        if (given.any && given.all)
                return usage_error(in->verb, "--any and --all cannot be combined");
        for (size_t i = 0; i < in->n_arguments && r >= 0; i++)
                r = check_id(in->arguments[i], &in->error);
        return r;
}

static int run(Invocation *in) {
        _cleanup_(await_clear) Await a = { .in = in };
        bool timed_out = false;
        int r;

        r = begin(&a);
        if (r < 0)
                return failure(&a, r);
        r = wait_run(a.wait, &in->error);
        live_end();
        if (r == -ETIMEDOUT)
                r = settle(&a, &timed_out);
        if (r < 0)
                return failure(&a, r);

        r = client_set_timeout(in->client, USEC_INFINITY); /* the answer may take its time */
        if (r >= 0 && in->json)
                r = show_json(&a, timed_out);
        else if (r >= 0)
                r = timed_out ? show_unfinished(&a) : show_ended(&a);
        if (r < 0)
                return failure(&a, r);
        return timed_out ? STATUS_TIMED_OUT : exit_status(&a);
}

const Verb verb_await = {
        .name = "await",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .options = (const struct option[]) {
                BOUNDS_OPTIONS,
                { "any", no_argument, NULL, OPTION_ANY },
                { "all", no_argument, NULL, OPTION_ALL },
                TIMEOUT_OPTION,
                POLL_OPTION,
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Wait for jobs to finish and show their results",
        .help = "Wait for jobs to finish, without polling, and show their results: output on stdout, and\n"
                "errors on stderr. IDs may be abbreviated.\n"
                "\n"
                "The exit status is that of the job: 0 if it completed, its exit code if it failed, 128+n if\n"
                "it was killed by signal n, 143 if it was cancelled. 124: the wait timed out, the job keeps\n"
                "running. 125: codex-jobs itself failed. For several jobs, the first one on the command line\n"
                "that did not complete determines the exit status.\n"
                "\n"
                "Options:\n"
                "      --any                Wait for the first job to finish\n"
                "      --all                Wait for all jobs to finish (default)\n"
                "      --timeout-ms N       Stop waiting after N milliseconds (default: 6 hours)\n"
                "      --poll-interval-ms N\n"
                "                           Also poll at this interval, as a safeguard\n"
                BOUNDS_HELP,
};
