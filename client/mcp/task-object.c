/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "render.h"
#include "task-object.h"
#include "text-new.h"
#include "time-util.h"

#define POLL_MS 1000U       /* in the first minute */
#define POLL_LATER_MS 5000U
#define LATER_USEC (60 * USEC_PER_SEC)

/* A job that failed is a task that completed: with a result that says how it failed. */
static const char *status_of(const JobRecord *record) {
        switch (record->state) {
        case JOB_COMPLETED:
        case JOB_FAILED:
                return "completed";
        case JOB_CANCELLED:
                return "cancelled";
        default:
                return "working";
        }
}

static int add_message(json_object *o, const JobRecord *record) {
        _cleanup_free_ char *text = render_state(record);

        return text ? json_add_clean_line(o, "statusMessage", text) : -ENOMEM;
}

int task_object_fill(json_object *o, const JobRecord *record, bool modern, bool is_new) {
        uint64_t now = now_realtime(), age = now > record->created_usec ? now - record->created_usec : 0;
        uint64_t updated = record->finished_usec ?: record->started_usec ?: record->created_usec;
        int r;

        r = json_add_string(o, "taskId", record->id);
        if (r >= 0)
                r = json_add_string(o, "status", is_new ? "working" : status_of(record));
        if (r >= 0)
                r = add_message(o, record);
        if (r >= 0)
                r = json_add_time(o, "createdAt", record->created_usec ?: now);
        if (r >= 0)
                r = json_add_time(o, "lastUpdatedAt", updated ?: now);
        if (r >= 0) /* how long the service keeps a job depends on the others, too */
                r = json_add_null(o, modern ? "ttlMs" : "ttl");
        if (r >= 0)
                r = json_add_number(o, modern ? "pollIntervalMs" : "pollInterval",
                                    age < LATER_USEC ? POLL_MS : POLL_LATER_MS);
        return r;
}

static json_object *created_legacy(const JobRecord *record) {
        _cleanup_json_ json_object *result = json_object_new_object(), *task = json_object_new_object(),
                                   *meta = json_object_new_object();
        _cleanup_free_ char *text = NULL;

        if (!result || !task || !meta || task_object_fill(task, record, false, true) < 0)
                return NULL;
        text = text_new("Job %s is running; its result will follow. Do not run it again.", record->id);
        if (!text)
                return NULL;
        if (json_add_string(meta, "io.modelcontextprotocol/model-immediate-response", text) < 0 ||
            json_add(result, "task", TAKE_PTR(task)) < 0 || json_add(result, "_meta", TAKE_PTR(meta)) < 0)
                return NULL;
        return TAKE_PTR(result);
}

json_object *task_object_created(const JobRecord *record, bool modern) {
        _cleanup_json_ json_object *result = NULL;

        if (!modern)
                return created_legacy(record);
        result = json_object_new_object();
        if (!result || json_add_string(result, "resultType", "task") < 0 ||
            task_object_fill(result, record, true, true) < 0)
                return NULL;
        return TAKE_PTR(result);
}
