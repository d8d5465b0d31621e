/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Points in time as people write them, in the past and to come. */

#include <stdlib.h>
#include <time.h>

#include "fuzz.h"
#include "since.h"
#include "time-util.h"

#define NOW (UINT64_C(1792899000) * USEC_PER_SEC) /* 2026-10-25: the clocks of Europe were set back an hour before */
#define UNTOUCHED UINT64_C(0x5ca1ab1e)

static bool parse(int (*parser)(const char *, uint64_t, uint64_t *), const char *s, uint64_t *ret) {
        int r;

        *ret = UNTOUCHED;
        r = parser(s, NOW, ret);
        fuzz_check(r == 0 || r == -EINVAL || r == -ERANGE);
        fuzz_check(r == 0 || *ret == UNTOUCHED);
        return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = fuzz_string(data, size);
        char text[RFC3339_MAX];
        uint64_t value, again;

        (void) setenv("TZ", size % 2 == 0 ? "CET-1CEST,M3.5.0,M10.5.0/3" : "UTC0", 1);
        tzset();
        if (parse(parse_since, s, &value)) {
                fuzz_check(value <= NOW);
                fuzz_check(parse(parse_since, format_rfc3339(value, text), &again) && again == value);
        }
        if (parse(parse_until, s, &value)) {
                fuzz_check(value >= NOW);
                fuzz_check(parse(parse_until, format_rfc3339(value, text), &again) && again == value);
        }
        return 0;
}
