/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <inttypes.h>
#include <stdio.h>

#include "job-attempts.h"
#include "macro.h"
#include "text-new.h"

#define WORD_MAX 192U
#define COMPLETED "completed"

/* host-restarted only when it is named: it runs a command twice that may have done its work. */
static const struct {
        JobReason reason;
        bool by_default;
} reasons[JOB_RETRY_WORDS_N] = {
        { JOB_REASON_EXIT_CODE, true }, { JOB_REASON_SIGNAL, true },        { JOB_REASON_CORE_DUMP, true },
        { JOB_REASON_OOM_KILL, true },  { JOB_REASON_STALLED, true },       { JOB_REASON_RUNTIME_LIMIT, true },
        { JOB_REASON_HOST_RESTARTED, false },
};

static const char *word_of(JobReason reason) {
        return reason == JOB_REASON_NONE ? COMPLETED : job_reason_to_string(reason);
}

static int format(const JobAttempt *a, char word[static WORD_MAX]) {
        return snprintf(word, WORD_MAX, "%s:%" PRIi32 ":%" PRIi32 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%" PRIu64, word_of(a->reason),
                        a->exit_code, a->signal, a->started_usec, a->finished_usec, a->stdout_bytes, a->stderr_bytes);
}

/* A word is valid if it is what is written for its values. */
static int parse(const char *word, JobAttempt *ret) {
        char reason[32], again[WORD_MAX];
        JobAttempt a;

        if (sscanf(word, "%31[a-z-]:%" SCNi32 ":%" SCNi32 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64, reason, &a.exit_code,
                   &a.signal, &a.started_usec, &a.finished_usec, &a.stdout_bytes, &a.stderr_bytes) != 7)
                return -EINVAL;
        a.reason = streq(reason, COMPLETED) ? JOB_REASON_NONE : job_reason_from_string(reason);
        if (a.reason < 0)
                return -EINVAL;
        (void) format(&a, again);
        if (!streq(word, again))
                return -EINVAL;
        *ret = a;
        return 0;
}

int job_attempts_next(const char **text, JobAttempt *ret) {
        const char *p = *text + strspn(*text, " ");
        size_t n = strcspn(p, " ");
        char word[WORD_MAX];
        int r;

        if (n == 0)
                return 0;
        if (n >= sizeof(word))
                return -EINVAL;
        (void) snprintf(word, sizeof(word), "%.*s", (int) n, p);
        r = parse(word, ret);
        if (r < 0)
                return r;
        *text = p + n;
        return 1;
}

static int append(char **text, const char *word) {
        char *longer = text_new("%s%s%s", strempty(*text), *text ? " " : "", word);

        if (!longer)
                return -ENOMEM;
        free(*text);
        *text = longer;
        return 0;
}

int job_attempts_append(char **text, const JobAttempt *attempt) {
        char word[WORD_MAX];

        (void) format(attempt, word);
        return append(text, word);
}

unsigned job_attempts_count(const char *text) {
        unsigned n = 0;

        for (const char *p = strempty(text); *(p += strspn(p, " ")); p += strcspn(p, " "))
                n++;
        return n;
}

uint64_t job_retry_delay(uint64_t first_usec, unsigned attempt) {
        uint64_t delay = first_usec;

        for (; attempt > 2 && delay < JOB_RETRY_DELAY_BOUND; attempt--)
                delay *= 2;
        return MIN(delay, MAX(first_usec, JOB_RETRY_DELAY_BOUND));
}

static bool has_word(const char *words, const char *word) {
        size_t n = strlen(word);

        for (const char *p = words; *(p += strspn(p, " ")); p += strcspn(p, " "))
                if (strcspn(p, " ") == n && strncmp(p, word, n) == 0)
                        return true;
        return false;
}

bool job_retry_on_has(const char *words, JobReason reason) {
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i].reason == reason)
                        return words ? has_word(words, job_reason_to_string(reason)) : reasons[i].by_default;
        return false;
}

JobReason job_retry_reason(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (streq(job_reason_to_string(reasons[i].reason), word))
                        return reasons[i].reason;
        return _JOB_REASON_INVALID;
}

int job_retry_on_append(char **words, JobReason reason) {
        const char *word = job_reason_to_string(reason);

        return has_word(strempty(*words), word) ? -EEXIST : append(words, word);
}
