/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-limits.h"
#include "test.h"

static const JobLimit *find(const char *name) {
        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N; l++)
                if (streq(l->name, name))
                        return l;
        test_fail(TEST_PLACE(name), "is not a limit");
}

/* A unit's time is longer, and comes back as that of the job. */
static void time_of_a_unit(void) {
        const JobLimit *limit = find("RuntimeMaxUSec");
        const uint64_t values[] = { limit->min, limit->min + 1, 90000000, limit->max, INT64_MAX /* of the configuration */ };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                uint64_t value = job_limit_to_property(limit, values[i]);

                check_int(value, values[i] + 5000000);
                check_int(job_limit_from_property(limit, value), values[i]);
        }
}

/* Without a margin it may be less than the margin. */
static void time_of_a_unit_of_before(void) {
        const JobLimit *limit = find("RuntimeMaxUSec");

        check_int(job_limit_from_property(limit, limit->min), limit->min);
        check_int(job_limit_from_property(limit, 5000000), 5000000);
}

static void other_limits_of_a_unit(void) {
        for (const char *const *name = (const char *const[]) { "MemoryMax", "TasksMax", "CPUWeight", NULL }; *name; name++) {
                check_int(job_limit_to_property(find(*name), 10000), 10000);
                check_int(job_limit_from_property(find(*name), 10000), 10000);
        }
}

TEST_MAIN(TEST(time_of_a_unit), TEST(time_of_a_unit_of_before), TEST(other_limits_of_a_unit))
