/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "page.h"
#include "resources.h"
#include "test.h"

#define ID "job-0123456789"
#define OUTPUT_MAX 65536

static void check_name(const char *uri, ResourceKind kind, uint64_t offset, size_t limit) {
        ResourceName name;

        check(resource_name_read(uri, &name));
        check_string(name.id, ID);
        check_int(name.kind, kind);
        check(name.offset == offset);
        check_int(name.limit, limit);
}

static void good(void) {
        check_name("job://" ID "/record", RESOURCE_RECORD, PAGE_TAIL, OUTPUT_MAX);
        check_name("job://" ID "/stdout", RESOURCE_STDOUT, PAGE_TAIL, OUTPUT_MAX);
        check_name("job://" ID "/stderr?offset=0", RESOURCE_STDERR, 0, OUTPUT_MAX);
        check_name("job://" ID "/stdout?offset=7&limit=3", RESOURCE_STDOUT, 7, 3);
        check_name("job://" ID "/stdout?limit=65536&offset=9223372036854775807", RESOURCE_STDOUT, INT64_MAX,
                   OUTPUT_MAX);
}

static void bad(void) {
        static const char *const uris[] = {
                "", "job://", "job://" ID, "job://" ID "/", "job:/" ID "/record", "JOB://" ID "/record", ID "/record",
                "job://job-012345678/record", "job://job-01234567890/record", "job://JOB-0123456789/record",
                "job:///record", "job://" ID "/recor", "job://" ID "/records", "job://" ID "/record/",
                "job://" ID "//record",
                "job://" ID "/record?offset=1", "job://" ID "/record?", "job://" ID "/stdout#a",
                "job://" ID "/stdout?x=1",
                "job://" ID "/stdout?offset=", "job://" ID "/stdout?offset=-1", "job://" ID "/stdout?offset=1x",
                "job://" ID "/stdout?offset= 1", "job://" ID "/stdout?offset=9223372036854775808",
                "job://" ID "/stdout?offset=000000000000000000000000000001", "job://" ID "/stdout?limit=0",
                "job://" ID "/stdout?limit=65537", "job://" ID "/stdout?limit=1&", "job://" ID "/stdout?&limit=1",
                "job://" ID "%2frecord", "job://" ID "/stdout?offset%3d1",
        };
        ResourceName name = { .limit = 5 };

        for (size_t i = 0; i < ELEMENTSOF(uris); i++)
                if (resource_name_read(uris[i], &name))
                        test_fail(TEST_PLACE("resource_name_read()"), "accepts '%s'", uris[i]);
        check_int(name.limit, 5);
}

TEST_MAIN(TEST(good), TEST(bad))
