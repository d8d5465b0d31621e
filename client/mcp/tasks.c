/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "hold.h"
#include "jobs.h"
#include "report.h"
#include "task-object.h"
#include "tasks.h"

#define PAGE_SIZE 50U
#define RELATED_TASK "io.modelcontextprotocol/related-task"

typedef struct TaskWork {
        Exchange *exchange; /* not owned */
        char *id;
        void (*got)(struct TaskWork *work); /* the record was read */
        JobRecord record;
        Call *call;
        Hold *hold;
        Report *report;
} TaskWork;

static void task_free(void *userdata) {
        TaskWork *work = userdata;

        (void) report_free(work->report);
        (void) hold_free(work->hold);
        (void) call_free(work->call);
        job_record_clear(&work->record);
        free(work->id);
        free(work);
}

/* ---- Which task ---- */

static void fail(Exchange *x, const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                exchange_fail(x, CODE_PARAMS, "Task not found");
        else
                exchange_fail(x, CODE_INTERNAL, "%s", strempty(error->message));
}

/* Creates the work of a method for the task that it names. Returns 1 after answering that it cannot be. */
static int task_new(Exchange *x, json_object *params, TaskWork **ret) {
        const char *id = json_text(params, "taskId");
        TaskWork *work;
        int r;

        if (x->modern && !x->tasks) {
                r = exchange_fail_capability(x);
                return r < 0 ? r : 1;
        }
        if (!id || !job_id_is_valid(id)) {
                exchange_fail(x, CODE_PARAMS, id ? "Task not found" : "Missing taskId");
                return 1;
        }
        work = malloc(sizeof(TaskWork));
        if (!work)
                return -ENOMEM;
        *work = (TaskWork) { .exchange = x, .id = strdup(id), .record = JOB_RECORD_INIT };
        exchange_set_work(x, work, task_free);
        *ret = work;
        return work->id ? 0 : -ENOMEM;
}

static void on_got(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        TaskWork *work = userdata;
        int r;

        work->call = call_free(work->call);
        if (error) {
                fail(work->exchange, error);
                return;
        }
        job_record_clear(&work->record);
        r = job_record_read(reply, &work->record);
        if (r < 0)
                exchange_fail_errno(work->exchange, r);
        else
                work->got(work);
}

static int read_job(TaskWork *work, void (*got)(TaskWork *work)) {
        work->got = got;
        return call_new(work->exchange->mcp->client, &work->call, CALL_AGAIN, "Get", append_string, work->id, on_got, work);
}

static int with_task(Exchange *x, json_object *params, void (*got)(TaskWork *work)) {
        TaskWork *work;
        int r;

        r = task_new(x, params, &work);
        return r != 0 ? MIN(r, 0) : read_job(work, got);
}

/* ---- tasks/get ---- */

/* The task, with its result if it has one here. Takes the result. */
static void answer_task(TaskWork *work, json_object *result) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r = o ? task_object_fill(o, &work->record, work->exchange->modern, false) : -ENOMEM;

        if (r < 0)
                (void) json_object_put(result);
        else if (result)
                r = json_add(o, "result", result);
        exchange_answer(work->exchange, r < 0 ? NULL : TAKE_PTR(o));
}

static void on_report_to_get(json_object *structured, void *userdata) {
        TaskWork *work = userdata;
        json_object *result = report_result_of_task(structured);

        if (result)
                answer_task(work, result);
        else
                exchange_answer(work->exchange, NULL);
}

static int report(TaskWork *work, report_done_t made) {
        return report_new(work->exchange->mcp, &(const JobRecord *) { &work->record }, 1,
                          &(const ReportOptions) { .done = true, .bytes = REPORT_BYTES }, made, work, &work->report);
}

static void got_task(TaskWork *work) {
        bool has_result = work->record.state == JOB_COMPLETED || work->record.state == JOB_FAILED;
        int r;

        if (!has_result || !work->exchange->modern) {
                answer_task(work, NULL);
                return;
        }
        r = report(work, on_report_to_get);
        if (r < 0)
                exchange_fail_errno(work->exchange, r);
}

int tasks_get(Exchange *x, json_object *params) {
        return with_task(x, params, got_task);
}

/* ---- tasks/update ---- */

static void got_updated(TaskWork *work) {
        exchange_answer(work->exchange, json_object_new_object());
}

/* No job asks for anything, so that there is nothing to answer. */
int tasks_update(Exchange *x, json_object *params) {
        return with_task(x, params, got_updated);
}

/* ---- tasks/cancel ---- */

/* A call whose answer is of no interest. */
typedef struct Errand {
        Mcp *mcp;
        struct Errand *next;
        char *id;
        Call *call;
} Errand;

static void errand_free(Errand *errand) {
        (void) call_free(errand->call);
        free(errand->id);
        free(errand);
}

static void on_errand(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Errand *errand = userdata;

        for (Errand **e = &errand->mcp->errands; *e; e = &(*e)->next)
                if (*e == errand) {
                        *e = errand->next;
                        break;
                }
        errand_free(errand);
}

static int cancel_unseen(TaskWork *work) {
        Mcp *mcp = work->exchange->mcp;
        Errand *errand = malloc(sizeof(Errand));
        int r;

        if (!errand)
                return -ENOMEM;
        *errand = (Errand) { .mcp = mcp, .id = strdup(work->id) };
        r = errand->id ? call_new(mcp->client, &errand->call, CALL_PATIENT, "Cancel", append_string, errand->id, on_errand, errand)
                       : -ENOMEM;
        if (r < 0) {
                errand_free(errand);
                return r;
        }
        errand->next = mcp->errands;
        mcp->errands = errand;
        return 0;
}

void tasks_clear(Mcp *mcp) {
        while (mcp->errands) {
                Errand *next = mcp->errands->next;

                errand_free(mcp->errands);
                mcp->errands = next;
        }
}

static void got_cancelled(TaskWork *work) {
        answer_task(work, NULL);
}

static void on_cancelled(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        TaskWork *work = userdata;
        int r;

        work->call = call_free(work->call);
        if (error) {
                fail(work->exchange, error);
                return;
        }
        r = read_job(work, got_cancelled);
        if (r < 0)
                exchange_fail_errno(work->exchange, r);
}

static void got_to_cancel(TaskWork *work) {
        Exchange *x = work->exchange;
        bool has_ended = job_state_is_terminal(work->record.state);
        int r;

        if (has_ended && !x->modern) {
                exchange_fail(x, CODE_PARAMS, "The task has already ended");
                return;
        }
        if (!x->modern)
                r = call_new(x->mcp->client, &work->call, CALL_PATIENT, "Cancel", append_string, work->id, on_cancelled, work);
        else {
                r = has_ended ? 0 : cancel_unseen(work);
                if (r >= 0)
                        exchange_answer(x, json_object_new_object());
        }
        if (r < 0)
                exchange_fail_errno(x, r);
}

int tasks_cancel(Exchange *x, json_object *params) {
        return with_task(x, params, got_to_cancel);
}

/* ---- tasks/result ---- */

static int add_related_task(json_object *result, const char *id) {
        json_object *meta = json_object_new_object(), *task;
        int r;

        r = json_add(result, "_meta", meta);
        if (r >= 0)
                r = json_add(meta, RELATED_TASK, task = json_object_new_object());
        return r < 0 ? r : json_add_string(task, "taskId", id);
}

static void on_report_to_result(json_object *structured, void *userdata) {
        _cleanup_json_ json_object *result = report_result(structured);
        TaskWork *work = userdata;

        if (result && add_related_task(result, work->id) < 0) {
                exchange_answer(work->exchange, NULL);
                return;
        }
        exchange_answer(work->exchange, TAKE_PTR(result));
}

static void on_over(Hold *hold, const sd_bus_error *error, void *userdata) {
        TaskWork *work = userdata;
        int r;

        if (error) {
                fail(work->exchange, error);
                return;
        }
        r = job_record_copy(hold_record(hold, 0), &work->record);
        if (r >= 0)
                r = report(work, on_report_to_result);
        if (r < 0)
                exchange_fail_errno(work->exchange, r);
}

int tasks_result(Exchange *x, json_object *params) {
        TaskWork *work;
        int r;

        r = task_new(x, params, &work);
        if (r != 0)
                return MIN(r, 0);
        return hold_new(x, &(const char *) { work->id }, 1,
                        &(const HoldOptions) { .usec = USEC_INFINITY, .over = on_over, .userdata = work }, &work->hold);
}

/* ---- tasks/list ---- */

typedef struct TaskList {
        Exchange *exchange; /* not owned */
        char *before;
        JobFilter filter;
        JobPage page;
        Call *call;
        JobList jobs;
} TaskList;

static void task_list_free(void *work) {
        TaskList *l = work;

        (void) call_free(l->call);
        job_list_clear(&l->jobs);
        free(l->before);
        free(l);
}

static int append_task(json_object *tasks, const JobRecord *record) {
        json_object *task = json_object_new_object();
        int r;

        r = json_append(tasks, task);
        return r < 0 ? r : task_object_fill(task, record, false, false);
}

static int fill_list(const TaskList *l, json_object *result) {
        json_object *tasks = json_object_new_array();
        int r;

        r = json_add(result, "tasks", tasks);
        for (size_t i = 0; i < l->jobs.n && r >= 0; i++)
                r = append_task(tasks, &l->jobs.records[i]);
        if (r >= 0 && l->jobs.n == PAGE_SIZE)
                r = json_add_string(result, "nextCursor", l->jobs.records[l->jobs.n - 1].id);
        return r;
}

static void on_listed(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_json_ json_object *result = json_object_new_object();
        TaskList *l = userdata;
        int r;

        if (error) {
                exchange_fail(l->exchange, sd_bus_error_has_name(error, JOBS_ERROR_INVALID_ARGUMENT) ? CODE_PARAMS : CODE_INTERNAL,
                              "%s", strempty(error->message));
                return;
        }
        r = result ? job_list_read(reply, &l->jobs) : -ENOMEM;
        if (r >= 0)
                r = fill_list(l, result);
        if (r < 0)
                exchange_fail_errno(l->exchange, r);
        else
                exchange_answer(l->exchange, TAKE_PTR(result));
}

int tasks_list(Exchange *x, json_object *params) {
        const char *cursor = json_text(params, "cursor");
        TaskList *l;

        if (cursor && !job_id_is_valid(cursor)) {
                exchange_fail(x, CODE_PARAMS, "Invalid cursor");
                return 0;
        }
        l = malloc(sizeof(TaskList));
        if (!l)
                return -ENOMEM;
        *l = (TaskList) { .exchange = x, .before = cursor ? strdup(cursor) : NULL };
        l->page = (JobPage) { .filter = &l->filter, .before = l->before, .limit = PAGE_SIZE };
        exchange_set_work(x, l, task_list_free);
        if (cursor && !l->before)
                return -ENOMEM;
        return call_new(x->mcp->client, &l->call, CALL_AGAIN, "List", append_job_page, &l->page, on_listed, l);
}
