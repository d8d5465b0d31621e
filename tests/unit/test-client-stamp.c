/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <time.h>

#include "stamp.h"
#include "test.h"

#define NONE "-                             "

/* 2024-11-30 03:05:49.123456 UTC */
#define USEC UINT64_C(1732935949123456)

static void set_zone(const char *zone) {
        check_int(setenv("TZ", zone, 1), 0);
        tzset();
}

static void check_stamped(uint64_t usec, const char *expected) {
        char out[STAMPED_SIZE(1)];
        bool amid = false;

        check_int(stamp(&amid, usec, "\n", 1, out), sizeof(out));
        check_bytes(out, STAMP_SIZE, expected, strlen(expected));
        check(out[STAMP_SIZE] == '\n' && !amid);
}

static void zones(void) {
        set_zone("UTC");
        check_stamped(USEC, "2024-11-30T03:05:49.123+00:00 ");
        set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
        check_stamped(USEC, "2024-11-30T04:05:49.123+01:00 ");
        set_zone("NST3:30");
        check_stamped(USEC, "2024-11-29T23:35:49.123-03:30 ");
        set_zone("NPT-5:45");
        check_stamped(USEC, "2024-11-30T08:50:49.123+05:45 ");
}

static void times_that_are_none(void) {
        set_zone("UTC");
        check_stamped(0, NONE);
        check_stamped(UINT64_MAX, NONE);
        check_stamped(UINT64_C(253402300799999999), "9999-12-31T23:59:59.999+00:00 ");
        check_stamped(UINT64_C(253402300800000000), NONE);
}

static void lines(void) {
        char out[STAMPED_SIZE(16)];
        bool amid = false;
        size_t n;

        set_zone("UTC");
        n = stamp(&amid, USEC, "a\n\nb", 4, out);
        check_bytes(out, n,
                    "2024-11-30T03:05:49.123+00:00 a\n"
                    "2024-11-30T03:05:49.123+00:00 \n"
                    "2024-11-30T03:05:49.123+00:00 b",
                    3 * STAMP_SIZE + 4);
        check(amid);
        check_int(stamp(&amid, USEC, "", 0, out), 0);
        check(amid);
        n = stamp(&amid, USEC + 1000, "\0c\nd\n", 5, out); /* a line has the time of its beginning */
        check_bytes(out, n, "\0c\n2024-11-30T03:05:49.124+00:00 d\n", STAMP_SIZE + 5);
        check(!amid);
        check_int(stamp(&amid, USEC, "", 0, out), 0);
        check(!amid);
}

TEST_MAIN(TEST(zones), TEST(times_that_are_none), TEST(lines))
