/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ctype.h>

#include "time-util.h"

static uint64_t now(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

uint64_t now_realtime(void) {
        return now(CLOCK_REALTIME);
}

uint64_t now_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

const char *format_rfc3339(uint64_t usec, char ret[static RFC3339_MAX]) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        if (!gmtime_r(&seconds, &tm)) /* a year beyond int */
                return strcpy(ret, "");
        n = strftime(ret, RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(ret + n, RFC3339_MAX - n, ".%06uZ", (unsigned) (usec % USEC_PER_SEC));
        return ret;
}

int parse_u64(const char *text, uint64_t *ret) {
        char *end;
        unsigned long long value;

        if (!isdigit((unsigned char) *text))
                return -EINVAL;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno == ERANGE)
                return -ERANGE;
        if (*end)
                return -EINVAL;
        *ret = value;
        return 0;
}

/* Reads digits with an optional fraction as an exact number of the base unit. *p is advanced past them; the unit is
 * not known before, so the value is kept as digits. */
typedef struct Number {
        uint64_t whole;
        uint64_t fraction; /* of 1,000,000 */
} Number;

static int parse_number(const char **p, Number *ret) {
        Number n = {};
        uint64_t scale = 100000;
        char *end;

        if (!isdigit((unsigned char) **p))
                return -EINVAL;
        errno = 0;
        n.whole = strtoull(*p, &end, 10);
        if (errno == ERANGE)
                return -ERANGE;
        if (*end == '.') {
                end++;
                if (!isdigit((unsigned char) *end))
                        return -EINVAL;
                for (; isdigit((unsigned char) *end); end++, scale /= 10)
                        n.fraction += (uint64_t) (*end - '0') * scale;
        }
        *p = end;
        *ret = n;
        return 0;
}

static int number_times(const Number *n, uint64_t unit, uint64_t *ret) {
        uint64_t whole, part;

        if (__builtin_mul_overflow(n->whole, unit, &whole))
                return -ERANGE;
        part = n->fraction * unit / 1000000; /* below 10^6 times a tebibyte: fits */
        return __builtin_add_overflow(whole, part, ret) ? -ERANGE : 0;
}

/* Of a second, if there is none. */
static int parse_unit(const char **p, uint64_t *ret_usec) {
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },
                { "ms", USEC_PER_MSEC },
                { "s", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "m", 60 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "d", 24 * 3600 * USEC_PER_SEC },
                { "w", 7 * 24 * 3600 * USEC_PER_SEC },
        };
        size_t n = strspn(*p, "abcdefghijklmnopqrstuvwxyz");

        *ret_usec = USEC_PER_SEC;
        if (n == 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == n && strncmp(units[i].name, *p, n) == 0) {
                        *ret_usec = units[i].usec;
                        *p += n + strspn(*p + n, " \t");
                        return 0;
                }
        return -EINVAL;
}

int parse_timespan(const char *text, uint64_t *ret_usec) {
        const char *p = text + strspn(text, " \t");
        uint64_t total = 0;

        if (streq(p, "infinity")) {
                *ret_usec = USEC_INFINITY;
                return 0;
        }
        do {
                uint64_t unit, usec;
                Number number;
                int r;

                r = parse_number(&p, &number);
                p += strspn(p, " \t");
                if (r >= 0)
                        r = parse_unit(&p, &unit);
                if (r >= 0)
                        r = number_times(&number, unit, &usec);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(total, usec, &total))
                        return -ERANGE;
        } while (*p);

        *ret_usec = total;
        return 0;
}

int parse_size(const char *text, uint64_t *ret) {
        static const char units[] = "KMGT";
        uint64_t unit = 1, value;
        const char *p = text;
        Number number;
        int r;

        r = parse_number(&p, &number);
        if (r < 0)
                return r;
        if (*p) {
                const char *u = strchr(units, *p);

                if (!u || p[1])
                        return -EINVAL;
                unit <<= 10 * (u - units + 1);
        }
        r = number_times(&number, unit, &value);
        if (r < 0)
                return r;
        *ret = value;
        return 0;
}
