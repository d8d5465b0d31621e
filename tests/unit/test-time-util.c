/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "test.h"
#include "time-util.h"

#define HOUR (3600 * USEC_PER_SEC)
#define DAY (24 * HOUR)
#define UNTOUCHED UINT64_C(0x5ca1ab1e)

typedef struct Case {
        const char *text;
        int result;
        uint64_t value;
} Case;

static void run_cases(const Case *cases, size_t n, int (*parse)(const char *, uint64_t *)) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = UNTOUCHED;
                int r = parse(cases[i].text, &value);

                if (r != cases[i].result || value != (r < 0 ? UNTOUCHED : cases[i].value))
                        test_fail(TEST_PLACE(cases[i].text), "returned %d and %" PRIu64 ", not %d and %" PRIu64, r,
                                  value, cases[i].result, cases[i].result < 0 ? UNTOUCHED : cases[i].value);
        }
}

static void timespans(void) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "5", 0, 5 * USEC_PER_SEC },
                { "5s", 0, 5 * USEC_PER_SEC },
                { "5sec", 0, 5 * USEC_PER_SEC },
                { " 5 s ", 0, 5 * USEC_PER_SEC },
                { "\t1h", 0, HOUR },
                { "7us", 0, 7 },
                { "7ms", 0, 7000 },
                { "2m", 0, 120 * USEC_PER_SEC },
                { "2min", 0, 120 * USEC_PER_SEC },
                { "3d", 0, 3 * DAY },
                { "1w", 0, 7 * DAY },
                { "1h 30min", 0, HOUR + 1800 * USEC_PER_SEC },
                { "1h30", 0, HOUR + 30 * USEC_PER_SEC },
                { "1d2h3m4s5ms6us", 0, DAY + 2 * HOUR + 184 * USEC_PER_SEC + 5006 },
                { "1.5h", 0, HOUR + HOUR / 2 },
                { "0.000001s", 0, 1 },
                { "0.0000019s", 0, 1 },
                { "1.999999s", 0, 1999999 },
                { "0.3333333333333333333333333333h", 0, 1199998800 },
                { "infinity", 0, USEC_INFINITY },
                { "18446744073709551614us", 0, UINT64_MAX - 1 },
                { "", -EINVAL },
                { " ", -EINVAL },
                { "s", -EINVAL },
                { "-1", -EINVAL },
                { "+1", -EINVAL },
                { "1.", -EINVAL },
                { ".5", -EINVAL },
                { "1.5.5", -EINVAL },
                { "1e3", -EINVAL },
                { "1 fortnight", -EINVAL },
                { "1S", -EINVAL },
                { "1month", -EINVAL },
                { "0x10", -EINVAL },
                { "1h,", -EINVAL },
                { "1s\n", -EINVAL },
                { "infinity s", -EINVAL },
                { "Infinity", -EINVAL },
                { "18446744073709551616us", -ERANGE },
                { "18446744073710s", -ERANGE },
                { "18446744073709551615us 1us", -ERANGE },
                { "99999999999999999999999", -ERANGE },
                { "31000000w", -ERANGE },
        };

        run_cases(cases, ELEMENTSOF(cases), parse_timespan);
}

static void sizes(void) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "1", 0, 1 },
                { "4K", 0, 4096 },
                { "1.5K", 0, 1536 },
                { "1M", 0, 1 << 20 },
                { "1G", 0, 1 << 30 },
                { "2T", 0, UINT64_C(2) << 40 },
                { "0.5", 0, 0 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "16777215.5T", 0, (UINT64_C(16777215) << 40) + (UINT64_C(1) << 39) },
                { "", -EINVAL },
                { "K", -EINVAL },
                { "1k", -EINVAL },
                { "1KB", -EINVAL },
                { "1KiB", -EINVAL },
                { "1 K", -EINVAL },
                { " 1", -EINVAL },
                { "1P", -EINVAL },
                { "-1", -EINVAL },
                { "infinity", -EINVAL },
                { "18446744073709551616", -ERANGE },
                { "16777216T", -ERANGE },
        };

        run_cases(cases, ELEMENTSOF(cases), parse_size);
}

static void numbers(void) {
        static const Case cases[] = {
                { "0", 0, 0 },
                { "007", 0, 7 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "", -EINVAL },
                { " 1", -EINVAL },
                { "1 ", -EINVAL },
                { "-1", -EINVAL },
                { "+1", -EINVAL },
                { "1.0", -EINVAL },
                { "0x1", -EINVAL },
                { "ten", -EINVAL },
                { "18446744073709551616", -ERANGE },
        };

        run_cases(cases, ELEMENTSOF(cases), parse_u64);
}

/* errno of before must not be taken for that of strtoull(). */
static void stale_errno(void) {
        uint64_t value;

        errno = ERANGE;
        check_ok(parse_u64("1", &value));
        errno = ERANGE;
        check_ok(parse_size("1", &value));
        errno = ERANGE;
        check_ok(parse_timespan("1", &value));
}

static void rfc3339(void) {
        char text[RFC3339_MAX];

        check_string(format_rfc3339(0, text), "1970-01-01T00:00:00.000000Z");
        check_string(format_rfc3339(1, text), "1970-01-01T00:00:00.000001Z");
        check_string(format_rfc3339(UINT64_C(1709164799999999), text), "2024-02-28T23:59:59.999999Z");
        check_string(format_rfc3339(UINT64_C(1709164800000000), text), "2024-02-29T00:00:00.000000Z");
        check_string(format_rfc3339(UINT64_C(253402300800000000), text), "10000-01-01T00:00:00.000000Z");
        check_string(format_rfc3339(UINT64_MAX, text), "586524-01-19T08:01:49.551615Z");
}

/* In UTC, whatever the time zone of the caller. */
static void rfc3339_time_zone(void) {
        char text[RFC3339_MAX];

        check_ok(setenv("TZ", "Asia/Kolkata", 1));
        tzset();
        check_string(format_rfc3339(0, text), "1970-01-01T00:00:00.000000Z");
}

static void now(void) {
        struct timespec before, after;
        uint64_t usec;

        (void) clock_gettime(CLOCK_REALTIME, &before);
        usec = now_realtime();
        (void) clock_gettime(CLOCK_REALTIME, &after);
        check(usec >= (uint64_t) before.tv_sec * USEC_PER_SEC + (uint64_t) before.tv_nsec / 1000);
        check(usec <= (uint64_t) after.tv_sec * USEC_PER_SEC + (uint64_t) after.tv_nsec / 1000);
}

TEST_MAIN(TEST(timespans), TEST(sizes), TEST(numbers), TEST(stale_errno), TEST(rfc3339), TEST(rfc3339_time_zone),
          TEST(now))
