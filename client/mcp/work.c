/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "work.h"

static void work_free(void *userdata) {
        Work *work = userdata;

        (void) call_free(work->call);
        (void) hold_free(work->hold);
        (void) report_free(work->report);
        if (work->clear)
                work->clear(work);
        (void) json_object_put(work->arguments);
        free(work);
}

void work_set(Work *work) {
        exchange_set_work(work->exchange, work, work_free);
}

static void refuse(Work *work, const sd_bus_error *error) {
        if (work->refused)
                work->refused(work, error);
        else
                exchange_refuse_error(work->exchange, error);
}

/* ---- Calls ---- */

static void on_replied(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Work *work = userdata;
        Exchange *x = work->exchange;
        int r;

        work->call = call_free(work->call);
        if (error) {
                refuse(work, error);
                return;
        }
        r = work->replied(work, reply);
        if (r < 0)
                exchange_fail_errno(x, r);
}

int work_call(Work *work, CallMode mode, const char *method, call_append_t append, void *arguments,
              work_reply_t replied) {
        work->call = call_free(work->call);
        work->replied = replied;
        return call_new(work->exchange->mcp->client, &work->call, mode, method, append, arguments, on_replied, work);
}

/* ---- Jobs ---- */

static void on_over(Hold *hold, const sd_bus_error *error, void *userdata) {
        Work *work = userdata;
        Exchange *x = work->exchange;
        int r;

        if (error) {
                refuse(work, error);
                return;
        }
        r = work->over(work);
        if (r < 0)
                exchange_fail_errno(x, r);
}

int work_hold(Work *work, const char *const *ids, size_t n, bool any, uint64_t usec, work_step_t over) {
        work->hold = hold_free(work->hold);
        work->over = over;
        return hold_new(work->exchange, ids, n,
                        &(const HoldOptions){ .any = any, .usec = usec, .over = on_over, .userdata = work },
                        &work->hold);
}

/* ---- Their output ---- */

static void on_made(json_object *structured, void *userdata) {
        Work *work = userdata;

        exchange_answer(work->exchange, work->made ? work->made(work, structured) : report_result(structured));
}

int work_report(Work *work, const JobRecord *const *records, size_t n, const ReportOptions *options,
                work_result_t made) {
        work->report = report_free(work->report);
        work->made = made;
        return report_new(work->exchange->mcp, records, n, options, on_made, work, &work->report);
}

int work_report_held(Work *work, uint64_t bytes, const char *note) {
        bool done = hold_is_done(work->hold);
        const JobRecord *records[hold_count(work->hold)];

        for (size_t i = 0; i < hold_count(work->hold); i++)
                records[i] = hold_record(work->hold, i);
        return work_report(work, records, hold_count(work->hold),
                           &(const ReportOptions) { .done = done, .bytes = bytes, .note = done ? NULL : note }, NULL);
}
