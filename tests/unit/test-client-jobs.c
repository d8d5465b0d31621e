/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "jobs.h"
#include "say.h"
#include "test.h"

static int status(JobState state, int32_t exit_code) {
        JobRecord record = JOB_RECORD_INIT;

        record.state = state;
        record.exit_code = exit_code;
        return job_exit_status(&record);
}

static void exit_statuses(void) {
        check_int(status(JOB_COMPLETED, 0), 0);
        check_int(status(JOB_FAILED, 1), 1);
        check_int(status(JOB_FAILED, 255), 255);
        check_int(status(JOB_FAILED, 137), 137);
        check_int(status(JOB_CANCELLED, 143), STATUS_CANCELLED);
        check_int(status(JOB_CANCELLED, -1), STATUS_CANCELLED);
}

/* What did not complete never exits as if it had. */
static void failed_without_a_code(void) {
        check_int(status(JOB_FAILED, -1), 1);
        check_int(status(JOB_FAILED, 0), 1);
        check_int(status(JOB_FAILED, 256), 1);
}

static void check_bad_id(const char *word) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        check_error(check_id(word, &error), -EINVAL);
        check_contains(error.message, "Invalid job ID");
        check(strlen(error.message) < 200);
}

static void ids(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *huge = malloc(10 << 20);

        check_ok(check_id("t", &error));
        check_ok(check_id("task-7f3k9q2m1x", &error));
        check_ok(check_id("7f3k", &error));
        check(!sd_bus_error_is_set(&error));

        check_bad_id("");
        check_bad_id("two words");
        check_bad_id("UPPER");
        check_bad_id("../../etc/passwd");
        check_bad_id("task-\n");
        check(huge);
        memset(huge, 'a', (10 << 20) - 1);
        huge[(10 << 20) - 1] = 0;
        check_bad_id(huge);
}

static void lists(void) {
        _cleanup_job_list_ JobList a = {}, b = {};

        a.records = calloc(2, sizeof(JobRecord));
        check(a.records);
        a.n = 2;
        for (size_t i = 0; i < a.n; i++) {
                a.records[i] = JOB_RECORD_INIT;
                a.records[i].id = strdup("job-0000000000");
        }
        job_list_move(&a, &b);
        check_int(a.n, 0);
        check_int(b.n, 2);
        check_string(b.records[1].id, "job-0000000000");
}

static void make_list(JobList *list, JobState state, const char *const *ids) {
        list->records = calloc(4, sizeof(JobRecord));
        check(list->records);
        for (; ids[list->n]; list->n++) {
                list->records[list->n] = JOB_RECORD_INIT;
                list->records[list->n].id = strdup(ids[list->n]);
                list->records[list->n].state = state;
        }
}

/* A job that ended between two questions is there once, as it ended. */
static void appended(void) {
        _cleanup_job_list_ JobList active = {}, ended = {}, none = {};

        make_list(&active, JOB_RUNNING, (const char *const[]) { "job-a", "job-b", "job-c", NULL });
        make_list(&ended, JOB_COMPLETED, (const char *const[]) { "job-b", "job-d", NULL });
        check_ok(job_list_append(&active, &ended));
        check_int(ended.n, 0);
        check_int(active.n, 4);
        check_string(active.records[0].id, "job-a");
        check_string(active.records[1].id, "job-c");
        check_string(active.records[2].id, "job-b");
        check_int(active.records[2].state, JOB_COMPLETED);
        check_string(active.records[3].id, "job-d");
        check_ok(job_list_append(&active, &none));
        check_int(active.n, 4);
}

TEST_MAIN(TEST(exit_statuses), TEST(failed_without_a_code), TEST(ids), TEST(lists),
          TEST(appended))
