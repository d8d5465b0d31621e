/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "lines.h"
#include "macro.h"

#define BUFFER_MIN 4096U
#define BUFFER_KEPT (1024U * 1024U) /* a larger one is given back when its line is over */

static int reserve(Lines *l, size_t size) {
        size_t wanted = MAX(l->allocated, BUFFER_MIN);
        char *bigger;

        if (size <= l->allocated)
                return 0;
        while (wanted < size)
                wanted *= 2;
        bigger = realloc(l->buffer, wanted);
        if (!bigger)
                return -ENOMEM;
        l->buffer = bigger;
        l->allocated = wanted;
        return 0;
}

/* Keeps the part of an incomplete line, up to the limit. */
static int keep(Lines *l, const char *data, size_t n) {
        size_t kept = MIN(n, l->max - l->size);
        int r;

        if (kept < n)
                l->cut = true;
        if (kept == 0)
                return 0;
        r = reserve(l, l->size + kept);
        if (r < 0)
                return r;
        memcpy(l->buffer + l->size, data, kept);
        l->size += kept;
        return 0;
}

static int deliver(Lines *l, unsigned flags) {
        int r = l->handler(l->size > 0 ? l->buffer : "", l->size, flags | (l->cut ? LINE_CUT : 0), l->userdata);

        l->size = 0;
        l->cut = false;
        if (l->allocated > BUFFER_KEPT) {
                free(TAKE_PTR(l->buffer));
                l->allocated = 0;
        }
        return r;
}

int lines_feed(Lines *l, const char *data, size_t n) {
        while (n > 0) {
                const char *end = memchr(data, '\n', n);
                size_t length = end ? (size_t) (end - data) : n;
                int r;

                if (end && l->size == 0 && length <= l->max)
                        r = l->handler(data, length, 0, l->userdata); /* it need not be copied */
                else {
                        r = keep(l, data, length);
                        if (r >= 0 && end)
                                r = deliver(l, 0);
                }
                if (r < 0)
                        return r;
                length += end ? 1 : 0;
                data += length;
                n -= length;
        }
        return 0;
}

int lines_end(Lines *l) {
        return l->size > 0 || l->cut ? deliver(l, LINE_OPEN) : 0;
}

void lines_clear(Lines *l) {
        free(TAKE_PTR(l->buffer));
        l->size = l->allocated = 0;
        l->cut = false;
}
