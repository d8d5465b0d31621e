/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "job-id.h"
#include "jobs.h"
#include "options.h"
#include "request.h"
#include "say.h"

int check_id(const char *word, sd_bus_error *error) {
        if (job_id_prefix_is_valid(word))
                return 0;
        return error_set(error, "'%.48s%s' is not the id of a job: 'codex-jobs status --all' lists yours.", word,
                         strlen(word) > 48 ? "…" : "");
}

int job_exit_status(const JobRecord *record) {
        switch (record->state) {
        case JOB_COMPLETED:
                return 0;
        case JOB_CANCELLED:
                return STATUS_CANCELLED;
        default:
                return record->exit_code >= 1 && record->exit_code <= 255 ? record->exit_code : 1;
        }
}

int job_get(Client *c, const char *id, JobRecord *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = check_id(id, error);
        if (r < 0)
                return r;
        r = call_wait(c, CALL_AGAIN, "Get", append_string, (char *) id, &reply, error);
        if (r < 0)
                return r;
        return job_record_read(reply, ret);
}

/* ---- Lists ---- */

void job_list_clear(JobList *list) {
        for (size_t i = 0; i < list->n; i++)
                job_record_clear(&list->records[i]);
        free(list->records);
        *list = (JobList) {};
}

void job_list_move(JobList *from, JobList *to) {
        *to = *from;
        *from = (JobList) {};
}

typedef struct Page {
        const JobFilter *filter;
        const char *before; /* NULL: the first page */
        uint32_t limit;
} Page;

static int append_states(sd_bus_message *m, const JobFilter *filter) {
        if (filter->active && !filter->ended)
                return sd_bus_message_append(m, "{sv}", "State", "as", 2, "queued", "running");
        if (filter->ended && !filter->active)
                return sd_bus_message_append(m, "{sv}", "State", "as", 3, "completed", "failed", "cancelled");
        return 0;
}

static int append_page(sd_bus_message *m, void *arguments) {
        const Page *page = arguments;
        const struct {
                const char *name;
                const char *value;
        } texts[] = {
                { "Kind", page->filter->kind },
                { "Workspace", page->filter->workspace },
                { "Session", page->filter->session },
                { "Before", page->before },
        };
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_states(m, page->filter);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = texts[i].value ? sd_bus_message_append(m, "{sv}", texts[i].name, "s", texts[i].value) : 0;
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_append(m, "{sv}", "Limit", "u", page->limit);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int read_one(sd_bus_message *m, JobList *list) {
        JobRecord *records;
        int r;

        records = reallocarray(list->records, list->n + 1, sizeof(JobRecord));
        if (!records)
                return -ENOMEM;
        list->records = records;
        records[list->n] = JOB_RECORD_INIT;
        r = job_record_read(m, &records[list->n]);
        if (r < 0)
                return r;
        list->n++;
        return 0;
}

int job_list_read(sd_bus_message *m, JobList *list) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                r = read_one(m, list);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

int job_list(Client *c, const JobFilter *filter, JobList *ret, sd_bus_error *error) {
        _cleanup_job_list_ JobList list = {};
        uint64_t limit = filter->limit > 0 ? filter->limit : UINT64_MAX;
        size_t before;
        Page page;
        int r;

        do {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

                before = list.n;
                page = (Page) {
                        .filter = filter,
                        .before = list.n > 0 ? list.records[list.n - 1].id : NULL,
                        .limit = (uint32_t) MIN(limit - list.n, (uint64_t) 100),
                };
                r = call_wait(c, CALL_AGAIN, "List", append_page, &page, &reply, error);
                if (r < 0)
                        return r;
                r = job_list_read(reply, &list);
                if (r < 0)
                        return r;
        } while (list.n - before == page.limit && list.n < limit);

        job_list_move(&list, ret);
        return 0;
}

int job_list_here(Client *c, bool active, JobList *ret, sd_bus_error *error) {
        _cleanup_free_ char *workspace = NULL;
        int r;

        r = workspace_here(&workspace, error);
        if (r < 0)
                return r;
        return job_list(c,
                        &(const JobFilter) {
                                .active = active,
                                .ended = !active,
                                .workspace = workspace,
                                .session = active ? NULL : session_here(),
                                .limit = active ? 0 : 100,
                        },
                        ret, error);
}

/* ---- Enqueue ---- */

static int not_known(const char *what, sd_bus_error *error) {
        sd_bus_error_free(error);
        return error_set(error,
                         "%s: the job may have been recorded: look with 'codex-jobs status' before you try again.",
                         what);
}

int job_enqueue(Client *c, Request *request, char **ret_id, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r;

        /* With a key there is one job however often it is asked for. */
        r = call_wait(c, request->key ? CALL_AGAIN : CALL_ONCE, "Enqueue", append_request, request, &reply, error);
        if (r == -EINTR || r == -ETIMEDOUT) {
                (void) not_known("the service did not answer", error);
                return r;
        }
        if (r < 0 && sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED))
                return not_known("the service ended before it answered", error);
        if (r < 0)
                return r;

        r = sd_bus_message_read_basic(reply, 's', &id);
        if (r < 0)
                return r;
        *ret_id = strdup(id);
        return *ret_id ? 0 : -ENOMEM;
}
