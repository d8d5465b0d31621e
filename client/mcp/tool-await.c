/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool await, and the wait of those that start a job. */

#include "hold.h"
#include "report.h"
#include "task-notice.h"
#include "task-object.h"
#include "tool-await.h"
#include "tool-jobs.h"

typedef struct Await {
        Exchange *exchange; /* not owned */
        AwaitOptions options;
        Hold *hold;
        Report *report;
} Await;

static void await_free(void *work) {
        Await *a = work;

        (void) report_free(a->report);
        (void) hold_free(a->hold);
        free(a);
}

uint64_t await_usec(const Mcp *mcp, json_object *arguments, const char *name) {
        int64_t given = json_number(arguments, name, -1);

        if (given < 0)
                return mcp->wait_usec;
        return MIN((uint64_t) given, mcp->wait_usec / USEC_PER_MSEC) * USEC_PER_MSEC;
}

static void on_report(json_object *structured, void *userdata) {
        Await *a = userdata;

        exchange_answer(a->exchange, report_result(structured));
}

static int answer(Await *a) {
        const JobRecord *records[hold_count(a->hold)];
        size_t n = 0;

        for (size_t i = 0; i < hold_count(a->hold); i++)
                records[n++] = hold_record(a->hold, i);
        return report_new(a->exchange->mcp, records, n,
                          &(const ReportOptions) {
                                  .done = hold_is_done(a->hold),
                                  .bytes = a->options.bytes,
                                  .note = hold_is_done(a->hold) ? NULL : REPORT_NOTE,
                          },
                          on_report, a, &a->report);
}

static void answer_task(Exchange *x, const JobRecord *record) {
        if (!x->modern)
                task_notice_add(x->mcp, record->id);
        exchange_answer(x, task_object_created(record, x->modern));
}

static void on_over(Hold *hold, const sd_bus_error *error, void *userdata) {
        Await *a = userdata;
        Exchange *x = a->exchange;
        int r;

        if (error)
                exchange_refuse_error(x, error);
        else if (a->options.is_task || (a->options.may_be_task && !hold_is_done(hold)))
                answer_task(x, hold_record(hold, 0));
        else if (!hold_is_known(hold) && !hold_is_done(hold))
                exchange_refuse(x, "The service does not respond. Jobs keep running; do not run them again, but wait with await, for "
                                   "example await {\"ids\":[\"%s\"]}.",
                                hold_record(hold, 0)->id);
        else {
                r = answer(a);
                if (r < 0)
                        exchange_fail_errno(x, r);
        }
}

int await_jobs(Exchange *x, const char *const *ids, size_t n, const AwaitOptions *options) {
        Await *a = malloc(sizeof(Await));
        int r;

        if (!a)
                return -ENOMEM;
        *a = (Await) { .exchange = x, .options = *options };
        r = hold_new(x, ids, n,
                     &(const HoldOptions) {
                             .any = options->any,
                             .usec = options->is_task ? 0 : options->usec,
                             .over = on_over,
                             .userdata = a,
                     },
                     &a->hold);
        if (r < 0) {
                await_free(a);
                return r;
        }
        exchange_set_work(x, a, await_free);
        return 0;
}

int tool_await(Exchange *x, json_object *arguments) {
        json_object *ids = json_member(arguments, "ids", json_type_array);
        size_t n = json_object_array_length(ids);
        const char *texts[n];
        int r;

        for (size_t i = 0; i < n; i++)
                texts[i] = json_object_get_string(json_object_array_get_idx(ids, i));
        r = await_jobs(x, texts, n,
                       &(const AwaitOptions) {
                               .any = json_object_get_boolean(json_member(arguments, "any", json_type_boolean)),
                               .usec = await_usec(x->mcp, arguments, "timeout_ms"),
                               .bytes = (uint64_t) json_number(arguments, "max_bytes", REPORT_BYTES),
                       });
        if (r != -E2BIG)
                return r;
        exchange_refuse(x, "This server already waits for %u jobs. Wait for fewer at a time.", WATCHERS_MAX);
        return 0;
}
