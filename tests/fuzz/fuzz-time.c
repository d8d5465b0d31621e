/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Times, sizes and numbers as people write them. */

#include "fuzz.h"
#include "time-util.h"

#define UNTOUCHED UINT64_C(0x5ca1ab1e)

static bool parse(int (*parser)(const char *, uint64_t *), const char *s, uint64_t *ret) {
        int r;

        *ret = UNTOUCHED;
        r = parser(s, ret);
        fuzz_check(r == 0 || r == -EINVAL || r == -ERANGE);
        fuzz_check(r == 0 || *ret == UNTOUCHED);
        return r == 0;
}

/* A value that was read, written out in the smallest unit, is read as the same. */
static void check_written(int (*parser)(const char *, uint64_t *), uint64_t value, const char *unit) {
        char text[32];
        uint64_t again;

        (void) snprintf(text, sizeof(text), "%" PRIu64 "%s", value, unit);
        fuzz_check(parse(parser, text, &again) && again == value);
}

static void check_formatted(uint64_t usec) {
        char text[RFC3339_MAX];
        size_t n;

        fuzz_check(format_rfc3339(usec, text) == text);
        n = strlen(text);
        fuzz_check(n >= strlen("1970-01-01T00:00:00.000000Z") && text[n - 1] == 'Z' && text[n - 8] == '.' &&
                   text[n - 17] == 'T');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = fuzz_string(data, size);
        uint64_t value, other;

        if (parse(parse_timespan, s, &value)) {
                check_written(parse_timespan, value, "us");
                check_formatted(value);
        }
        if (parse(parse_size, s, &value))
                check_written(parse_size, value, "");
        if (parse(parse_u64, s, &value)) {
                check_written(parse_u64, value, "");
                fuzz_check(*s && strspn(s, "0123456789") == strlen(s));
                fuzz_check(parse(parse_size, s, &other) && other == value); /* every number is a size */
        }
        return 0;
}
