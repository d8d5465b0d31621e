/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs await: waits for jobs to finish, shows their results, and exits with their status. */

#include "answer.h"
#include "bounds.h"
#include "live.h"
#include "progress.h"
#include "say.h"
#include "verbs.h"
#include "wait.h"

enum {
        OPTION_ANY = OPTION_VERB,
        OPTION_ALL,
        OPTION_TIMEOUT_MS,
        OPTION_POLL_INTERVAL_MS,
};

#define TIMEOUT_DEFAULT (6 * 3600 * USEC_PER_SEC)
#define GRACE_USEC (5 * USEC_PER_SEC)

typedef struct Await {
        const Common *common;
        Client *client;
        Wait *wait;
        Progress *progress;
        bool any;
        Bounds bounds;
        sd_bus_error error;
} Await;

static void await_clear(Await *a) {
        (void) progress_free(a->progress);
        (void) wait_free(a->wait);
        (void) client_free(a->client);
        sd_bus_error_free(&a->error);
}

static int begin(Await *a, char *const *ids, size_t n, uint64_t timeout_usec, uint64_t poll_usec) {
        const WaitOptions options = { .any = a->any, .poll_usec = poll_usec, .only = n == 1 ? ids[0] : NULL };
        int r;

        for (size_t i = 0; i < n; i++) {
                r = check_id(ids[i], &a->error);
                if (r < 0)
                        return r;
        }
        r = common_connect(a->common, &a->client, &a->error);
        if (r < 0)
                return r;
        r = client_catch_signals(a->client);
        if (r < 0)
                return r;
        client_set_patience(a->client, timeout_usec);
        r = client_set_timeout(a->client, timeout_usec);
        if (r < 0)
                return r;
        r = wait_new(a->client, &options, &a->wait);
        if (r < 0)
                return r;
        if (!a->common->json && !a->common->quiet) {
                r = progress_new(a->client, a->wait, n, 0, &a->progress);
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
        return answer_why_queued(a->client, records, n, &a->error);
}

static int show_unfinished(Await *a) {
        _cleanup_free_ const char **ids = NULL;
        size_t n;
        int r;

        r = unfinished(a, &ids, &n);
        if (r < 0 || a->common->quiet)
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
        return answer_await_command(a->client,
                                    n == 1 ? "Timed out; the job keeps running. Reattach with" :
                                             "Timed out; the jobs keep running. Reattach with",
                                    ids, n, a->any);
}

static int show_ended(Await *a) {
        int r;

        for (size_t i = 0; i < wait_count(a->wait); i++) {
                const WaitedJob *job = wait_job(a->wait, i);

                if (!job_state_is_terminal(job->record.state) || is_repeated(a, i))
                        continue;
                if (wait_count(a->wait) > 1 && !a->common->quiet && job->record.state == JOB_COMPLETED)
                        say("%s completed", job->id);
                r = answer_result(a->client, &job->record, &a->bounds, &a->error);
                if (r < 0)
                        return r;
                if (a->any)
                        break;
        }
        return 0;
}

/* ---- JSON ---- */

static int read_extra(Await *a, const WaitedJob *job, bool timed_out, JsonExtra *extra) {
        bool ended = job_state_is_terminal(job->record.state);

        *extra = (JsonExtra) { .wait_timed_out = timed_out && !ended ? ANSWER_YES : ANSWER_NO, .output = true };
        return ended ? answer_read_output(a->client, &job->record, &a->bounds, extra, &a->error) : 0;
}

static int write_documents(Await *a, const JobRecord **records, JsonExtra *extras, bool timed_out) {
        bool single;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < wait_count(a->wait); i++) {
                const WaitedJob *job = wait_job(a->wait, i);

                if (!job->complete || is_repeated(a, i) || (a->any && !timed_out && job != wait_first_ended(a->wait)))
                        continue;
                records[n] = &job->record;
                r = read_extra(a, job, timed_out, &extras[n++]);
                if (r < 0)
                        return r;
        }
        client_restore_signals(a->client);
        single = n == 1 && (a->any || wait_count(a->wait) == 1);
        return answer_json(a->client, records, extras, n, single, NEXT_SHOWN, &a->error);
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
        if (a->any)
                return job_exit_status(&wait_first_ended(a->wait)->record);
        for (size_t i = 0; i < wait_count(a->wait); i++)
                if (wait_job(a->wait, i)->record.state != JOB_COMPLETED)
                        return job_exit_status(&wait_job(a->wait, i)->record);
        return 0;
}

static int failure(Await *a, int r) {
        _cleanup_free_ const char **ids = NULL;
        size_t n = 0;

        if (a->wait)
                (void) unfinished(a, &ids, &n);
        if (r == -EINTR && n > 0)
                return answer_detached(a->client, ids, n, a->any);
        return answer_failure(a->client, &a->error, r, ids, n);
}

/* The wait timed out, perhaps before the service responded. Waits a short time longer for the current states. */
static int settle(Await *a, bool *ret_timed_out) {
        int r;

        r = client_set_timeout(a->client, GRACE_USEC);
        if (r < 0)
                return r;
        r = wait_settle(a->wait, &a->error);
        if (r == -ETIMEDOUT)
                return error_set(&a->error,
                                 "The service does not respond. Check 'codex-jobs status' before waiting again.");
        *ret_timed_out = !wait_is_over(a->wait);
        return r;
}

static int await(Await *a, char *const *ids, size_t n, uint64_t timeout_usec, uint64_t poll_usec) {
        bool timed_out = false;
        int r;

        r = begin(a, ids, n, timeout_usec, poll_usec);
        if (r < 0)
                return failure(a, r);
        r = wait_run(a->wait, &a->error);
        live_end();
        if (r == -ETIMEDOUT)
                r = settle(a, &timed_out);
        if (r < 0)
                return failure(a, r);

        r = client_set_timeout(a->client, USEC_INFINITY); /* the answer may take its time */
        if (r >= 0 && a->common->json)
                r = show_json(a, timed_out);
        else if (r >= 0)
                r = timed_out ? show_unfinished(a) : show_ended(a);
        if (r < 0)
                return failure(a, r);
        return timed_out ? STATUS_TIMED_OUT : exit_status(a);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                BOUNDS_OPTIONS,
                { "any", no_argument, NULL, OPTION_ANY },
                { "all", no_argument, NULL, OPTION_ALL },
                { "timeout-ms", required_argument, NULL, OPTION_TIMEOUT_MS },
                { "poll-interval-ms", required_argument, NULL, OPTION_POLL_INTERVAL_MS },
                {},
        };
        uint64_t timeout_usec = TIMEOUT_DEFAULT, poll_usec = 0;
        _cleanup_(await_clear) Await a = { .common = common, .bounds = BOUNDS_NONE };
        bool all = false;
        int option, r;

        while ((r = option_next(&verb_await, common, argc, argv, ":" COMMON_LETTERS BOUNDS_LETTERS, options,
                                &option)) == 0) {
                if (option == OPTION_ANY)
                        a.any = true;
                else if (option == OPTION_ALL)
                        all = true;
                else if (option == OPTION_TIMEOUT_MS)
                        r = option_milliseconds(&verb_await, "timeout-ms", &timeout_usec);
                else if (option == OPTION_POLL_INTERVAL_MS)
                        r = option_milliseconds(&verb_await, "poll-interval-ms", &poll_usec);
                else
                        r = bounds_option(&verb_await, &a.bounds, option);
                if (r < 0)
                        return STATUS_OWN_FAILURE;
        }
        if (r < 0)
                return option;
        if (a.any && all)
                return usage_error(&verb_await, "--any and --all cannot be combined");
        if (optind >= argc)
                return usage_error(&verb_await, "No job ID given, see 'codex-jobs status'");
        return await(&a, argv + optind, (size_t) (argc - optind), timeout_usec, poll_usec);
}

const Verb verb_await = {
        .name = "await",
        .run = run,
        .help = "codex-jobs await [options] ID…\n"
                "\n"
                "Wait for jobs to finish, without polling, and show their results: output on stdout, and\n"
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
                BOUNDS_HELP
                COMMON_HELP,
};
