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

static int add_attempt(json_object *array, const JobAttempt *a) {
        JobState state = a->reason == JOB_REASON_NONE ? JOB_COMPLETED : a->reason == JOB_REASON_USER ? JOB_CANCELLED : JOB_FAILED;
        json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add_string(o, "state", job_state_to_string(state))) < 0 ||
            (r = json_add_string(o, "reason", a->reason == JOB_REASON_NONE ? NULL : job_reason_to_string(a->reason))) < 0 ||
            (r = a->exit_code < 0 ? json_add_null(o, "exit_code") : json_add_number(o, "exit_code", (uint64_t) a->exit_code)) < 0 ||
            (r = a->signal == 0 ? json_add_null(o, "signal") : json_add_number(o, "signal", (uint64_t) a->signal)) < 0 ||
            (r = json_add_time(o, "started_at", a->started_usec)) < 0 ||
            (r = json_add_time(o, "finished_at", a->finished_usec)) < 0 ||
            (r = json_add_number(o, "stdout_bytes", a->stdout_bytes)) < 0 ||
            (r = json_add_number(o, "stderr_bytes", a->stderr_bytes)) < 0) {
                (void) json_object_put(o);
                return r;
        }
        return json_append(array, o);
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
                r = add_attempt(array, &attempt);
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
        int r;

        if (extra->existing != ANSWER_ABSENT) {
                r = json_add_bool(o, "existing", extra->existing == ANSWER_YES);
                if (r < 0)
                        return r;
        }
        if (extra->wait_timed_out != ANSWER_ABSENT) {
                r = json_add_bool(o, "wait_timed_out", extra->wait_timed_out == ANSWER_YES);
                if (r < 0)
                        return r;
        }
        return extra->output ? add_output(o, extra) : 0;
}

static int job_object(const JsonReply *reply, size_t i, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        r = add_record(o, reply->records[i]);
        if (r < 0)
                return r;
        if (reply->extras) {
                r = add_extra(o, &reply->extras[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(o);
        return 0;
}

static int add_queue(json_object *document, const OwnQueue *queue) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add_string(o, "name", queue->name)) < 0 ||
            (r = json_add_bool(o, "paused", queue->paused)) < 0 ||
            (r = json_add_number(o, "queued", queue->queued)) < 0 ||
            (r = json_add_number(o, "running", queue->running)) < 0 ||
            (r = json_add_number(o, "max_running", queue->max_running)) < 0 ||
            (r = json_add_number(o, "max_queued", queue->max_queued)) < 0 ||
            (r = *queue->obstacle ? json_add_clean_line(o, "obstacle", queue->obstacle) : json_add_null(o, "obstacle")) < 0)
                return r;
        return json_add(document, "queue", TAKE_PTR(o));
}

static int add_jobs(json_object *document, const JsonReply *reply) {
        json_object *array, *job;
        int r;

        if (reply->single) {
                r = job_object(reply, 0, &job);
                return r < 0 ? r : json_add(document, "job", job);
        }
        array = json_object_new_array();
        r = json_add(document, "jobs", array);
        for (size_t i = 0; i < reply->n && r >= 0; i++) {
                r = job_object(reply, i, &job);
                if (r >= 0)
                        r = json_append(array, job);
        }
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

static int write_document(json_object *document, sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = document_text(document, !terminal_takes_utf8(STDOUT_FILENO), &text);
        if (r >= 0)
                r = write_stdout(text, strlen(text), error);
        return r < 0 ? r : write_stdout("\n", 1, error);
}

static int fill_document(json_object *document, const JsonReply *reply) {
        int r;

        r = json_add_number(document, "schema", SCHEMA);
        if (r >= 0 && !reply->queue_alone)
                r = add_jobs(document, reply);
        if (r >= 0 && reply->queue)
                r = add_queue(document, reply->queue);
        return r < 0 ? r : add_next(document, reply->next);
}

int json_document(const JsonReply *reply, char **ret) {
        _cleanup_json_ json_object *document = json_object_new_object();
        int r;

        if (!document)
                return -ENOMEM;
        r = fill_document(document, reply);
        return r < 0 ? r : document_text(document, false, ret);
}

int json_write(const JsonReply *reply, sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        int r;

        if (!document)
                return -ENOMEM;
        r = fill_document(document, reply);
        return r < 0 ? r : write_document(document, error);
}

/* ---- setup ---- */

static int check_object(const JsonCheck *check, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add_string(o, "name", check->name)) < 0 ||
            (r = json_add_string(o, "status", check->status)) < 0 ||
            (r = json_add_string(o, "text", check->text)) < 0 ||
            (r = json_add_string(o, "remedy", check->remedy)) < 0 ||
            (r = json_add_string(o, "command", check->command)) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

static int add_checks(json_object *document, const JsonChecks *checks) {
        json_object *array = json_object_new_array(), *next = json_object_new_array(), *object;
        int r;

        r = json_add(document, "checks", array);
        if (r < 0) {
                (void) json_object_put(next);
                return r;
        }
        r = json_add(document, "next", next);
        for (size_t i = 0; i < checks->n && r >= 0; i++) {
                r = check_object(&checks->checks[i], &object);
                if (r >= 0)
                        r = json_append(array, object);
                if (r >= 0 && checks->checks[i].command)
                        r = json_append(next, json_object_new_string(checks->checks[i].command));
        }
        return r;
}

int json_write_checks(const JsonChecks *checks, sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        int r;

        if (!document)
                return -ENOMEM;
        r = json_add_number(document, "schema", SCHEMA);
        if (r >= 0)
                r = json_add_bool(document, "ok", checks->ok);
        if (r >= 0)
                r = json_add_string(document, "scope", checks->scope);
        if (r >= 0)
                r = add_checks(document, checks);
        return r < 0 ? r : write_document(document, error);
}

/* ---- inbox ---- */

/* The name is not escaped: it identifies the consumer. */
static int consumer_object(const void *item, json_object **ret) {
        const Consumer *consumer = item;
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add_string(o, "name", consumer->name)) < 0 ||
            (r = json_add_number(o, "sequence", consumer->sequence)) < 0 ||
            (r = json_add_time(o, "seen_at", consumer->seen_usec)) < 0 ||
            (r = json_add_bool(o, "unread", consumer->unread)) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

/* Of a list: there are fewer members. */
static int queue_object(const void *item, json_object **ret) {
        const OwnQueue *queue = item;
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = json_add_string(o, "name", queue->name)) < 0 ||
            (r = json_add_bool(o, "paused", queue->paused)) < 0 ||
            (r = json_add_number(o, "queued", queue->queued)) < 0 ||
            (r = json_add_number(o, "running", queue->running)) < 0 ||
            (r = queue->max_running > 0 ? json_add_number(o, "max_running", queue->max_running) :
                                          json_add_null(o, "max_running")) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

/* A document whose member of that name is an array of n items of that size. */
static int write_list(const char *name, const void *items, size_t size, size_t n,
                      int (*make)(const void *item, json_object **ret), sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        json_object *array, *object;
        int r;

        if (!document)
                return -ENOMEM;
        r = json_add_number(document, "schema", SCHEMA);
        if (r < 0)
                return r;
        array = json_object_new_array();
        r = json_add(document, name, array);
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = make((const char *) items + i * size, &object);
                if (r >= 0)
                        r = json_append(array, object);
        }
        if (r >= 0)
                r = add_next(document, NULL);
        return r < 0 ? r : write_document(document, error);
}

int json_write_queues(const OwnQueue *queues, size_t n, sd_bus_error *error) {
        return write_list("queues", queues, sizeof(*queues), n, queue_object, error);
}

int json_write_consumers(const Consumer *consumers, size_t n, sd_bus_error *error) {
        return write_list("consumers", consumers, sizeof(*consumers), n, consumer_object, error);
}
