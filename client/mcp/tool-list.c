/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool list: a page of the jobs of the user. */

#include "jobs.h"
#include "text-new.h"
#include "tool-jobs.h"
#include "work.h"

#define LIMIT_DEFAULT 20

typedef struct List {
        Work work; /* the filter points into its arguments */
        JobFilter filter;
        JobPage page;
        JobList jobs;
} List;

static void list_clear(Work *work) {
        job_list_clear(&((List *) work)->jobs);
}

static int add_next_page(const List *l, json_object *structured) {
        _cleanup_free_ char *text = NULL;
        const char *last;

        if (l->jobs.n < l->page.limit)
                return 0;
        last = l->jobs.records[l->jobs.n - 1].id;
        text = text_new("list {\"before\":\"%s\",\"limit\":%u}", last, l->page.limit);
        if (!text)
                return -ENOMEM;
        return json_append(json_member(structured, "next", json_type_array), json_object_new_string(text));
}

static json_object *made(Work *work, json_object *structured) {
        if (structured && add_next_page((List *) work, structured) < 0) {
                (void) json_object_put(structured);
                return NULL;
        }
        return report_result(structured);
}

static int listed(Work *work, sd_bus_message *reply) {
        _cleanup_free_ const JobRecord **records = NULL;
        List *l = (List *) work;
        bool done = true;
        int r;

        r = job_list_read(reply, &l->jobs);
        if (r < 0)
                return r;
        records = job_list_records(&l->jobs);
        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < l->jobs.n; i++)
                done &= job_state_is_terminal(records[i]->state);
        return work_report(work, records, l->jobs.n, &(const ReportOptions) { .done = done }, made);
}

static unsigned states_of(const char **states) {
        unsigned bits = 0;

        for (const char **state = states; *state; state++)
                bits |= JOB_STATE_BIT(job_state_from_string(*state));
        return bits;
}

int tool_list(Exchange *x, json_object *arguments) {
        _cleanup_free_ const char **states = json_texts(arguments, "states");
        List *l = states ? malloc(sizeof(List)) : NULL;

        if (!l)
                return -ENOMEM;
        *l = (List) {
                .work = { .exchange = x, .arguments = json_object_get(arguments), .clear = list_clear },
                .filter = {
                        .states = states_of(states),
                        .workspace = json_text(arguments, "workspace"),
                },
                .page = {
                        .before = json_text(arguments, "before"),
                        .limit = (uint32_t) json_number(arguments, "limit", LIMIT_DEFAULT),
                },
        };
        l->page.filter = &l->filter;
        work_set(&l->work);
        return work_call(&l->work, CALL_AGAIN, "List", append_job_page, &l->page, listed);
}
