/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <time.h>

#include "macro.h"
#include "stamp.h"

/* Nothing of usec is relied on: it may come from the index of output-order.h. */
static bool format_time(uint64_t usec, char ret[static STAMP_SIZE + 1]) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;
        long minutes;

        if (usec == 0 || !localtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999)
                return false;
        minutes = labs(tm.tm_gmtoff) / 60;
        return strftime(ret, STAMP_SIZE + 1, "%Y-%m-%dT%H:%M:%S", &tm) == strlen("2024-11-30T04:05:49") &&
               snprintf(ret + 19, STAMP_SIZE + 1 - 19, ".%03u%c%02ld:%02ld ",
                        (unsigned) (usec % USEC_PER_SEC / USEC_PER_MSEC), tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
                        minutes % 60) == STAMP_SIZE - 19;
}

size_t stamp(bool *amid, uint64_t usec, const char *in, size_t n, char *out) {
        char time[STAMP_SIZE + 1];
        size_t size = 0;

        if (n == 0)
                return 0;
        if (!format_time(usec, time))
                (void) snprintf(time, sizeof(time), "%-*s", (int) STAMP_SIZE, "-");
        for (const char *end = in + n, *next; in < end; in = next) {
                const char *newline = memchr(in, '\n', (size_t) (end - in));

                next = newline ? newline + 1 : end;
                if (!*amid) {
                        (void) memcpy(out + size, time, STAMP_SIZE);
                        size += STAMP_SIZE;
                }
                (void) memcpy(out + size, in, (size_t) (next - in));
                size += (size_t) (next - in);
                *amid = !newline;
        }
        return size;
}
