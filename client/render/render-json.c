/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <json-c/json.h>

#include "clean.h"
#include "json-escape.h"
#include "render-json.h"
#include "say.h"
#include "terminal.h"
#include "time-util.h"
#include "write.h"

#define SCHEMA 1

static inline void json_putp(json_object **object) {
        if (*object)
                (void) json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_putp)

void json_extra_clear(JsonExtra *extra) {
        free(extra->stdout_text);
        free(extra->stderr_text);
        *extra = (JsonExtra) {};
}

/* Adds a value that takes memory to make. */
static int add(json_object *object, const char *name, json_object *value) {
        if (!value || json_object_object_add(object, name, value) < 0) {
                if (value)
                        (void) json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int add_null(json_object *object, const char *name) {
        return json_object_object_add(object, name, NULL) < 0 ? -ENOMEM : 0;
}

static int add_string(json_object *object, const char *name, const char *value) {
        return value ? add(object, name, json_object_new_string(value)) : add_null(object, name);
}

/* A string from a job or from the user who submitted it. */
static int add_clean_line(json_object *object, const char *name, const char *value) {
        _cleanup_free_ char *text = isempty(value) ? NULL : clean_string(value), *line = NULL;

        if (isempty(value))
                return add_null(object, name);
        line = text ? one_line(text) : NULL;
        return line ? add_string(object, name, line) : -ENOMEM;
}

static int add_bool(json_object *object, const char *name, bool value) {
        return add(object, name, json_object_new_boolean(value));
}

static int add_number(json_object *object, const char *name, uint64_t value) {
        return add(object, name, json_object_new_uint64(value));
}

static int add_time(json_object *object, const char *name, uint64_t usec) {
        char text[RFC3339_MAX];

        return add_string(object, name, usec > 0 ? format_rfc3339(usec, text) : NULL);
}

static int clean_json_string(json_object *value) {
        _cleanup_free_ char *text = clean_string(json_object_get_string(value));

        return text && json_object_set_string(value, text) == 1 ? 0 : -ENOMEM;
}

/* The texts within a value that a job made up. The parser limits how deep it is. */
static int clean_json(json_object *value) {
        int r = 0;

        if (json_object_is_type(value, json_type_string))
                return clean_json_string(value);
        if (json_object_is_type(value, json_type_array))
                for (size_t i = 0; i < json_object_array_length(value) && r >= 0; i++)
                        r = clean_json(json_object_array_get_idx(value, i));
        if (json_object_is_type(value, json_type_object)) {
                json_object_object_foreach(value, key, member) {
                        (void) key;
                        if (r >= 0)
                                r = clean_json(member);
                }
        }
        return r;
}

static int add_object(json_object *object, const char *name, const char *text) {
        _cleanup_json_ json_object *value = !isempty(text) ? json_tokener_parse(text) : NULL;
        int r;

        r = clean_json(value);
        if (r < 0)
                return r;
        return value ? add(object, name, TAKE_PTR(value)) : add_null(object, name);
}

static int add_field(json_object *o, const JobRecord *record, const JobField *f) {
        const char *text = job_field_text(record, f);
        int64_t number;

        switch (f->kind) {
        case FIELD_LINE:
                return add_clean_line(o, f->json, text);
        case FIELD_OBJECT:
                return add_object(o, f->json, text);
        default:
                if (job_field_is_text(f))
                        return add_string(o, f->json, isempty(text) ? NULL : text);
        }
        number = job_field_number(record, f);
        if (f->kind == FIELD_FLAG)
                return add_bool(o, f->json, number != 0);
        if (f->kind == FIELD_TIME)
                return add_time(o, f->json, (uint64_t) number);
        if (f->none == FIELD_NEVER)
                return add_number(o, f->json, (uint64_t) number);
        return number == f->none ? add_null(o, f->json) : add(o, f->json, json_object_new_int64(number));
}

static int add_record(json_object *o, const JobRecord *record) {
        char unit[JOB_UNIT_MAX];
        int r = 0;

        for (size_t i = 0; i < JOB_FIELDS_N && r >= 0; i++)
                r = add_field(o, record, &job_fields[i]);
        return r < 0 ? r : add_string(o, "unit", job_unit_name(record->id, unit));
}

static int add_output(json_object *o, const JsonExtra *extra) {
        int r;

        if ((r = add_string(o, "stdout", extra->stdout_text)) < 0 ||
            (r = add_string(o, "stderr", extra->stderr_text)) < 0 ||
            (r = add_bool(o, "stdout_truncated", extra->stdout_truncated)) < 0 ||
            (r = add_bool(o, "stderr_truncated", extra->stderr_truncated)) < 0)
                return r;
        return 0;
}

static int add_extra(json_object *o, const JsonExtra *extra) {
        int r;

        if (extra->existing != ANSWER_ABSENT) {
                r = add_bool(o, "existing", extra->existing == ANSWER_YES);
                if (r < 0)
                        return r;
        }
        if (extra->wait_timed_out != ANSWER_ABSENT) {
                r = add_bool(o, "wait_timed_out", extra->wait_timed_out == ANSWER_YES);
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
        if ((r = add_bool(o, "paused", queue->paused)) < 0 ||
            (r = add_number(o, "queued", queue->queued)) < 0 ||
            (r = add_number(o, "running", queue->running)) < 0 ||
            (r = add_number(o, "max_running", queue->max_running)) < 0 ||
            (r = add_number(o, "max_queued", queue->max_queued)) < 0 ||
            (r = *queue->obstacle ? add_clean_line(o, "obstacle", queue->obstacle) : add_null(o, "obstacle")) < 0)
                return r;
        return add(document, "queue", TAKE_PTR(o));
}

static int add_to_array(json_object *array, json_object *value) {
        if (!value || json_object_array_add(array, value) < 0) {
                if (value)
                        (void) json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int add_jobs(json_object *document, const JsonReply *reply) {
        json_object *array, *job;
        int r;

        if (reply->single) {
                r = job_object(reply, 0, &job);
                return r < 0 ? r : add(document, "job", job);
        }
        array = json_object_new_array();
        r = add(document, "jobs", array);
        for (size_t i = 0; i < reply->n && r >= 0; i++) {
                r = job_object(reply, i, &job);
                if (r >= 0)
                        r = add_to_array(array, job);
        }
        return r;
}

static int add_next(json_object *document, char *const *next) {
        json_object *array = json_object_new_array();
        int r;

        r = add(document, "next", array);
        for (; r >= 0 && next && *next; next++)
                r = add_to_array(array, json_object_new_string(*next));
        return r;
}

static int write_document(json_object *document, sd_bus_error *error) {
        _cleanup_free_ char *safe = NULL;
        const char *text;
        int r;

        text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        safe = text ? json_escape(text, !terminal_takes_utf8(STDOUT_FILENO)) : NULL;
        if (!safe)
                return -ENOMEM;
        r = write_stdout(safe, strlen(safe), error);
        return r < 0 ? r : write_stdout("\n", 1, error);
}

int json_write(const JsonReply *reply, sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        int r;

        if (!document)
                return -ENOMEM;
        r = add_number(document, "schema", SCHEMA);
        if (r >= 0 && !reply->queue_alone)
                r = add_jobs(document, reply);
        if (r >= 0 && reply->queue)
                r = add_queue(document, reply->queue);
        if (r >= 0)
                r = add_next(document, reply->next);
        return r < 0 ? r : write_document(document, error);
}

/* ---- setup ---- */

static int check_object(const JsonCheck *check, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = add_string(o, "name", check->name)) < 0 ||
            (r = add_string(o, "status", check->status)) < 0 ||
            (r = add_string(o, "text", check->text)) < 0 ||
            (r = add_string(o, "remedy", check->remedy)) < 0 ||
            (r = add_string(o, "command", check->command)) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

static int add_checks(json_object *document, const JsonChecks *checks) {
        json_object *array = json_object_new_array(), *next = json_object_new_array(), *object;
        int r;

        r = add(document, "checks", array);
        if (r < 0) {
                (void) json_object_put(next);
                return r;
        }
        r = add(document, "next", next);
        for (size_t i = 0; i < checks->n && r >= 0; i++) {
                r = check_object(&checks->checks[i], &object);
                if (r >= 0)
                        r = add_to_array(array, object);
                if (r >= 0 && checks->checks[i].command)
                        r = add_to_array(next, json_object_new_string(checks->checks[i].command));
        }
        return r;
}

int json_write_checks(const JsonChecks *checks, sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        int r;

        if (!document)
                return -ENOMEM;
        r = add_number(document, "schema", SCHEMA);
        if (r >= 0)
                r = add_bool(document, "ok", checks->ok);
        if (r >= 0)
                r = add_string(document, "scope", checks->scope);
        if (r >= 0)
                r = add_checks(document, checks);
        return r < 0 ? r : write_document(document, error);
}

/* ---- inbox ---- */

/* The name is not escaped: it identifies the consumer. */
static int consumer_object(const Consumer *consumer, json_object **ret) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = add_string(o, "name", consumer->name)) < 0 ||
            (r = add_number(o, "sequence", consumer->sequence)) < 0 ||
            (r = add_time(o, "seen_at", consumer->seen_usec)) < 0 ||
            (r = add_bool(o, "unread", consumer->unread)) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

int json_write_consumers(const Consumer *consumers, size_t n, sd_bus_error *error) {
        _cleanup_json_ json_object *document = json_object_new_object();
        json_object *array, *object;
        int r;

        if (!document)
                return -ENOMEM;
        r = add_number(document, "schema", SCHEMA);
        if (r < 0)
                return r;
        array = json_object_new_array();
        r = add(document, "consumers", array);
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = consumer_object(&consumers[i], &object);
                if (r >= 0)
                        r = add_to_array(array, object);
        }
        if (r >= 0)
                r = add_next(document, NULL);
        return r < 0 ? r : write_document(document, error);
}
