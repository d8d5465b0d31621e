/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool cancel: looks the jobs up, cancels those that have not ended, and waits until they have. If one is unknown, none is
 * cancelled. */

#include "hold.h"
#include "report.h"
#include "tool-await.h"
#include "tool-jobs.h"

typedef struct Cancelling {
        struct Cancel *cancel;
        Call *call;
        char *id; /* full */
} Cancelling;

typedef struct Cancel {
        Exchange *exchange; /* not owned */
        Hold *hold;
        Report *report;
        char *note; /* why one cannot be; NULL: nothing was said */
        Cancelling *jobs;
        size_t n;
} Cancel;

static void cancel_free(void *work) {
        Cancel *c = work;

        for (size_t i = 0; i < c->n; i++) {
                (void) call_free(c->jobs[i].call);
                free(c->jobs[i].id);
        }
        free(c->jobs);
        (void) report_free(c->report);
        (void) hold_free(c->hold);
        free(c->note);
        free(c);
}

static void on_report(json_object *structured, void *userdata) {
        Cancel *c = userdata;

        exchange_answer(c->exchange, report_result(structured));
}

static int answer(Cancel *c) {
        bool done = hold_is_done(c->hold);
        const JobRecord *records[c->n];

        for (size_t i = 0; i < c->n; i++)
                records[i] = hold_record(c->hold, i);
        return report_new(c->exchange->mcp, records, c->n,
                          &(const ReportOptions) {
                                  .done = done,
                                  .note = done ? NULL : c->note ?: "Being cancelled: not all processes have exited yet.",
                          },
                          on_report, c, &c->report);
}

static void on_ended(Hold *hold, const sd_bus_error *error, void *userdata) {
        Cancel *c = userdata;
        Exchange *x = c->exchange;
        int r;

        if (error) {
                exchange_refuse_error(x, error);
                return;
        }
        r = answer(c);
        if (r < 0)
                exchange_fail_errno(x, r);
}

/* The job keeps running, as if processes of another user are left. */
static void on_cancelled(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Cancelling *job = userdata;
        Cancel *c = job->cancel;

        job->call = call_free(job->call);
        if (!error)
                return;
        if (!c->note)
                c->note = strdup(error->message); /* without it less is said */
        on_ended(c->hold, NULL, c);
}

static int hold(Cancel *c, uint64_t usec, void (*over)(Hold *hold, const sd_bus_error *error, void *userdata)) {
        const char *ids[c->n];

        for (size_t i = 0; i < c->n; i++)
                ids[i] = c->jobs[i].id;
        c->hold = hold_free(c->hold);
        return hold_new(c->exchange, ids, c->n, &(const HoldOptions) { .usec = usec, .over = over, .userdata = c }, &c->hold);
}

static int cancel_all(Cancel *c) {
        int r;

        for (size_t i = 0; i < c->n; i++) {
                const JobRecord *record = hold_record(c->hold, i);

                free(c->jobs[i].id);
                c->jobs[i].id = strdup(record->id);
                if (!c->jobs[i].id)
                        return -ENOMEM;
                r = job_state_is_terminal(record->state) ? 0
                        : call_new(c->exchange->mcp->client, &c->jobs[i].call, CALL_PATIENT, "Cancel", append_string,
                                   c->jobs[i].id, on_cancelled, &c->jobs[i]);
                if (r < 0)
                        return r;
        }
        return hold(c, c->exchange->mcp->wait_usec, on_ended);
}

static void on_known(Hold *hold, const sd_bus_error *error, void *userdata) {
        Cancel *c = userdata;
        int r;

        if (error) {
                exchange_refuse_error(c->exchange, error);
                return;
        }
        r = cancel_all(c);
        if (r < 0)
                exchange_fail_errno(c->exchange, r);
}

int tool_cancel(Exchange *x, json_object *arguments) {
        json_object *ids = json_member(arguments, "ids", json_type_array);
        size_t n = json_object_array_length(ids);
        Cancel *c = calloc(1, sizeof(Cancel));

        if (!c)
                return -ENOMEM;
        c->exchange = x;
        exchange_set_work(x, c, cancel_free);
        c->jobs = calloc(n, sizeof(Cancelling));
        if (!c->jobs)
                return -ENOMEM;
        for (; c->n < n; c->n++) {
                c->jobs[c->n] = (Cancelling) {
                        .cancel = c,
                        .id = strdup(json_object_get_string(json_object_array_get_idx(ids, c->n))),
                };
                if (!c->jobs[c->n].id)
                        return -ENOMEM;
        }
        return hold(c, 0, on_known);
}
