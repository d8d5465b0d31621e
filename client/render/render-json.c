/* SPDX-License-Identifier: Apache-2.0 */

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

/* What comes from a job or from whoever enqueued it. */
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

static int add_number_unless(json_object *object, const char *name, int64_t value, int64_t absent) {
        return value == absent ? add_null(object, name) : add(object, name, json_object_new_int64(value));
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

static int add_result(json_object *object, const char *text) {
        _cleanup_json_ json_object *value = text ? json_tokener_parse(text) : NULL;
        int r;

        r = clean_json(value);
        if (r < 0)
                return r;
        return value ? add(object, "result", TAKE_PTR(value)) : add_null(object, "result");
}

static const char *null_if_empty(const char *s) {
        return isempty(s) ? NULL : s;
}

static int add_record(json_object *o, const JobRecord *record) {
        char unit[JOB_UNIT_MAX];
        int r;

        if ((r = add_string(o, "id", record->id)) < 0 ||
            (r = add_string(o, "kind", record->kind)) < 0 ||
            (r = add_clean_line(o, "label", record->label)) < 0 ||
            (r = add_string(o, "state", job_state_to_string(record->state))) < 0 ||
            (r = add_string(o, "reason", null_if_empty(job_reason_to_string(record->reason)))) < 0 ||
            (r = add_number_unless(o, "exit_code", record->exit_code, -1)) < 0 ||
            (r = add_number_unless(o, "signal", record->signal, 0)) < 0 ||
            (r = add_number(o, "uid", record->uid)) < 0 ||
            (r = add_string(o, "unit", job_unit_name(record->id, unit))) < 0 ||
            (r = add_string(o, "queue", null_if_empty(record->queue))) < 0 ||
            (r = add_string(o, "directory", null_if_empty(record->directory))) < 0 ||
            (r = add_string(o, "workspace", null_if_empty(record->workspace))) < 0 ||
            (r = add_string(o, "session", null_if_empty(record->session))) < 0 ||
            (r = add_time(o, "created_at", record->created_usec)) < 0 ||
            (r = add_time(o, "started_at", record->started_usec)) < 0 ||
            (r = add_time(o, "finished_at", record->finished_usec)) < 0 ||
            (r = add_number_unless(o, "sequence", (int64_t) record->sequence, 0)) < 0 ||
            (r = add_clean_line(o, "progress", record->progress)) < 0 ||
            (r = add_number(o, "stdout_bytes", record->stdout_bytes)) < 0 ||
            (r = add_number(o, "stderr_bytes", record->stderr_bytes)) < 0 ||
            (r = add_result(o, null_if_empty(record->result))) < 0 ||
            (r = add_number_unless(o, "stopped_by", record->stopped_by, UINT32_MAX)) < 0 ||
            (r = add_number_unless(o, "cpu_usage_usec", (int64_t) record->cpu_usage_usec, 0)) < 0 ||
            (r = add_number_unless(o, "memory_peak", (int64_t) record->memory_peak, 0)) < 0 ||
            (r = add_bool(o, "notify", record->notify)) < 0 ||
            (r = add_string(o, "retry_of", null_if_empty(record->retry_of))) < 0 ||
            (r = add_clean_line(o, "result_error", record->result_error)) < 0 ||
            (r = add_clean_line(o, "left_behind", record->left_behind)) < 0 ||
            (r = add_string(o, "end_source", null_if_empty(record->end_source))) < 0)
                return r;
        return 0;
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
            (r = add_number(o, "max_queued", queue->max_queued)) < 0)
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
            (r = add_string(o, "remedy", check->remedy)) < 0)
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
