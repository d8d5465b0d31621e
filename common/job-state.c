/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-state.h"
#include "macro.h"

static const char *const state_words[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",
        [JOB_RUNNING] = "running",
        [JOB_COMPLETED] = "completed",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

static const char *const reason_words[_JOB_REASON_MAX] = {
        [JOB_REASON_NONE] = "",
        [JOB_REASON_EXIT_CODE] = "exit-code",
        [JOB_REASON_SIGNAL] = "signal",
        [JOB_REASON_CORE_DUMP] = "core-dump",
        [JOB_REASON_OOM_KILL] = "oom-kill",
        [JOB_REASON_RUNTIME_LIMIT] = "runtime-limit",
        [JOB_REASON_OUTPUT_LIMIT] = "output-limit",
        [JOB_REASON_STALLED] = "stalled",
        [JOB_REASON_NOT_EXECUTABLE] = "not-executable",
        [JOB_REASON_DEPENDENCY] = "dependency",
        [JOB_REASON_HOST_RESTARTED] = "host-restarted",
        [JOB_REASON_NODE_LOST] = "node-lost",
        [JOB_REASON_LOST] = "lost",
        [JOB_REASON_USER] = "user",
};

static int word_index(const char *const *words, int n, const char *word) {
        for (int i = 0; i < n; i++)
                if (streq(words[i], word))
                        return i;
        return -1;
}

const char *job_state_to_string(JobState state) {
        return state_words[state];
}

const char *job_reason_to_string(JobReason reason) {
        return reason_words[reason];
}

JobState job_state_from_string(const char *word) {
        return (JobState) word_index(state_words, _JOB_STATE_MAX, word);
}

JobReason job_reason_from_string(const char *word) {
        return (JobReason) word_index(reason_words, _JOB_REASON_MAX, word);
}
