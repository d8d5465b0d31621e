/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-limits.h"

#define TYPE_TIME "t"
#define TYPE_SIZE "t"
#define TYPE_NUMBER "t"
#define TYPE_SWITCH "b"
#define TYPE_MASK "u"

#define LIMIT(name, member, kind, min, max, property, shown, option, help) \
        { name, LIMIT_##kind, TYPE_##kind, offsetof(JobLimits, member), min, max, property, shown, option },

const JobLimit job_limits[JOB_LIMITS_N] = { JOB_LIMITS(LIMIT) };

uint64_t *job_limit_of(JobLimits *limits, const JobLimit *limit) {
        return (uint64_t *) ((char *) limits + limit->offset);
}

uint64_t job_limit_get(const JobLimits *limits, const JobLimit *limit) {
        return *job_limit_of((JobLimits *) limits, limit);
}

void job_limits_change(JobLimits *limits, const JobLimits *changes) {
        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (job_limit_get(changes, l) > 0)
                        *job_limit_of(limits, l) = job_limit_get(changes, l);
}

uint64_t job_limit_to_property(const JobLimit *limit, uint64_t value) {
        return limit->kind == LIMIT_TIME ? value + JOB_LIMIT_MARGIN_USEC : value;
}

/* A unit that a version without a margin started may have less than the least value. */
uint64_t job_limit_from_property(const JobLimit *limit, uint64_t value) {
        return limit->kind == LIMIT_TIME && value >= limit->min + JOB_LIMIT_MARGIN_USEC ? value - JOB_LIMIT_MARGIN_USEC : value;
}
