/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool cancel: looks the jobs up, cancels those that have not ended, and waits until they have. If one is unknown,
 * none is cancelled. */

#include "tool-jobs.h"
#include "work.h"

#define NOTE "Being cancelled: not all processes have exited yet."

typedef struct CancelledJob {
        struct Cancel *cancel;
        char *id; /* as given, then in full */
        Call *call;
} CancelledJob;

typedef struct Cancel {
        Work work;
        CancelledJob *jobs;
        size_t n;
        char *note; /* why one cannot be; NULL: nothing was said */
} Cancel;

static void cancel_clear(Work *work) {
        Cancel *c = (Cancel *) work;

        for (size_t i = 0; i < c->n; i++) {
                (void) call_free(c->jobs[i].call);
                free(c->jobs[i].id);
        }
        free(c->jobs);
        free(c->note);
}

static int answer(Work *work) {
        return work_report_held(work, 0, ((Cancel *) work)->note ?: NOTE);
}

/* The call has no more than that to say, if it is not refused: the job keeps running, as if processes of another user
 * are left. */
static void on_cancelled(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        CancelledJob *job = userdata;
        Cancel *c = job->cancel;
        Exchange *x = c->work.exchange;
        int r;

        job->call = call_free(job->call);
        if (!error)
                return;
        if (!c->note)
                c->note = strdup(error->message); /* without it less is said */
        r = answer(&c->work);
        if (r < 0)
                exchange_fail_errno(x, r);
}

static int cancel_job(CancelledJob *job, const JobRecord *record) {
        free(job->id);
        job->id = strdup(record->id);
        if (!job->id)
                return -ENOMEM;
        if (job_state_is_terminal(record->state))
                return 0;
        return call_new(job->cancel->work.exchange->mcp->client, &job->call, CALL_PATIENT, "Cancel", append_string,
                        job->id, on_cancelled, job);
}

static int hold(Cancel *c, uint64_t usec, work_step_t over) {
        const char *ids[c->n];

        for (size_t i = 0; i < c->n; i++)
                ids[i] = c->jobs[i].id;
        return work_hold(&c->work, ids, c->n, false, usec, over);
}

static int all_known(Work *work) {
        Cancel *c = (Cancel *) work;
        int r = 0;

        for (size_t i = 0; i < c->n && r >= 0; i++)
                r = cancel_job(&c->jobs[i], hold_record(work->hold, i));
        return r < 0 ? r : hold(c, work->exchange->mcp->wait_usec, answer);
}

static int add_jobs(Cancel *c, const char **ids, size_t n) {
        c->jobs = calloc(n, sizeof(CancelledJob));
        if (!c->jobs)
                return -ENOMEM;
        for (; c->n < n; c->n++) {
                c->jobs[c->n] = (CancelledJob) { .cancel = c, .id = strdup(ids[c->n]) };
                if (!c->jobs[c->n].id)
                        return -ENOMEM;
        }
        return 0;
}

int tool_cancel(Exchange *x, json_object *arguments) {
        _cleanup_free_ const char **ids = json_texts(arguments, "ids");
        Cancel *c = ids ? malloc(sizeof(Cancel)) : NULL;
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Cancel) { .work = { .exchange = x, .clear = cancel_clear } };
        work_set(&c->work);
        r = add_jobs(c, ids, json_length(arguments, "ids"));
        return r < 0 ? r : hold(c, 0, all_known);
}
