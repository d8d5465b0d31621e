/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "since.h"
#include "time-util.h"

static int parse_ago(const char *text, uint64_t now, uint64_t *ret) {
        static const char ago[] = " ago";
        size_t n = strlen(text);
        _cleanup_free_ char *span = NULL;
        uint64_t usec;
        int r;

        if (n > strlen(ago) && streq(text + n - strlen(ago), ago))
                n -= strlen(ago);
        span = strndup(text, n);
        if (!span)
                return -ENOMEM;
        r = parse_timespan(span, &usec);
        if (r < 0)
                return r;
        if (usec > now)
                return -ERANGE;
        *ret = now - usec;
        return 0;
}

/* Reads a number with this many digits and within bounds, and advances. */
static int digits(const char **p, size_t n, int min, int max, int *ret) {
        int value = 0;

        for (size_t i = 0; i < n; i++) {
                if ((*p)[i] < '0' || (*p)[i] > '9')
                        return -EINVAL;
                value = 10 * value + ((*p)[i] - '0');
        }
        if (value < min || value > max)
                return -EINVAL;
        *p += n;
        *ret = value;
        return 0;
}

static bool take(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

static int parse_date(const char **p, struct tm *tm) {
        if (digits(p, 4, 1970, 9999, &tm->tm_year) < 0 || !take(p, '-') || digits(p, 2, 1, 12, &tm->tm_mon) < 0 ||
            !take(p, '-') || digits(p, 2, 1, 31, &tm->tm_mday) < 0)
                return -EINVAL;
        tm->tm_year -= 1900;
        tm->tm_mon -= 1;
        return 0;
}

static int parse_time(const char **p, struct tm *tm, uint64_t *ret_fraction) {
        uint64_t unit = USEC_PER_SEC;

        if (digits(p, 2, 0, 23, &tm->tm_hour) < 0 || !take(p, ':') || digits(p, 2, 0, 59, &tm->tm_min) < 0)
                return -EINVAL;
        if (!take(p, ':'))
                return 0;
        if (digits(p, 2, 0, 60, &tm->tm_sec) < 0)
                return -EINVAL;
        if (!take(p, '.'))
                return 0;
        if (**p < '0' || **p > '9')
                return -EINVAL;
        for (; **p >= '0' && **p <= '9'; (*p)++) {
                unit /= 10;
                *ret_fraction += unit * (uint64_t) (**p - '0');
        }
        return 0;
}

/* Whether it is a time of the kind, summer or winter, that the clocks show then. tm may differ otherwise. */
static bool make_time(const struct tm *given, int is_summer, time_t *ret) {
        struct tm tm = *given;

        tm.tm_isdst = is_summer;
        *ret = mktime(&tm);
        return *ret != -1 && tm.tm_isdst == is_summer && tm.tm_hour == given->tm_hour && tm.tm_min == given->tm_min;
}

/* Of a time that the clocks show twice, the first; one that they skip is as much later as they skip. mktime() alone chooses
 * depending on what it was called with before. */
static time_t local_time(const struct tm *given) {
        time_t summer, winter;
        bool is_summer = make_time(given, 1, &summer), is_winter = make_time(given, 0, &winter);

        if (is_summer != is_winter)
                return is_summer ? summer : winter;
        return is_summer ? MIN(summer, winter) : MAX(summer, winter);
}

static int from_tm(const struct tm *given, bool utc, uint64_t *ret) {
        struct tm minute = *given, tm;
        time_t t;

        minute.tm_sec = 0; /* it may be 60 */
        tm = minute;
        t = timegm(&tm);
        if (tm.tm_mday != given->tm_mday) /* no such day: it became one of the next month */
                return -EINVAL;
        if (!utc)
                t = local_time(&minute);
        if (t < 0)
                return -ERANGE;
        *ret = ((uint64_t) t + (uint64_t) given->tm_sec) * USEC_PER_SEC;
        return 0;
}

/* Midnight this many days from today. */
static struct tm day(uint64_t now, int days) {
        time_t t = (time_t) (now / USEC_PER_SEC);
        struct tm tm = {};

        if (!localtime_r(&t, &tm))
                return tm;
        tm = (struct tm) { .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday + days, .tm_isdst = -1 };
        (void) timegm(&tm); /* the day before the first is one of the last month */
        return (struct tm) { .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday };
}

/* A date, or a time of the day that is so many days after today, or both. */
static int parse_point(const char *text, uint64_t now, int days, uint64_t *ret) {
        struct tm tm = day(now, days);
        uint64_t fraction = 0;
        const char *p = text;
        bool dated, utc;
        int r;

        dated = strlen(text) >= 5 && text[4] == '-';
        r = dated ? parse_date(&p, &tm) : 0;
        if (r < 0)
                return r;
        if (!dated || take(&p, 'T') || take(&p, ' ')) {
                r = parse_time(&p, &tm, &fraction);
                if (r < 0)
                        return r;
        }
        utc = dated && take(&p, 'Z');
        if (*p)
                return -EINVAL;
        r = from_tm(&tm, utc, ret);
        if (r >= 0)
                *ret += fraction;
        return r;
}

int parse_since(const char *text, uint64_t now, uint64_t *ret) {
        uint64_t usec = now;
        struct tm tm;
        int r;

        if (streq(text, "today") || streq(text, "yesterday")) {
                tm = day(now, streq(text, "today") ? 0 : -1);
                r = from_tm(&tm, false, &usec);
        } else if (streq(text, "now"))
                r = 0;
        else {
                r = parse_point(text, now, 0, &usec);
                if (r == -EINVAL)
                        r = parse_ago(text, now, &usec);
        }
        if (r < 0)
                return r;
        if (usec > now)
                return -ERANGE;
        *ret = usec;
        return 0;
}

int parse_until(const char *text, uint64_t now, uint64_t *ret) {
        const char *rest = startswith(text, "tomorrow");
        uint64_t usec = now;
        struct tm tm;
        int r;

        if (streq(text, "now"))
                r = 0;
        else if (rest && !*rest) {
                tm = day(now, 1);
                r = from_tm(&tm, false, &usec);
        } else if (rest)
                r = *rest == ' ' && strlen(rest) >= 6 && rest[5] != '-' ? parse_point(rest + 1, now, 1, &usec) : -EINVAL;
        else {
                r = parse_point(text, now, 0, &usec);
                if (r >= 0 && usec < now && strchr(text, ':') && text[4] != '-')
                        r = parse_point(text, now, 1, &usec);
        }
        if (r < 0)
                return r;
        if (usec < now)
                return -ERANGE;
        *ret = usec;
        return 0;
}
