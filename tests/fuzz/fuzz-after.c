/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The dependencies of a job, as the text that is stored and sent. */

#include "fuzz.h"
#include "job-after.h"

/* Each dependency that is read can be written, once, and is then read as the same. */
static void check_written(const char *id, JobCondition condition, char **text) {
        _cleanup_free_ char *one = NULL;
        char again[JOB_ID_MAX + 1];
        JobCondition found;
        const char *p;
        int r;

        fuzz_check(job_id_is_valid(id) && condition >= 0 && condition < _JOB_CONDITION_MAX);
        fuzz_check(job_condition_from_string(job_condition_to_string(condition)) == condition);
        fuzz_check(job_after_append(&one, id, condition) == 0 && job_after_append(&one, id, condition) == -EEXIST);
        p = one;
        fuzz_check(job_after_next(&p, again, &found) == 1 && found == condition && streq(again, id) && !*p);
        r = job_after_append(text, id, condition);
        fuzz_check(r == 0 || r == -EEXIST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = fuzz_string(data, size), *text = NULL;
        char id[JOB_ID_MAX + 1];
        JobCondition condition;
        const char *p = s;
        unsigned n = 0;
        int r;

        while ((r = job_after_next(&p, id, &condition)) > 0) {
                fuzz_check(p > s && p <= s + strlen(s));
                check_written(id, condition, &text);
                n++;
        }
        fuzz_check(r == 0 || r == -EINVAL);
        fuzz_check(job_after_count(text) <= n && (n == 0) == !text);
        return 0;
}
