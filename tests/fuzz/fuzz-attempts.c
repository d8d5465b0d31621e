/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The attempts of a job, as the text that is stored and sent. */

#include "fuzz.h"
#include "job-attempts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = fuzz_string(data, size), *text = NULL;
        const char *p = s, *before = s;
        JobAttempt attempt, again;
        unsigned n = 0;
        int r;

        while ((r = job_attempts_next(&p, &attempt)) > 0) {
                const char *q;

                fuzz_check(p > before && p <= s + strlen(s));
                fuzz_check(attempt.reason >= 0 && attempt.reason < _JOB_REASON_MAX);
                n++;
                fuzz_check(job_attempts_append(&text, &attempt) == 0 && job_attempts_count(text) == n);
                q = n == 1 ? text : strrchr(text, ' ');
                fuzz_check(job_attempts_next(&q, &again) == 1 && !*q && again.reason == attempt.reason &&
                           again.exit_code == attempt.exit_code && again.finished_usec == attempt.finished_usec);
                before = p;
        }
        fuzz_check(r == 0 || r == -EINVAL);
        fuzz_check(job_attempts_count(s) >= n);
        return 0;
}
