/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-id.h"
#include "test.h"

#define KIND_32 "a2345678901234567890123456789012"

static void kinds(void) {
        static const char *const good[] = { "job", "a", "task", "review-2", "a-b-c", "x9", KIND_32 };
        static const char *const bad[] = {
                "", "-", "-a", "a-", "9a", "Task", "a_b", "a.b", "a b", "a/b", "ä", "a\n", KIND_32 "3",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!job_kind_is_valid(good[i]))
                        test_fail(TEST_PLACE("job_kind_is_valid()"), "refused \"%s\"", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (job_kind_is_valid(bad[i]))
                        test_fail(TEST_PLACE("job_kind_is_valid()"), "took \"%s\"", bad[i]);
}

static void ids(void) {
        static const char *const good[] = {
                "task-7f3k9q2m1x", "a-0000000000", "a-b-zzzzzzzzzz", "job-job-0123456789", KIND_32 "-0123456789",
        };
        static const char *const bad[] = {
                "", "task", "task-", "7f3k9q2m1x", "-7f3k9q2m1x", "task-7f3k9q2m1", "task-7f3k9q2m1x2",
                "task-7F3K9Q2M1X", "task-7f3k9q2m1i", "task-7f3k9q2m1l", "task-7f3k9q2m1o", "task-7f3k9q2m1u",
                "task--7f3k9q2m1x", "9-7f3k9q2m1x", "task-7f3k9q2m1x ", "task_7f3k9q2m1x", "task-7f3k9-2m1x",
                KIND_32 "3-0123456789",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!job_id_is_valid(good[i]))
                        test_fail(TEST_PLACE("job_id_is_valid()"), "refused \"%s\"", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (job_id_is_valid(bad[i]))
                        test_fail(TEST_PLACE("job_id_is_valid()"), "took \"%s\"", bad[i]);
}

static void prefixes(void) {
        static const char *const good[] = { "t", "task", "task-", "task-7f", "7f3", "i", KIND_32 "-0123456789" };
        static const char *const bad[] = { "", "-", "--", "-task", "T", "task 7", "%", "task*", "a~", "ä", KIND_32 "-01234567890" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!job_id_prefix_is_valid(good[i]))
                        test_fail(TEST_PLACE("job_id_prefix_is_valid()"), "refused \"%s\"", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (job_id_prefix_is_valid(bad[i]))
                        test_fail(TEST_PLACE("job_id_prefix_is_valid()"), "took \"%s\"", bad[i]);
}

/* Callers hand over what they like: a long one is refused without being read to its end. */
static void huge(void) {
        size_t n = 10 * 1024 * 1024;
        _cleanup_free_ char *id = malloc(n + 1);

        check(id);
        memset(id, 'a', n);
        id[n] = 0;
        check(!job_id_is_valid(id));
        check(!job_id_prefix_is_valid(id));
        check(!job_kind_is_valid(id));
}

static void token(void) {
        check_string(job_id_token("task-7f3k9q2m1x"), "7f3k9q2m1x");
        check_string(job_id_token("a-b-zzzzzzzzzz"), "zzzzzzzzzz");
}

static void generate(void) {
        char first[JOB_ID_MAX + 1], id[JOB_ID_MAX + 1];
        bool seen[128] = {};

        check_ok(job_id_generate("task", first));
        for (int i = 0; i < 1000; i++) {
                check_ok(job_id_generate("task", id));
                check(job_id_is_valid(id));
                check(startswith(id, "task-"));
                check(!streq(id, first));
                for (const char *t = job_id_token(id); *t; t++)
                        seen[(unsigned char) *t] = true;
        }
        /* Each of the 32 characters is left out of 10,000 with a probability below 10^-136. */
        for (const char *c = "0123456789abcdefghjkmnpqrstvwxyz"; *c; c++)
                check(seen[(unsigned char) *c]);

        check_ok(job_id_generate(KIND_32, id));
        check(job_id_is_valid(id));
        check_int(strlen(id), JOB_ID_MAX);
}

TEST_MAIN(TEST(kinds), TEST(ids), TEST(prefixes), TEST(huge), TEST(token), TEST(generate))
