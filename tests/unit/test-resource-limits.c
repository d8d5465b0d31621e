/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/resource.h>

#include "macro.h"
#include "resource-limits.h"
#include "test.h"

static const ResourceLimit *find(const char *name) {
        const ResourceLimit *limit = resource_limit_find(name, strlen(name));

        check(limit);
        return limit;
}

static void rows(void) {
        check_int(find("NOFILE")->resource, RLIMIT_NOFILE);
        check(resource_limit_find("NOFILE=4096", 6) == find("NOFILE"));
        check(resource_limit_of(RLIMIT_NOFILE) == find("NOFILE"));
        check(!resource_limit_of(RLIMIT_RSS)); /* without effect */
        for (const char *const *name = (const char *const[]) { "", "NOFIL", "NOFILES", "nofile", "LimitNOFILE", "RSS", NULL };
             *name; name++)
                check(!resource_limit_find(*name, strlen(*name)));
}

static void names(void) {
        char text[RESOURCE_NAMES_MAX];

        check_string(resource_limit_names(text),
                     "AS, CORE, CPU, DATA, FSIZE, MEMLOCK, MSGQUEUE, NICE, NOFILE, NPROC, RTPRIO, RTTIME, SIGPENDING, STACK");
}

static void ranges(void) {
        check(resource_limit_accepts(find("CORE"), 0) && resource_limit_accepts(find("CORE"), INT64_MAX));
        check(!resource_limit_accepts(find("CORE"), UINT64_C(1) << 63));
        check(resource_limit_accepts(find("RTPRIO"), 99) && !resource_limit_accepts(find("RTPRIO"), 100));
        check(resource_limit_accepts(find("NICE"), 40) && !resource_limit_accepts(find("NICE"), 41));
        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++)
                check(resource_limit_accepts(&resource_limits[i], RESOURCE_INFINITY));
}

/* Whatever the order in which they were set, the text is the same. */
static void text_and_back(void) {
        _cleanup_free_ char *text = NULL, *again = NULL, *none = NULL;
        ResourceValues values = {}, read;

        check_ok(resource_values_format(&values, &none));
        check_string(none, NULL);
        resource_values_set(&values, find("STACK"), RESOURCE_INFINITY);
        resource_values_set(&values, find("NOFILE"), 1);
        resource_values_set(&values, find("CORE"), 0);
        resource_values_set(&values, find("NOFILE"), 4096);
        check_ok(resource_values_format(&values, &text));
        check_string(text, "CORE=0 NOFILE=4096 STACK=infinity");
        resource_values_parse(text, &read);
        check_bytes(&read, sizeof(read), &values, sizeof(values));
        check_ok(resource_values_format(&read, &again));
        check_string(again, text);
}

static void longest(void) {
        _cleanup_free_ char *text = NULL;
        ResourceValues values = {}, read;

        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++)
                resource_values_set(&values, &resource_limits[i], INT64_MAX);
        check_ok(resource_values_format(&values, &text));
        resource_values_parse(text, &read);
        check_int(read.given, values.given & ~(UINT64_C(1) << (find("NICE") - resource_limits)) &
                                      ~(UINT64_C(1) << (find("RTPRIO") - resource_limits)));
}

/* Of a later version, or a corrupt database: the others count. */
static void unknown_entries(void) {
        static const char *const texts[] = {
                "", " ", "=", "NOFILE", "NOFILE=", "NOFILE= ", "NOFILE=x", "NOFILE=1x", "NOFILE=-1", "NOFILE=99999999999999999999999",
                "NEW=1", "RTPRIO=100", "NOFILE=infinit", "NOFILE=infinity1", "=4096",
        };
        ResourceValues values;

        resource_values_parse(NULL, &values);
        check_int(values.given, 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *text = NULL, *rest = NULL;

                check(asprintf(&text, "%s CORE=7 %s", texts[i], texts[i]) > 0);
                resource_values_parse(text, &values);
                check_ok(resource_values_format(&values, &rest));
                check_string(rest, "CORE=7");
        }
}

TEST_MAIN(TEST(rows), TEST(names), TEST(ranges), TEST(text_and_back), TEST(longest), TEST(unknown_entries))
