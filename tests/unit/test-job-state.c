/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-state.h"
#include "test.h"

/* The words are on the bus and in stores that exist: these tables are the contract and not a copy. */
static const char *const states[] = { "queued", "running", "completed", "failed", "cancelled" };
static const char *const reasons[] = {
        "", "exit-code", "signal", "core-dump", "oom-kill", "runtime-limit", "output-limit", "stalled",
        "not-executable", "dependency", "host-restarted", "node-lost", "lost", "user",
};

static void state_words(void) {
        check_int(ELEMENTSOF(states), _JOB_STATE_MAX);
        for (int i = 0; i < _JOB_STATE_MAX; i++) {
                check_string(job_state_to_string((JobState) i), states[i]);
                check_int(job_state_from_string(states[i]), i);
        }
        check_int(job_state_from_string(""), _JOB_STATE_INVALID);
        check_int(job_state_from_string("Queued"), _JOB_STATE_INVALID);
        check_int(job_state_from_string("queued "), _JOB_STATE_INVALID);
        check_int(job_state_from_string("lost"), _JOB_STATE_INVALID);
}

static void reason_words(void) {
        check_int(ELEMENTSOF(reasons), _JOB_REASON_MAX);
        for (int i = 0; i < _JOB_REASON_MAX; i++) {
                check_string(job_reason_to_string((JobReason) i), reasons[i]);
                check_int(job_reason_from_string(reasons[i]), i);
        }
        check_int(job_reason_from_string("none"), _JOB_REASON_INVALID);
        check_int(job_reason_from_string("exit-cod"), _JOB_REASON_INVALID);
}

static void terminal(void) {
        check(!job_state_is_terminal(JOB_QUEUED));
        check(!job_state_is_terminal(JOB_RUNNING));
        check(job_state_is_terminal(JOB_COMPLETED));
        check(job_state_is_terminal(JOB_FAILED));
        check(job_state_is_terminal(JOB_CANCELLED));
}

TEST_MAIN(TEST(state_words), TEST(reason_words), TEST(terminal))
