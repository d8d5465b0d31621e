/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The tool list: a page of the jobs of the user. */

#include "jobs.h"
#include "report.h"
#include "tool-jobs.h"

#define LIMIT_DEFAULT 20

typedef struct List {
        Exchange *exchange; /* not owned */
        json_object *arguments; /* the filter points into them */
        JobFilter filter;
        JobPage page;
        Call *call;
        JobList jobs;
        Report *report;
} List;

static void list_free(void *work) {
        List *l = work;

        (void) call_free(l->call);
        (void) report_free(l->report);
        job_list_clear(&l->jobs);
        (void) json_object_put(l->arguments);
        free(l);
}

static int add_next_page(const List *l, json_object *structured) {
        _cleanup_free_ char *text = NULL;

        if (l->jobs.n < l->page.limit)
                return 0;
        if (asprintf(&text, "list {\"before\":\"%s\",\"limit\":%u}", l->jobs.records[l->jobs.n - 1].id, l->page.limit) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return json_append(json_member(structured, "next", json_type_array), json_object_new_string(text));
}

static void on_report(json_object *structured, void *userdata) {
        List *l = userdata;

        if (structured && add_next_page(l, structured) < 0) {
                (void) json_object_put(structured);
                structured = NULL;
        }
        exchange_answer(l->exchange, report_result(structured));
}

static int answer(List *l, sd_bus_message *reply) {
        _cleanup_free_ const JobRecord **records = NULL;
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
        return report_new(l->exchange->mcp, records, l->jobs.n, &(const ReportOptions) { .done = done }, on_report, l, &l->report);
}

static void on_listed(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        List *l = userdata;
        Exchange *x = l->exchange;
        int r;

        l->call = call_free(l->call);
        if (error) {
                exchange_refuse_error(x, error);
                return;
        }
        r = answer(l, reply);
        if (r < 0)
                exchange_fail_errno(x, r);
}

static unsigned states_of(json_object *states) {
        unsigned bits = 0;

        for (size_t i = 0; states && i < json_object_array_length(states); i++)
                bits |= JOB_STATE_BIT(job_state_from_string(json_object_get_string(json_object_array_get_idx(states, i))));
        return bits;
}

int tool_list(Exchange *x, json_object *arguments) {
        List *l = malloc(sizeof(List));

        if (!l)
                return -ENOMEM;
        *l = (List) {
                .exchange = x,
                .arguments = json_object_get(arguments),
                .filter = {
                        .states = states_of(json_member(arguments, "states", json_type_array)),
                        .workspace = json_text(arguments, "workspace"),
                },
                .page = {
                        .before = json_text(arguments, "before"),
                        .limit = (uint32_t) json_number(arguments, "limit", LIMIT_DEFAULT),
                },
        };
        l->page.filter = &l->filter;
        exchange_set_work(x, l, list_free);
        return call_new(x->mcp->client, &l->call, CALL_AGAIN, "List", append_job_page, &l->page, on_listed, l);
}
