/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "render.h"
#include "test.h"
#include "time-util.h"

static void check_duration(uint64_t usec, const char *expected) {
        char text[DURATION_MAX];

        check_string(format_duration(usec, text), expected);
}

static void durations(void) {
        const uint64_t s = USEC_PER_SEC;

        check_duration(0, "0ms");
        check_duration(999999, "999ms");
        check_duration(s, "1s");
        check_duration(59 * s + 999999, "59s");
        check_duration(60 * s, "1min");
        check_duration(200 * s, "3min 20s");
        check_duration(3600 * s, "1h");
        check_duration(3600 * s + 59 * s, "1h");
        check_duration(7500 * s, "2h 5min");
        check_duration(86400 * s * 4 + 3 * 3600 * s, "4d 3h");
        check_duration(UINT64_MAX, "213503982d 8h");
}

static void check_end(const JobRecord *record, const char *expected) {
        _cleanup_free_ char *text = render_end(record), *state = render_state(record);

        check(text);
        check_string(text, expected);
        check_string(state, startswith(expected, "was ") ?: expected);
}

static void check_failure(JobReason reason, int32_t exit_code, int32_t signal, const char *expected) {
        JobRecord record = JOB_RECORD_INIT;

        record.state = JOB_FAILED;
        record.reason = reason;
        record.exit_code = exit_code;
        record.signal = signal;
        check_end(&record, expected);
}

static void failures(void) {
        check_failure(JOB_REASON_EXIT_CODE, 3, 0, "failed: exit code 3");
        check_failure(JOB_REASON_SIGNAL, 137, 9, "failed: killed by signal 9 (SIGKILL)");
        check_failure(JOB_REASON_CORE_DUMP, 139, 11, "failed: killed by signal 11 (SIGSEGV), core dumped");
        check_failure(JOB_REASON_SIGNAL, 192, 64, "failed: killed by signal 64");
        check_failure(JOB_REASON_NOT_EXECUTABLE, 127, 0, "failed: command could not be started (exit code 127)");
}

/* Each reason has words of its own that name it, or what to do. */
static void all_failures(void) {
        for (JobReason reason = JOB_REASON_EXIT_CODE; reason < _JOB_REASON_MAX; reason++) {
                JobRecord record = JOB_RECORD_INIT;
                _cleanup_free_ char *text = NULL;

                if (reason == JOB_REASON_USER) /* of what was cancelled */
                        continue;
                record.state = JOB_FAILED;
                record.reason = reason;
                text = render_end(&record);
                check(text);
                check(startswith(text, "failed: "));
        }
}

static void other_ends(void) {
        JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *other = NULL;

        record.state = JOB_COMPLETED;
        record.started_usec = 1000 * USEC_PER_SEC;
        record.finished_usec = 1012 * USEC_PER_SEC;
        check_end(&record, "completed in 12s");
        record.finished_usec = 1; /* the clock was set back */
        check_end(&record, "completed in 0ms");

        record.state = JOB_CANCELLED;
        record.reason = JOB_REASON_USER;
        record.stopped_by = getuid();
        check_end(&record, "was cancelled");
        record.stopped_by = getuid() + 1;
        check(asprintf(&other, "was cancelled by user %u", getuid() + 1) > 0);
        check_end(&record, other);
}

static void activities(void) {
        JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *queued = NULL, *running = NULL, *unknown = NULL;

        record.state = JOB_QUEUED;
        record.created_usec = now_realtime() - 3601 * USEC_PER_SEC;
        queued = render_state(&record);
        check_string(queued, "queued for 1h");

        record.state = JOB_RUNNING;
        record.started_usec = now_realtime() - 61 * USEC_PER_SEC;
        record.progress = (char *) "3 of 8";
        running = render_state(&record);
        check_contains(running, "running for 1min 1s: 3 of 8");

        record.started_usec = 0;
        unknown = render_state(&record);
        check_string(unknown, "running: 3 of 8");
}

static void ages(void) {
        JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *failed = NULL, *running = NULL;

        record.state = JOB_FAILED;
        record.finished_usec = now_realtime() - 7201 * USEC_PER_SEC;
        failed = render_age(&record);
        check_string(failed, "failed 2h ago");

        record.state = JOB_RUNNING;
        running = render_age(&record);
        check_string(running, "running");
}

/* What a job calls itself cannot end a line or reach the terminal. */
static void details(void) {
        _cleanup_free_ char *text = NULL;
        JobRecord record = JOB_RECORD_INIT;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        check(f);
        record.id = (char *) "job-0000000000";
        record.label = (char *) "two\nlines \x1b[2J";
        record.state = JOB_FAILED;
        record.reason = JOB_REASON_EXIT_CODE;
        record.exit_code = 3;
        record.created_usec = 1;
        record.result_error = (char *) "no JSON";
        record.left_behind = (char *) "4242 sleep";
        check_ok(render_details(f, &record));
        check_int(fclose(f), 0);
        check_contains(text, "label: two lines  [2J\n");
        check_contains(text, "state: failed: exit code 3\n");
        check_contains(text, "unit: codex-job-job-0000000000.service\n");
        check_contains(text, "enqueued: 1970-01-01T00:00:00.000001Z (");
        check_contains(text, " result: rejected: no JSON\n");
        check_contains(text, " leftovers: 4242 sleep (terminated after the command exited)\n");
        check(!strstr(text, "session:"));
        check(!strstr(text, "finished:"));
}

/* The service tells it in UTC. */
static void waits_until_local_time(void) {
        JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *text = NULL, *other = NULL;

        check_ok(setenv("TZ", "XXX-2", 1));
        tzset();
        record.state = JOB_QUEUED;
        record.not_before_usec = UINT64_C(1796083200000001);
        record.wait_reason = (char *) "time";
        record.wait_text = (char *) "not before 2026-12-01T00:00:00.000001Z";
        text = render_progress(&record);
        check_string(text, "not before 2026-12-01 02:00:00");
        record.wait_reason = (char *) "held";
        record.wait_text = (char *) "held";
        other = render_progress(&record);
        check_string(other, "held");
}

TEST_MAIN(TEST(durations), TEST(failures), TEST(all_failures), TEST(other_ends), TEST(activities), TEST(ages),
          TEST(waits_until_local_time), TEST(details))
