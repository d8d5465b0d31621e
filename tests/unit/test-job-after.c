/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-after.h"
#include "macro.h"
#include "test.h"

#define A "job-7f3k9q2m1x"
#define B "task-0c5w8zt4hn"

static void append_and_read(void) {
        _cleanup_free_ char *text = NULL;
        char id[JOB_ID_MAX + 1];
        JobCondition condition;
        const char *p;

        check_int(job_after_count(text), 0);
        check_ok(job_after_append(&text, A, JOB_AFTER_OK));
        check_ok(job_after_append(&text, B, JOB_AFTER_FAILED));
        check_error(job_after_append(&text, A, JOB_AFTER_ANY), -EEXIST);
        check_ok(job_after_append(&text, &A[1], JOB_AFTER_ANY)); /* part of another one */
        check_string(text, A ":ok " B ":failed " "ob-7f3k9q2m1x:any");
        check_int(job_after_count(text), 3);

        p = text;
        check_int(job_after_next(&p, id, &condition), 1);
        check_string(id, A);
        check_int(condition, JOB_AFTER_OK);
        check_int(job_after_next(&p, id, &condition), 1);
        check_string(id, B);
        check_int(condition, JOB_AFTER_FAILED);
        check_int(job_after_next(&p, id, &condition), 1);
        check_int(job_after_next(&p, id, &condition), 0);
}

static void invalid(void) {
        static const char *const texts[] = {
                A, A ":", A ":OK", ":ok", "x:ok", A " :ok", A ":ok:ok", A ":012345678901234567890",
                "job-7f3k9q2m1x7f3k9q2m1x7f3k9q2m1x7f3k9q2m1x7f3k9q2m1x:ok",
        };
        char id[JOB_ID_MAX + 1];
        JobCondition condition;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char *p = texts[i];

                check_error(job_after_next(&p, id, &condition), -EINVAL);
                check(p == texts[i]);
        }
}

static void met(void) {
        for (JobState state = JOB_COMPLETED; state < _JOB_STATE_MAX; state++) {
                check(job_condition_is_met(JOB_AFTER_ANY, state));
                check_int(job_condition_is_met(JOB_AFTER_OK, state), state == JOB_COMPLETED);
                check_int(job_condition_is_met(JOB_AFTER_FAILED, state), state != JOB_COMPLETED);
        }
        for (JobCondition c = 0; c < _JOB_CONDITION_MAX; c++)
                check_int(job_condition_from_string(job_condition_to_string(c)), c);
        check_int(job_condition_from_string(""), _JOB_CONDITION_INVALID);
}

TEST_MAIN(TEST(append_and_read), TEST(invalid), TEST(met))
