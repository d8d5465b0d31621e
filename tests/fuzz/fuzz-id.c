/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Ids, prefixes and kinds, and the words for states and reasons. */

#include "fuzz.h"
#include "job-id.h"
#include "job-record.h"
#include "job-state.h"

/* What is said of an id in job-id.h, once more and in other words. */
static bool is_id(const char *s) {
        size_t n = strlen(s);

        if (n < 1 + 1 + JOB_TOKEN_LENGTH || n > JOB_ID_MAX || s[0] < 'a' || s[0] > 'z')
                return false;
        for (size_t i = 0; i < n; i++) {
                bool in_token = i >= n - JOB_TOKEN_LENGTH;
                bool letter = s[i] >= 'a' && s[i] <= 'z', digit = s[i] >= '0' && s[i] <= '9';

                if (in_token ? !(letter || digit) || strchr("ilou", s[i]) : !(letter || digit || s[i] == '-'))
                        return false;
        }
        return s[n - JOB_TOKEN_LENGTH - 1] == '-' && s[n - JOB_TOKEN_LENGTH - 2] != '-';
}

static void check_id(const char *id) {
        char unit[JOB_UNIT_MAX], kind[JOB_ID_MAX + 1];
        const char *token = job_id_token(id);

        fuzz_check(strlen(token) == JOB_TOKEN_LENGTH && token > id + 1);
        (void) snprintf(kind, sizeof(kind), "%.*s", (int) (token - id - 1), id);
        fuzz_check(job_kind_is_valid(kind));
        fuzz_check(job_id_prefix_is_valid(id) && job_id_prefix_is_valid(token) && job_id_prefix_is_valid(kind));
        fuzz_check(strstr(job_unit_name(id, unit), id) && strstr(unit, ".service"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = fuzz_string(data, size);
        char id[JOB_ID_MAX + 1];
        JobReason reason;
        JobState state;

        fuzz_check(job_id_is_valid(s) == is_id(s));
        if (job_id_is_valid(s))
                check_id(s);
        if (job_kind_is_valid(s)) {
                fuzz_check(strlen(s) <= JOB_KIND_MAX && job_id_prefix_is_valid(s));
                fuzz_check(job_id_generate(s, id) >= 0 && is_id(id) && startswith(id, s));
        }
        if (job_id_prefix_is_valid(s))
                fuzz_check(*s && strlen(s) <= JOB_ID_MAX);
        state = job_state_from_string(s);
        fuzz_check(state == _JOB_STATE_INVALID || streq(job_state_to_string(state), s));
        reason = job_reason_from_string(s);
        fuzz_check(reason == _JOB_REASON_INVALID || streq(job_reason_to_string(reason), s));
        return 0;
}
