/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-attempts.h"
#include "macro.h"
#include "test.h"

static void append_and_read(void) {
        _cleanup_free_ char *text = NULL;
        const char *p;
        JobAttempt a;

        check_int(job_attempts_count(NULL), 0);
        check_ok(job_attempts_append(&text, &(JobAttempt) { JOB_REASON_SIGNAL, 137, 9, 1, 2, 3, UINT64_MAX }));
        check_ok(job_attempts_append(&text, &(JobAttempt) { JOB_REASON_NONE, 0, 0, 4, 5, 6, 7 }));
        check_string(text, "signal:137:9:1:2:3:18446744073709551615 completed:0:0:4:5:6:7");
        check_int(job_attempts_count(text), 2);
        p = text;
        check_int(job_attempts_next(&p, &a), 1);
        check(a.reason == JOB_REASON_SIGNAL && a.exit_code == 137 && a.signal == 9 && a.stderr_bytes == UINT64_MAX);
        check_int(job_attempts_next(&p, &a), 1);
        check(a.reason == JOB_REASON_NONE && a.started_usec == 4 && a.finished_usec == 5 && a.stdout_bytes == 6);
        check_int(job_attempts_next(&p, &a), 0);
}

static void invalid(void) {
        static const char *const texts[] = {
                "x", "exit-code", "exit-code:1:0:1:2:3", "exit-code:1:0:1:2:3:4:5", "exit:1:0:1:2:3:4", "exit-code:01:0:1:2:3:4",
                "exit-code:1:0:-1:2:3:4", ":1:0:1:2:3:4", "exit-code:1:0:1:2:3:4x", "exit-code:1:0:1:2:3:18446744073709551616",
        };
        JobAttempt a;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char *p = texts[i];

                check_error(job_attempts_next(&p, &a), -EINVAL);
                check(p == texts[i]);
        }
}

static void delay(void) {
        const uint64_t second = 1000000, hour = 3600 * second;

        check_int(job_retry_delay(10 * second, 2), 10 * second);
        check_int(job_retry_delay(10 * second, 3), 20 * second);
        check_int(job_retry_delay(10 * second, 5), 80 * second);
        check_int(job_retry_delay(10 * second, 101), hour);
        check_int(job_retry_delay(2 * hour, 2), 2 * hour);
        check_int(job_retry_delay(2 * hour, 101), 2 * hour);
        check_int(job_retry_delay(0, 101), 0);
}

static void reasons(void) {
        _cleanup_free_ char *words = NULL;

        for (JobReason r = JOB_REASON_NONE; r < _JOB_REASON_MAX; r++) {
                bool is_known = job_retry_reason(job_reason_to_string(r)) == r;

                check_int(job_retry_on_has(NULL, r), is_known && r != JOB_REASON_HOST_RESTARTED);
                check(!job_retry_on_has("", r));
                if (is_known)
                        check_ok(job_retry_on_append(&words, r));
        }
        check_string(words, "exit-code signal core-dump oom-kill runtime-limit stalled host-restarted");
        check_error(job_retry_on_append(&words, JOB_REASON_SIGNAL), -EEXIST);
        check(job_retry_on_has(words, JOB_REASON_HOST_RESTARTED) && !job_retry_on_has(words, JOB_REASON_USER));
        check(!job_retry_on_has("exit-code-x", JOB_REASON_EXIT_CODE));
        check_int(job_retry_reason("user"), _JOB_REASON_INVALID);
        check_int(job_retry_reason(""), _JOB_REASON_INVALID);
}

TEST_MAIN(TEST(append_and_read), TEST(invalid), TEST(delay), TEST(reasons))
