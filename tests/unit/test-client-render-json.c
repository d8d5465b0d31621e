/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <json-c/json.h>

#include "render-json.h"
#include "test.h"

/* Writes a document with stdout in a file, and returns it parsed. The caller puts it. */
static json_object *written(const JsonReply *reply) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_close_ int fd = open(test_path("stdout"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_close_ int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        _cleanup_free_ char *text = calloc(1, 65536);
        json_object *document;
        ssize_t n;

        check(fd >= 0 && saved >= 0 && text);
        (void) fflush(stdout);
        check(dup2(fd, STDOUT_FILENO) >= 0);
        check_ok(json_write(reply, &error));
        check(dup2(saved, STDOUT_FILENO) >= 0);
        n = pread(fd, text, 65535, 0);
        check(n > 0);
        check(strchr(text, '\n') == text + n - 1); /* one line */
        document = json_tokener_parse(text);
        check(document);
        return document;
}

static json_object *get(json_object *object, const char *name) {
        json_object *value;

        if (!json_object_object_get_ex(object, name, &value))
                test_fail(TEST_PLACE("get()"), "there is no entry %s", name);
        return value;
}

static const char *get_string(json_object *object, const char *name) {
        return json_object_get_string(get(object, name));
}

/* Absent things are null, never missing. */
static void absent(void) {
        static const char *const names[] = {
                "label", "reason", "exit_code", "signal", "queue", "directory", "workspace", "session", "started_at",
                "finished_at", "sequence", "progress", "result",
                "result_error", "left_behind", "end_source", "resource_limits",
        };
        JobRecord record = JOB_RECORD_INIT;
        json_object *document, *job;

        record.id = (char *) "job-0000000000";
        record.kind = (char *) "job";
        record.created_usec = 1;
        document = written(&(const JsonReply) { .single = true, .n = 1, .records = &(const JobRecord *) { &record } });
        check_int(json_object_get_int(get(document, "schema")), 1);
        check_int(json_object_array_length(get(document, "next")), 0);
        job = get(document, "job");
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (get(job, names[i]))
                        test_fail(TEST_PLACE("absent"), "%s is not null", names[i]);
        check_string(get_string(job, "id"), "job-0000000000");
        check_string(get_string(job, "state"), "queued");
        check_string(get_string(job, "unit"), "codex-job-job-0000000000.service");
        check_string(get_string(job, "created_at"), "1970-01-01T00:00:00.000001Z");
        check_int(json_object_get_int(get(job, "stdout_bytes")), 0);
        check(!json_object_object_get_ex(job, "stdout", NULL)); /* of other verbs */
        check(!json_object_object_get_ex(job, "wait_timed_out", NULL));
        check(!json_object_object_get_ex(job, "existing", NULL));
        (void) json_object_put(document);
}

static void present(void) {
        JobRecord record = JOB_RECORD_INIT;
        JsonExtra extra = {
                .existing = ANSWER_NO,
                .wait_timed_out = ANSWER_YES,
                .output = true,
                .stdout_text = (char *) "\"quoted\"\n\x1b",
                .stderr_truncated = true,
        };
        char *const next[] = { (char *) "codex-jobs await x", NULL };
        json_object *document, *job;

        record.id = (char *) "task-0000000000";
        record.state = JOB_FAILED;
        record.reason = JOB_REASON_SIGNAL;
        record.exit_code = 137;
        record.signal = 9;
        record.sequence = 12;
        record.stdout_bytes = UINT64_C(1) << 40;
        record.result = (char *) "{\"a\": [1, 2]}";
        record.left_behind = (char *) "4242 a\nb";
        record.end_source = (char *) "worker";
        document = written(&(const JsonReply) {
                .single = true,
                .n = 1,
                .records = &(const JobRecord *) { &record },
                .extras = &extra,
                .next = next,
        });
        job = get(document, "job");
        check_string(get_string(job, "reason"), "signal");
        check_int(json_object_get_int(get(job, "exit_code")), 137);
        check_int(json_object_get_int(get(job, "signal")), 9);
        check_int(json_object_get_int(get(job, "sequence")), 12);
        check_int(json_object_get_int64(get(job, "stdout_bytes")), INT64_C(1) << 40);
        check_int(json_object_array_length(get(get(job, "result"), "a")), 2);
        check_string(get_string(job, "left_behind"), "4242 a b");
        check_string(get_string(job, "end_source"), "worker");
        check(!json_object_get_boolean(get(job, "existing")));
        check(json_object_get_boolean(get(job, "wait_timed_out")));
        check_string(get_string(job, "stdout"), "\"quoted\"\n\x1b");
        check(!get(job, "stderr"));
        check(json_object_get_boolean(get(job, "stderr_truncated")));
        check_string(json_object_get_string(json_object_array_get_idx(get(document, "next"), 0)), "codex-jobs await x");
        (void) json_object_put(document);
}

static void lists(void) {
        JobRecord a = JOB_RECORD_INIT, b = JOB_RECORD_INIT;
        json_object *document, *jobs;

        a.id = (char *) "job-0000000000";
        b.id = (char *) "job-1111111111";
        document = written(&(const JsonReply) { .n = 2, .records = (const JobRecord *[]) { &a, &b } });
        jobs = get(document, "jobs");
        check_int(json_object_array_length(jobs), 2);
        check_string(get_string(json_object_array_get_idx(jobs, 1), "id"), "job-1111111111");
        (void) json_object_put(document);

        document = written(&(const JsonReply) {});
        check_int(json_object_array_length(get(document, "jobs")), 0);
        (void) json_object_put(document);
}

static void output_that_fails(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        _cleanup_close_ int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        int r;

        check(full >= 0 && saved >= 0);
        check(dup2(full, STDOUT_FILENO) >= 0);
        r = json_write(&(const JsonReply) {}, &error);
        check(dup2(saved, STDOUT_FILENO) >= 0);
        check_int(r, -ENOSPC);
        check_contains(error.message, "Failed to write to standard output");
}

TEST_MAIN(TEST(absent), TEST(present), TEST(lists), TEST(output_that_fails))
