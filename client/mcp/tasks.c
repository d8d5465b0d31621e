/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "jobs.h"
#include "task-object.h"
#include "tasks.h"
#include "work.h"

#define PAGE_SIZE 50U
#define RELATED_TASK "io.modelcontextprotocol/related-task"

typedef struct TaskWork {
        Work work;
        char *id;
        int (*got)(struct TaskWork *task); /* the record was read; as a step */
        JobRecord record;
} TaskWork;

static void task_clear(Work *work) {
        TaskWork *task = (TaskWork *) work;

        job_record_clear(&task->record);
        free(task->id);
}

/* ---- Which task ---- */

static void refused(Work *work, const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                exchange_fail(work->exchange, CODE_PARAMS, "Task not found");
        else
                exchange_fail(work->exchange, CODE_INTERNAL, "%s", strempty(error->message));
}

/* Creates the work of a method for the task that it names. Returns 1 after answering that it cannot be. */
static int task_new(Exchange *x, json_object *params, TaskWork **ret) {
        const char *id = json_text(params, "taskId");
        TaskWork *task;
        int r;

        if (x->modern && !x->tasks) {
                r = exchange_fail_capability(x);
                return r < 0 ? r : 1;
        }
        if (!id || !job_id_is_valid(id)) {
                exchange_fail(x, CODE_PARAMS, id ? "Task not found" : "Missing taskId");
                return 1;
        }
        task = malloc(sizeof(TaskWork));
        if (!task)
                return -ENOMEM;
        *task = (TaskWork) {
                .work = { .exchange = x, .refused = refused, .clear = task_clear },
                .id = strdup(id),
                .record = JOB_RECORD_INIT,
        };
        work_set(&task->work);
        *ret = task;
        return task->id ? 0 : -ENOMEM;
}

static int got(Work *work, sd_bus_message *reply) {
        TaskWork *task = (TaskWork *) work;
        int r;

        job_record_clear(&task->record);
        r = job_record_read(reply, &task->record);
        return r < 0 ? r : task->got(task);
}

static int read_job(TaskWork *task, int (*then)(TaskWork *task)) {
        task->got = then;
        return work_call(&task->work, CALL_AGAIN, "Get", append_string, task->id, got);
}

static int with_task(Exchange *x, json_object *params, int (*then)(TaskWork *task)) {
        TaskWork *task;
        int r;

        r = task_new(x, params, &task);
        return r != 0 ? MIN(r, 0) : read_job(task, then);
}

/* ---- tasks/get ---- */

/* The task, with its result if it has one here, which is taken. */
static json_object *task_object(const TaskWork *task, json_object *result) {
        _cleanup_json_ json_object *o = json_object_new_object(), *owned = result;

        if (!o || task_object_fill(o, &task->record, task->work.exchange->modern, false) < 0 ||
            (owned && json_add(o, "result", TAKE_PTR(owned)) < 0))
                return NULL;
        return TAKE_PTR(o);
}

static json_object *made_for_get(Work *work, json_object *structured) {
        json_object *result = report_result_of_task(structured);

        return result ? task_object((TaskWork *) work, result) : NULL;
}

static int report(TaskWork *task, work_result_t made) {
        return work_report(&task->work, &(const JobRecord *) { &task->record }, 1,
                           &(const ReportOptions) { .done = true, .bytes = REPORT_BYTES }, made);
}

static int answer(TaskWork *task) {
        exchange_answer(task->work.exchange, task_object(task, NULL));
        return 0;
}

static int got_task(TaskWork *task) {
        bool has_result = task->record.state == JOB_COMPLETED || task->record.state == JOB_FAILED;

        return has_result && task->work.exchange->modern ? report(task, made_for_get) : answer(task);
}

int tasks_get(Exchange *x, json_object *params) {
        return with_task(x, params, got_task);
}

/* ---- tasks/update ---- */

static int got_updated(TaskWork *task) {
        exchange_answer(task->work.exchange, json_object_new_object());
        return 0;
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

static int cancel_unseen(Mcp *mcp, const char *id) {
        Errand *errand = malloc(sizeof(Errand));
        int r;

        if (!errand)
                return -ENOMEM;
        *errand = (Errand) { .mcp = mcp, .id = strdup(id) };
        r = errand->id ? 0 : -ENOMEM;
        if (r >= 0)
                r = call_new(mcp->client, &errand->call, CALL_PATIENT, "Cancel", append_string, errand->id, on_errand,
                             errand);
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

static int cancelled(Work *work, sd_bus_message *reply) {
        return read_job((TaskWork *) work, answer);
}

static int got_to_cancel(TaskWork *task) {
        Exchange *x = task->work.exchange;
        bool has_ended = job_state_is_terminal(task->record.state);
        int r;

        if (has_ended && !x->modern) {
                exchange_fail(x, CODE_PARAMS, "The task has already ended");
                return 0;
        }
        if (!x->modern)
                return work_call(&task->work, CALL_PATIENT, "Cancel", append_string, task->id, cancelled);
        r = has_ended ? 0 : cancel_unseen(x->mcp, task->id);
        if (r >= 0)
                exchange_answer(x, json_object_new_object());
        return r;
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

static json_object *made_for_result(Work *work, json_object *structured) {
        _cleanup_json_ json_object *result = report_result(structured);

        return result && add_related_task(result, ((TaskWork *) work)->id) >= 0 ? TAKE_PTR(result) : NULL;
}

static int over(Work *work) {
        TaskWork *task = (TaskWork *) work;
        int r = job_record_copy(hold_record(work->hold, 0), &task->record);

        return r < 0 ? r : report(task, made_for_result);
}

int tasks_result(Exchange *x, json_object *params) {
        TaskWork *task;
        int r;

        r = task_new(x, params, &task);
        if (r != 0)
                return MIN(r, 0);
        return work_hold(&task->work, &(const char *) { task->id }, 1, false, USEC_INFINITY, over);
}

/* ---- tasks/list ---- */

typedef struct TaskList {
        Work work;
        char *before;
        JobFilter filter;
        JobPage page;
        JobList jobs;
} TaskList;

static void list_clear(Work *work) {
        TaskList *l = (TaskList *) work;

        job_list_clear(&l->jobs);
        free(l->before);
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

static int listed(Work *work, sd_bus_message *reply) {
        _cleanup_json_ json_object *result = json_object_new_object();
        TaskList *l = (TaskList *) work;
        int r;

        r = result ? job_list_read(reply, &l->jobs) : -ENOMEM;
        if (r >= 0)
                r = fill_list(l, result);
        if (r >= 0)
                exchange_answer(work->exchange, TAKE_PTR(result));
        return r;
}

static void list_refused(Work *work, const sd_bus_error *error) {
        bool of_cursor = sd_bus_error_has_name(error, JOBS_ERROR_INVALID_ARGUMENT);

        exchange_fail(work->exchange, of_cursor ? CODE_PARAMS : CODE_INTERNAL, "%s", strempty(error->message));
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
        *l = (TaskList) {
                .work = { .exchange = x, .refused = list_refused, .clear = list_clear },
                .before = cursor ? strdup(cursor) : NULL,
        };
        l->page = (JobPage) { .filter = &l->filter, .before = l->before, .limit = PAGE_SIZE };
        work_set(&l->work);
        if (cursor && !l->before)
                return -ENOMEM;
        return work_call(&l->work, CALL_AGAIN, "List", append_job_page, &l->page, listed);
}
