/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdio.h>

#include "job-after.h"
#include "macro.h"
#include "text-new.h"

static const char *const words[_JOB_CONDITION_MAX] = {
        [JOB_AFTER_OK] = "ok",
        [JOB_AFTER_ANY] = "any",
        [JOB_AFTER_FAILED] = "failed",
};

const char *job_condition_to_string(JobCondition condition) {
        return words[condition];
}

JobCondition job_condition_from_string(const char *word) {
        for (int i = 0; i < _JOB_CONDITION_MAX; i++)
                if (streq(words[i], word))
                        return (JobCondition) i;
        return _JOB_CONDITION_INVALID;
}

bool job_condition_is_met(JobCondition condition, JobState ended) {
        return condition == JOB_AFTER_ANY || (condition == JOB_AFTER_OK) == (ended == JOB_COMPLETED);
}

int job_after_next(const char **text, char id[static JOB_ID_MAX + 1], JobCondition *ret) {
        const char *p = *text + strspn(*text, " ");
        size_t n = strcspn(p, ":"), size = strcspn(p, " ");
        char word[16];

        if (!*p)
                return 0;
        if (n >= size || n > JOB_ID_MAX || size - n - 1 >= sizeof(word))
                return -EINVAL;
        (void) snprintf(id, JOB_ID_MAX + 1, "%.*s", (int) n, p);
        (void) snprintf(word, sizeof(word), "%.*s", (int) (size - n - 1), p + n + 1);
        *ret = job_condition_from_string(word);
        if (*ret < 0 || !job_id_is_valid(id))
                return -EINVAL;
        *text = p + size;
        return 1;
}

static bool has(const char *text, const char *id) {
        size_t n = strlen(id);

        for (const char *p = text; (p = strstr(p, id)); p += n)
                if ((p == text || p[-1] == ' ') && p[n] == ':')
                        return true;
        return false;
}

int job_after_append(char **text, const char *id, JobCondition condition) {
        char *longer;

        if (*text && has(*text, id))
                return -EEXIST;
        longer = text_new("%s%s%s:%s", strempty(*text), *text ? " " : "", id, job_condition_to_string(condition));
        if (!longer)
                return -ENOMEM;
        free(*text);
        *text = longer;
        return 0;
}

unsigned job_after_count(const char *text) {
        unsigned n = 0;

        for (; text && *text; text++)
                n += *text == ':';
        return n;
}
