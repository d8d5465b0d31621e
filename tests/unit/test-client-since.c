/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "since.h"
#include "test.h"
#include "time-util.h"

/* 2026-11-22T14:30:00Z, half past three in the afternoon in Berlin. */
#define NOW (UINT64_C(1795357800) * USEC_PER_SEC)

static void check_since(const char *text, const char *expected) {
        char formatted[RFC3339_MAX];
        uint64_t usec = 0;

        check_ok(parse_since(text, NOW, &usec));
        check_string(format_rfc3339(usec, formatted), expected);
}

static void spans(void) {
        check_since("2h", "2026-11-22T12:30:00.000000Z");
        check_since("1h 30min", "2026-11-22T13:00:00.000000Z");
        check_since("3d ago", "2026-11-19T14:30:00.000000Z");
        check_since("90", "2026-11-22T14:28:30.000000Z");
        check_since("0", "2026-11-22T14:30:00.000000Z");
        check_since("now", "2026-11-22T14:30:00.000000Z");
}

static void points(void) {
        check_ok(setenv("TZ", "Europe/Berlin", 1));
        tzset();
        if (timezone != -3600)
                test_skip("there is no time zone Europe/Berlin here");
        check_since("today", "2026-11-21T23:00:00.000000Z");
        check_since("yesterday", "2026-11-20T23:00:00.000000Z");
        check_since("12:30", "2026-11-22T11:30:00.000000Z");
        check_since("12:30:15", "2026-11-22T11:30:15.000000Z");
        check_since("2026-11-01", "2026-10-31T23:00:00.000000Z");
        check_since("2026-07-01", "2026-06-30T22:00:00.000000Z"); /* it was summer */
        check_since("2026-11-01 08:05", "2026-11-01T07:05:00.000000Z");
        check_since("2026-11-01T08:05:09", "2026-11-01T07:05:09.000000Z");
        check_since("2026-11-01T08:05:09.25", "2026-11-01T07:05:09.250000Z");
}

/* What --json says can be asked for again. */
static void utc(void) {
        check_since("2026-11-22T14:14:01.123456Z", "2026-11-22T14:14:01.123456Z");
        check_since("2026-11-22T14:14:01.1234567Z", "2026-11-22T14:14:01.123456Z");
        check_since("1970-01-01Z", "1970-01-01T00:00:00.000000Z");
}

/* The day before the first of a month, and of a year. */
static void turns(void) {
        uint64_t usec = 0;
        char text[RFC3339_MAX];

        check_ok(setenv("TZ", "UTC0", 1));
        tzset();
        check_ok(parse_since("yesterday", UINT64_C(1798761600) * USEC_PER_SEC, &usec)); /* 2027-01-01 */
        check_string(format_rfc3339(usec, text), "2026-12-31T00:00:00.000000Z");
}

static void mistakes(void) {
        static const char *const invalid[] = {
                "", "soon", "tomorrow", "2026-13-01", "2026-02-30", "2026-00-10", "2026-11-1", "2026-11-01T", "2026-11-01 ",
                "2026-11-01x", "24:00", "12:60", "12:30:61", "12:30:15.", "12:3", "2026-11-01 12:30Zulu", "-2h", " ago",
                "1969-12-31", "12:30Z",
        };
        static const char *const range[] = { "2026-11-23", "9999-12-31", "60000d" };
        uint64_t usec = 7;

        for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
                check_error(parse_since(invalid[i], NOW, &usec), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(range); i++)
                check_error(parse_since(range[i], NOW, &usec), -ERANGE);
        check_int(usec, 7);
}

static void check_until(const char *text, const char *expected) {
        char formatted[RFC3339_MAX];
        uint64_t usec = 0;

        check_ok(parse_until(text, NOW, &usec));
        check_string(format_rfc3339(usec, formatted), expected);
}

/* A time that there is twice is the first of them, one that there is not comes as much later, whatever was asked before. */
static void clocks_change(void) {
        check_ok(setenv("TZ", "Europe/Berlin", 1));
        tzset();
        if (timezone != -3600)
                test_skip("there is no time zone Europe/Berlin here");
        for (size_t i = 0; i < 2; i++) {
                check_until("2027-03-28 01:59:59", "2027-03-28T00:59:59.000000Z");
                check_until("2027-03-28 02:00", "2027-03-28T01:00:00.000000Z");
                check_until("2027-03-28 02:30", "2027-03-28T01:30:00.000000Z");
                check_until("2027-03-28 03:30", "2027-03-28T01:30:00.000000Z");
                check_until("2027-10-31 01:59:60", "2027-10-31T00:00:00.000000Z");
                check_until("2027-10-31 02:30", "2027-10-31T00:30:00.000000Z");
                check_until("2027-10-31 03:00", "2027-10-31T02:00:00.000000Z");
                check_until("2027-07-01 12:00", "2027-07-01T10:00:00.000000Z");
                check_until("2027-10-31 02:30", "2027-10-31T00:30:00.000000Z");
                check_until("2027-12-01 12:00", "2027-12-01T11:00:00.000000Z");
        }
        check_ok(setenv("TZ", "CST5CDT,M3.2.0/0,M11.1.0/1", 1)); /* without a midnight on that day, as Havana had it */
        tzset();
        check_until("2027-03-14", "2027-03-14T05:00:00.000000Z");
        check_until("2027-03-14 00:30", "2027-03-14T05:30:00.000000Z");
        check_ok(setenv("TZ", "America/New_York", 1));
        tzset();
        check_until("9999-12-31 18:59:59", "9999-12-31T23:59:59.000000Z");
}

/* What comes next. */
static void until(void) {
        static const char *const invalid[] = {
                "", "soon", "tomorrow ", "tomorrow 7", "tomorrow 2030-01-01", "tomorrow12:00", "24:00", "2026-02-30", "2h", "yesterday",
        };
        static const char *const range[] = { "2026-11-21", "1970-01-01", "2026-11-22T14:29:59Z" };
        uint64_t usec = 7;

        check_ok(setenv("TZ", "Europe/Berlin", 1));
        tzset();
        if (timezone != -3600)
                test_skip("there is no time zone Europe/Berlin here");
        check_until("now", "2026-11-22T14:30:00.000000Z");
        check_until("15:30", "2026-11-22T14:30:00.000000Z");
        check_until("15:29", "2026-11-23T14:29:00.000000Z");
        check_until("23:59:59", "2026-11-22T22:59:59.000000Z");
        check_until("tomorrow", "2026-11-22T23:00:00.000000Z");
        check_until("tomorrow 07:30", "2026-11-23T06:30:00.000000Z");
        check_until("2027-07-01 12:00", "2027-07-01T10:00:00.000000Z");
        check_until("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z");
        for (size_t i = 0; i < ELEMENTSOF(invalid); i++)
                check_error(parse_until(invalid[i], NOW, &usec), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(range); i++)
                check_error(parse_until(range[i], NOW, &usec), -ERANGE);
        check_int(usec, 7);
}

TEST_MAIN(TEST(spans), TEST(points), TEST(utc), TEST(turns), TEST(mistakes), TEST(until), TEST(clocks_change))
