/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "json-build.h"
#include "json-escape.h"
#include "render-json.h"
#include "say.h"
#include "terminal.h"
#include "write.h"

#define SCHEMA 1

void json_extra_clear(JsonExtra *extra) {
        free(extra->stdout_text);
        free(extra->stderr_text);
        *extra = (JsonExtra) {};
}

/* Adds the members of an item. */
typedef int (*fill_t)(json_object *o, const void *item);

/* NULL: out of memory. */
static json_object *new_object(fill_t fill, const void *item) {
        _cleanup_json_ json_object *o = json_object_new_object();

        return o && fill(o, item) >= 0 ? TAKE_PTR(o) : NULL;
}

/* The words of a text. */
static int add_list(json_object *object, const char *name, const char *text) {
        json_object *array;
        int r;

        if (isempty(text))
                return json_add_null(object, name);
        array = json_object_new_array();
        r = json_add(object, name, array);
        for (const char *p = text; *p && r >= 0; p += strspn(p, " ")) {
                size_t n = strcspn(p, " ");

                r = json_append(array, json_object_new_string_len(p, (int) n));
                p += n;
        }
        return r;
}

static int fill_attempt(json_object *o, const void *item) {
        const JobAttempt *a = item;
        JobState state = a->reason == JOB_REASON_NONE ? JOB_COMPLETED : a->reason == JOB_REASON_USER ? JOB_CANCELLED : JOB_FAILED;
        int r;

        if ((r = json_add_string(o, "state", job_state_to_string(state))) < 0 ||
            (r = json_add_string(o, "reason", a->reason == JOB_REASON_NONE ? NULL : job_reason_to_string(a->reason))) < 0 ||
            (r = a->exit_code < 0 ? json_add_null(o, "exit_code") : json_add_number(o, "exit_code", (uint64_t) a->exit_code)) < 0 ||
            (r = a->signal == 0 ? json_add_null(o, "signal") : json_add_number(o, "signal", (uint64_t) a->signal)) < 0 ||
            (r = json_add_time(o, "started_at", a->started_usec)) < 0 ||
            (r = json_add_time(o, "finished_at", a->finished_usec)) < 0 ||
            (r = json_add_number(o, "stdout_bytes", a->stdout_bytes)) < 0 ||
            (r = json_add_number(o, "stderr_bytes", a->stderr_bytes)) < 0)
                return r;
        return 0;
}

static int add_attempts(json_object *object, const char *name, const char *text) {
        const char *p = strempty(text);
        json_object *array;
        JobAttempt attempt;
        int r;

        if (isempty(text))
                return json_add_null(object, name);
        array = json_object_new_array();
        r = json_add(object, name, array);
        while (r >= 0 && job_attempts_next(&p, &attempt) > 0)
                r = json_append(array, new_object(fill_attempt, &attempt));
        return r;
}

static int add_field(json_object *o, const JobRecord *record, const JobField *f) {
        const char *text = job_field_text(record, f);
        int64_t number;

        switch (f->kind) {
        case FIELD_LINE:
                return json_add_clean_line(o, f->json, text);
        case FIELD_OBJECT:
                return json_add_object_text(o, f->json, text);
        case FIELD_ATTEMPTS:
                return add_attempts(o, f->json, text);
        case FIELD_LIST:
                return add_list(o, f->json, text);
        default:
                if (job_field_is_text(f))
                        return json_add_string(o, f->json, isempty(text) ? NULL : text);
        }
        number = job_field_number(record, f);
        if (f->kind == FIELD_FLAG)
                return json_add_bool(o, f->json, number != 0);
        if (f->kind == FIELD_TIME)
                return json_add_time(o, f->json, (uint64_t) number);
        if (f->none == FIELD_NEVER && f->kind == FIELD_INTEGER)
                return json_add(o, f->json, json_object_new_int64(number));
        if (f->none == FIELD_NEVER)
                return json_add_number(o, f->json, (uint64_t) number);
        return number == f->none ? json_add_null(o, f->json) : json_add(o, f->json, json_object_new_int64(number));
}

static int add_record(json_object *o, const JobRecord *record) {
        char unit[JOB_UNIT_MAX];
        int r = 0;

        for (size_t i = 0; i < JOB_FIELDS_N && r >= 0; i++)
                r = add_field(o, record, &job_fields[i]);
        return r < 0 ? r : json_add_string(o, "unit", job_unit_name(record->id, unit));
}

static int add_output(json_object *o, const JsonExtra *extra) {
        int r;

        if ((r = json_add_string(o, "stdout", extra->stdout_text)) < 0 ||
            (r = json_add_string(o, "stderr", extra->stderr_text)) < 0 ||
            (r = json_add_bool(o, "stdout_truncated", extra->stdout_truncated)) < 0 ||
            (r = json_add_bool(o, "stderr_truncated", extra->stderr_truncated)) < 0)
                return r;
        return 0;
}

static int add_extra(json_object *o, const JsonExtra *extra) {
        int r = 0;

        if (extra->existing != ANSWER_ABSENT)
                r = json_add_bool(o, "existing", extra->existing == ANSWER_YES);
        if (r >= 0 && extra->wait_timed_out != ANSWER_ABSENT)
                r = json_add_bool(o, "wait_timed_out", extra->wait_timed_out == ANSWER_YES);
        return r >= 0 && extra->output ? add_output(o, extra) : r;
}

typedef struct Place {
        const JsonReply *reply;
        size_t i;
} Place;

static int fill_job(json_object *o, const void *item) {
        const Place *place = item;
        int r;

        r = add_record(o, place->reply->records[place->i]);
        return r >= 0 && place->reply->extras ? add_extra(o, &place->reply->extras[place->i]) : r;
}

static int fill_queue(json_object *o, const OwnQueue *queue) {
        int r;

        if ((r = json_add_string(o, "name", queue->name)) < 0 ||
            (r = json_add_bool(o, "paused", queue->paused)) < 0 ||
            (r = json_add_number(o, "queued", queue->queued)) < 0 ||
            (r = json_add_number(o, "running", queue->running)) < 0)
                return r;
        return 0;
}

static int fill_whole_queue(json_object *o, const void *item) {
        const OwnQueue *queue = item;
        int r;

        if ((r = fill_queue(o, queue)) < 0 ||
            (r = json_add_number(o, "max_running", queue->max_running)) < 0 ||
            (r = json_add_number(o, "max_queued", queue->max_queued)) < 0 ||
            (r = *queue->obstacle ? json_add_clean_line(o, "obstacle", queue->obstacle) : json_add_null(o, "obstacle")) < 0)
                return r;
        return 0;
}

static int add_jobs(json_object *document, const JsonReply *reply) {
        json_object *array;
        int r;

        if (reply->single)
                return json_add(document, "job", new_object(fill_job, &(Place) { reply, 0 }));
        array = json_object_new_array();
        r = json_add(document, "jobs", array);
        for (size_t i = 0; i < reply->n && r >= 0; i++)
                r = json_append(array, new_object(fill_job, &(Place) { reply, i }));
        return r;
}

static int add_next(json_object *document, char *const *next) {
        json_object *array = json_object_new_array();
        int r;

        r = json_add(document, "next", array);
        for (; r >= 0 && next && *next; next++)
                r = json_append(array, json_object_new_string(*next));
        return r;
}

static int document_text(json_object *document, bool ascii, char **ret) {
        const char *text;

        text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        *ret = text ? json_escape(text, ascii) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int write_document(fill_t fill, const void *item, sd_bus_error *error) {
        _cleanup_json_ json_object *document = new_object(fill, item);
        _cleanup_free_ char *text = NULL;
        int r;

        if (!document)
                return -ENOMEM;
        r = document_text(document, !terminal_takes_utf8(STDOUT_FILENO), &text);
        if (r >= 0)
                r = write_stdout(text, strlen(text), error);
        return r < 0 ? r : write_stdout("\n", 1, error);
}

static int fill_document(json_object *document, const void *item) {
        const JsonReply *reply = item;
        int r;

        r = json_add_number(document, "schema", SCHEMA);
        if (r >= 0 && !reply->queue_alone)
                r = add_jobs(document, reply);
        if (r >= 0 && reply->queue)
                r = json_add(document, "queue", new_object(fill_whole_queue, reply->queue));
        return r < 0 ? r : add_next(document, reply->next);
}

int json_document(const JsonReply *reply, char **ret) {
        _cleanup_json_ json_object *document = new_object(fill_document, reply);

        return document ? document_text(document, false, ret) : -ENOMEM;
}

int json_write(const JsonReply *reply, sd_bus_error *error) {
        return write_document(fill_document, reply, error);
}

/* ---- setup ---- */

static int fill_check(json_object *o, const void *item) {
        const JsonCheck *check = item;
        int r;

        if ((r = json_add_string(o, "name", check->name)) < 0 ||
            (r = json_add_string(o, "status", check->status)) < 0 ||
            (r = json_add_string(o, "text", check->text)) < 0 ||
            (r = json_add_string(o, "remedy", check->remedy)) < 0 ||
            (r = json_add_string(o, "command", check->command)) < 0)
                return r;
        return 0;
}

static int add_checks(json_object *document, const JsonChecks *checks) {
        json_object *array = json_object_new_array(), *next = json_object_new_array();
        int r;

        r = json_add(document, "checks", array);
        if (r < 0) {
                (void) json_object_put(next);
                return r;
        }
        r = json_add(document, "next", next);
        for (size_t i = 0; i < checks->n && r >= 0; i++) {
                r = json_append(array, new_object(fill_check, &checks->checks[i]));
                if (r >= 0 && checks->checks[i].command)
                        r = json_append(next, json_object_new_string(checks->checks[i].command));
        }
        return r;
}

static int fill_checks(json_object *document, const void *item) {
        const JsonChecks *checks = item;
        int r;

        r = json_add_number(document, "schema", SCHEMA);
        if (r >= 0)
                r = json_add_bool(document, "ok", checks->ok);
        if (r >= 0)
                r = json_add_string(document, "scope", checks->scope);
        return r < 0 ? r : add_checks(document, checks);
}

int json_write_checks(const JsonChecks *checks, sd_bus_error *error) {
        return write_document(fill_checks, checks, error);
}

/* ---- Consumers and queues ---- */

/* The name is not escaped: it identifies the consumer. */
static int fill_consumer(json_object *o, const void *item) {
        const Consumer *consumer = item;
        int r;

        if ((r = json_add_string(o, "name", consumer->name)) < 0 ||
            (r = json_add_number(o, "sequence", consumer->sequence)) < 0 ||
            (r = json_add_time(o, "seen_at", consumer->seen_usec)) < 0 ||
            (r = json_add_bool(o, "unread", consumer->unread)) < 0)
                return r;
        return 0;
}

static int add_limit(json_object *o, const char *name, uint32_t limit) {
        return limit > 0 ? json_add_number(o, name, limit) : json_add_null(o, name);
}

/* A list has the limit of its own, if any. */
static int fill_listed_queue(json_object *o, const void *item) {
        const OwnQueue *queue = item;
        int r;

        r = fill_queue(o, queue);
        if (r >= 0)
                r = add_limit(o, "max_running", queue->max_running);
        if (r >= 0)
                r = json_add_bool(o, "administrator", queue->is_administrators);
        if (r >= 0)
                r = add_limit(o, "max_running_per_user", queue->max_running_user);
        if (r >= 0)
                r = json_add_number(o, "running_of_all", queue->running_of_all);
        if (r >= 0)
                r = json_add_bool(o, "closed", queue->is_closed);
        if (r < 0)
                return r;
        return *queue->problem ? json_add_string(o, "problem", queue->problem) : json_add_null(o, "problem");
}

typedef struct List {
        const char *name; /* of the array */
        const void *items;
        size_t size; /* of an item */
        size_t n;
        fill_t fill;
} List;

static int fill_list(json_object *document, const void *item) {
        const List *list = item;
        json_object *array;
        int r;

        r = json_add_number(document, "schema", SCHEMA);
        if (r < 0)
                return r;
        array = json_object_new_array();
        r = json_add(document, list->name, array);
        for (size_t i = 0; i < list->n && r >= 0; i++)
                r = json_append(array, new_object(list->fill, (const char *) list->items + i * list->size));
        return r < 0 ? r : add_next(document, NULL);
}

int json_write_queues(const OwnQueue *queues, size_t n, sd_bus_error *error) {
        return write_document(fill_list, &(List) { "queues", queues, sizeof(*queues), n, fill_listed_queue }, error);
}

int json_write_consumers(const Consumer *consumers, size_t n, sd_bus_error *error) {
        return write_document(fill_list, &(List) { "consumers", consumers, sizeof(*consumers), n, fill_consumer }, error);
}
