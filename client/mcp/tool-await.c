/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool await, and the wait of those that start a job. */

#include "task-notice.h"
#include "task-object.h"
#include "tool-await.h"
#include "tool-jobs.h"
#include "work.h"

typedef struct Await {
        Work work;
        AwaitOptions options;
} Await;

uint64_t await_usec(const Mcp *mcp, json_object *arguments, const char *name) {
        int64_t given = json_number(arguments, name, -1);

        if (given < 0)
                return mcp->wait_usec;
        return MIN((uint64_t) given, mcp->wait_usec / USEC_PER_MSEC) * USEC_PER_MSEC;
}

/* ---- The answer ---- */

static void answer_task(Exchange *x, const JobRecord *record) {
        if (!x->modern)
                task_notice_add(x->mcp, record->id);
        exchange_answer(x, task_object_created(record, x->modern));
}

static int over(Work *work) {
        const Await *a = (Await *) work;
        Exchange *x = work->exchange;
        bool done = hold_is_done(work->hold);

        if (a->options.is_task || (a->options.may_be_task && !done))
                answer_task(x, hold_record(work->hold, 0));
        else if (!hold_is_known(work->hold))
                exchange_refuse(x,
                                "The service does not respond. Jobs keep running; do not run them again, but wait with "
                                "await, for example await {\"ids\":[\"%s\"]}.",
                                hold_record(work->hold, 0)->id);
        else
                return work_report_held(work, a->options.bytes, REPORT_NOTE);
        return 0;
}

int await_jobs(Exchange *x, const char *const *ids, size_t n, const AwaitOptions *options) {
        Await *a = malloc(sizeof(Await));

        if (!a)
                return -ENOMEM;
        *a = (Await) { .work = { .exchange = x }, .options = *options };
        work_set(&a->work);
        return work_hold(&a->work, ids, n, options->any, options->is_task ? 0 : options->usec, over);
}

int tool_await(Exchange *x, json_object *arguments) {
        _cleanup_free_ const char **ids = json_texts(arguments, "ids");

        if (!ids)
                return -ENOMEM;
        return await_jobs(x, ids, json_length(arguments, "ids"),
                          &(const AwaitOptions) {
                                  .any = json_is_true(arguments, "any"),
                                  .usec = await_usec(x->mcp, arguments, "timeout_ms"),
                                  .bytes = (uint64_t) json_number(arguments, "max_bytes", REPORT_BYTES),
                          });
}
