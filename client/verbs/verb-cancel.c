/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs cancel: cancels jobs, and returns when their processes are gone. */

#include "answer.h"
#include "bus-names.h"
#include "clean.h"
#include "render.h"
#include "text-new.h"
#include "verbs.h"
#include "write.h"

typedef struct Cancelled {
        const char *id; /* as it was given; not owned */
        bool was_over;  /* it had finished before */
        bool keeps_running; /* processes are left */
        JobRecord record;
        Call *call;
        struct Cancel *cancel;
} Cancelled;

typedef struct Cancel {
        Invocation *in; /* not owned */
        Cancelled *jobs;
        size_t n;
        size_t n_under_way;
        JobList active; /* the job found without an ID */
} Cancel;

static void cancel_clear(Cancel *s) {
        for (size_t i = 0; i < s->n; i++) {
                (void) call_free(s->jobs[i].call);
                job_record_clear(&s->jobs[i].record);
        }
        free(s->jobs);
        job_list_clear(&s->active);
}

/* ---- Which jobs ---- */

/* Names the first n of those that are active. */
static int several(Cancel *s, size_t n, const char *of) {
        _cleanup_text_stream_ TextStream list = {};
        FILE *f = text_stream_open(&list);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                (void) fprintf(f, "%s%s (%s)", i > 0 ? ", " : "", s->active.records[i].id,
                               strempty(s->active.records[i].label));
        if (text_stream_close(&list) < 0)
                return -ENOMEM;
        return error_set(&s->in->error, "%zu jobs %s. Specify which to cancel: %s", n, of, list.text);
}

static int find_active(Cancel *s, const char **ret) {
        size_t own;
        int r;

        r = job_list_here(s->in->client, true, &s->active, &s->in->error);
        if (r < 0)
                return r;
        if (s->active.n == 0)
                return error_set(&s->in->error,
                                 "No active job in this workspace. List all jobs with 'codex-jobs status --all%s'.",
                                 client_scope_option(s->in->client));
        own = job_list_own_first(&s->active);
        if (own == 0) /* jobs of another session are cancelled by ID only */
                return several(s, s->active.n, "are active in this workspace, but none in this session");
        if (own > 1)
                return several(s, own, session_here() ? "are active in this session" : "are active in this workspace");
        *ret = s->active.records[0].id;
        return 0;
}

/* ---- Cancelling ---- */

static void on_cancelled(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Cancelled *job = userdata;

        job->call = call_free(job->call);
        job->cancel->n_under_way--;
        if (error && sd_bus_error_has_name(error, JOBS_ERROR_PROCESSES_LEFT)) { /* the other jobs are still cancelled */
                job->keeps_running = true;
                say("Failed to cancel %s: %s", job->record.id, error->message);
        } else if (error)
                client_stop(job->cancel->in->client, -EREMOTEIO, error);
}

/* Reads the full record, and the state before. */
static int look_up(Cancelled *job) {
        Cancel *s = job->cancel;
        int r;

        r = job_get(s->in->client, job->id, &job->record, &s->in->error);
        if (r >= 0)
                job->was_over = job_state_is_terminal(job->record.state);
        return r;
}

static int start(Cancelled *job) {
        Cancel *s = job->cancel;
        int r;

        if (job->was_over)
                return 0;
        r = call_new(s->in->client, &job->call, CALL_PATIENT, "Cancel", append_string, job->record.id, on_cancelled, job);
        if (r >= 0)
                s->n_under_way++;
        return r;
}

static int finish(Cancelled *job) {
        JobRecord record;
        int r;

        if (job->was_over)
                return 0;
        r = job_get(job->cancel->in->client, job->record.id, &record, &job->cancel->in->error);
        if (r < 0)
                return r;
        job_record_clear(&job->record);
        job->record = record;
        return 0;
}

static int cancel_all(Cancel *s) {
        int r;

        for (size_t i = 0; i < s->n; i++) { /* all of them first, so that a mistake cancels none */
                r = look_up(&s->jobs[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->n; i++) {
                r = start(&s->jobs[i]);
                if (r < 0)
                        return r;
        }
        while (s->n_under_way > 0) {
                r = client_iterate(s->in->client, &s->in->error);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < s->n; i++) {
                r = finish(&s->jobs[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- Telling ---- */

static int show_json(Cancel *s) {
        _cleanup_free_ const JobRecord **records = calloc(s->n, sizeof(JobRecord *));

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < s->n; i++)
                records[i] = &s->jobs[i].record;
        return answer_json(s->in->client, records, NULL, s->n, s->n == 1, NEXT_SHOWN, &s->in->error);
}

static int show_line(const Cancelled *job) {
        bool late = job->was_over || job->record.state != JOB_CANCELLED;
        _cleanup_free_ char *end = late ? render_state(&job->record) : render_end(&job->record);
        _cleanup_free_ char *line = NULL, *text = NULL;

        if (!end)
                return -ENOMEM;
        line = one_line(end);
        if (!line)
                return -ENOMEM;
        text = text_new("%s %s%s\n", job->record.id, late ? "had already finished: " : "", line);
        if (!text)
                return -ENOMEM;
        return write_stdout(text, strlen(text), &job->cancel->in->error);
}

static int show(Cancel *s) {
        int r;

        if (s->in->json)
                return show_json(s);
        for (size_t i = 0; i < s->n && !s->in->quiet; i++) {
                if (!job_state_is_terminal(s->jobs[i].record.state))
                        continue;
                r = show_line(&s->jobs[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int find_jobs(Cancel *s) {
        const char *found = NULL;
        int r = 0;

        s->n = MAX(s->in->n_arguments, 1U);
        s->jobs = calloc(s->n, sizeof(Cancelled));
        if (!s->jobs) {
                s->n = 0;
                return -ENOMEM;
        }
        if (s->in->n_arguments == 0)
                r = find_active(s, &found);
        for (size_t i = 0; i < s->n; i++)
                s->jobs[i] = (Cancelled) { .id = found ?: s->in->arguments[i], .record = JOB_RECORD_INIT, .cancel = s };
        return r;
}

static bool some_keep_running(const Cancel *s) {
        for (size_t i = 0; i < s->n; i++)
                if (s->jobs[i].keeps_running)
                        return true;
        return false;
}

/* A signal stopped the wait. Jobs whose cancellation was requested are still cancelled. */
static int interrupted(Cancel *s) {
        _cleanup_free_ const char **ids = calloc(s->n + 1, sizeof(char *));
        size_t n = 0;

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < s->n; i++)
                if (s->jobs[i].call)
                        ids[n++] = s->jobs[i].record.id;
        if (n > 0)
                (void) answer_await_command(s->in->client,
                                            n == 1 ? "The job is being cancelled. Wait with" :
                                                     "The jobs are being cancelled. Wait with",
                                            ids, n, false);
        return STATUS_SIGNALLED + client_signal(s->in->client);
}

static int check(Invocation *in) {
        int r = 0;

        for (size_t i = 0; i < in->n_arguments && r >= 0; i++)
                r = check_id(in->arguments[i], &in->error);
        return r;
}

static int run(Invocation *in) {
        _cleanup_(cancel_clear) Cancel s = { .in = in };
        int r;

        r = find_jobs(&s);
        if (r >= 0)
                r = client_catch_signals(in->client);
        if (r >= 0)
                r = cancel_all(&s);
        if (r >= 0)
                r = show(&s);
        if (r < 0)
                return r == -EINTR ? interrupted(&s) : r;
        return some_keep_running(&s) ? STATUS_OWN_FAILURE : 0;
}

const Verb verb_cancel = {
        .name = "cancel",
        .arguments = "[ID…]",
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = run,
        .summary = "Cancel jobs and terminate their processes",
        .help = "Cancel jobs and terminate all of their processes, and wait until these are gone. Without\n"
                "an ID, cancel the only active job of this workspace and, if set, of $CODEX_JOBS_SESSION.\n"
                "Finished jobs are not changed.\n"
                "\n"
                "The exit status is 0 if none of the jobs is left running, else 125. Ctrl-C stops the wait\n"
                "(130); the jobs are still cancelled.\n"
                "\n"
                "Options:\n",
};
