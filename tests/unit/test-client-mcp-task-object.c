/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "task-object.h"
#include "test.h"
#include "time-util.h"

static JobRecord record_in(JobState state) {
        JobRecord record = JOB_RECORD_INIT;

        record.id = (char *) "job-0123456789";
        record.state = state;
        record.created_usec = now_realtime();
        record.started_usec = state == JOB_QUEUED ? 0 : record.created_usec + 1000;
        record.finished_usec = job_state_is_terminal(state) ? record.created_usec + 2000 : 0;
        return record;
}

static json_object *task_of(const JobRecord *record, bool modern, bool is_new) {
        json_object *o = json_object_new_object();

        check(o);
        check_ok(task_object_fill(o, record, modern, is_new));
        return o;
}

static void states(void) {
        static const struct {
                JobState state;
                const char *status;
        } cases[] = {
                { JOB_QUEUED, "working" },
                { JOB_RUNNING, "working" },
                { JOB_COMPLETED, "completed" },
                { JOB_FAILED, "completed" },
                { JOB_CANCELLED, "cancelled" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                JobRecord record = record_in(cases[i].state);
                _cleanup_json_ json_object *task = task_of(&record, true, false), *new = task_of(&record, true, true);

                check_string(json_text(task, "taskId"), record.id);
                check_string(json_text(task, "status"), cases[i].status);
                check_string(json_text(new, "status"), "working");
                check(*json_text(task, "statusMessage"));
        }
}

static void times(void) {
        JobRecord record = record_in(JOB_FAILED);
        _cleanup_json_ json_object *task = task_of(&record, false, false);
        char created[RFC3339_MAX], finished[RFC3339_MAX];

        check_string(json_text(task, "createdAt"), format_rfc3339(record.created_usec, created));
        check_string(json_text(task, "lastUpdatedAt"), format_rfc3339(record.finished_usec, finished));
}

/* A task is asked for less often later. */
static void generations(void) {
        JobRecord record = record_in(JOB_RUNNING);
        _cleanup_json_ json_object *modern = task_of(&record, true, false), *legacy = NULL;

        check_int(json_number(modern, "pollIntervalMs", 0), 1000);
        check(json_object_object_get_ex(modern, "ttlMs", NULL) && !json_object_object_get_ex(modern, "ttl", NULL));
        record.created_usec -= 61 * USEC_PER_SEC;
        legacy = task_of(&record, false, false);
        check_int(json_number(legacy, "pollInterval", 0), 5000);
        check(json_object_object_get_ex(legacy, "ttl", NULL) && !json_object_object_get_ex(legacy, "ttlMs", NULL));
}

static void created(void) {
        JobRecord record = record_in(JOB_QUEUED);
        _cleanup_json_ json_object *modern = task_object_created(&record, true), *legacy = NULL;
        json_object *meta;

        check_string(json_text(modern, "resultType"), "task");
        check_string(json_text(modern, "taskId"), record.id);
        legacy = task_object_created(&record, false);
        check_string(json_text(json_member(legacy, "task", json_type_object), "taskId"), record.id);
        meta = json_member(legacy, "_meta", json_type_object);
        check_contains(json_text(meta, "io.modelcontextprotocol/model-immediate-response"), record.id);
}

TEST_MAIN(TEST(states), TEST(times), TEST(generations), TEST(created))
