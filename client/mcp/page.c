/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "output.h"
#include "page.h"
#include "utf8.h"

#define CHARACTER_MAX 4 /* bytes of one */

void page_clear(Page *page) {
        free(page->text);
        *page = (Page) {};
}

/* How many bytes at the start belong to a character that begins before them. */
static size_t rest_before(const char *data, size_t n) {
        size_t i = 0;

        while (i < MIN(n, (size_t) CHARACTER_MAX - 1) && utf8_is_continuation(data[i]))
                i++;
        return i;
}

/* How many bytes at the end are an incomplete character. */
static size_t start_behind(const char *data, size_t n) {
        for (size_t i = 1; i <= MIN(n, (size_t) CHARACTER_MAX - 1); i++) {
                unsigned char c = (unsigned char) data[n - i];

                if (c < 0x80)
                        return 0;
                if (c >= 0xc2)
                        return i < (c < 0xe0 ? 2U : c < 0xf0 ? 3U : 4U) && i < n ? i : 0;
        }
        return 0;
}

int page_read(int fd, uint64_t offset, size_t max, Page *ret) {
        _cleanup_free_ char *data = NULL, *valid = NULL;
        off_t size = lseek(fd, 0, SEEK_END), from;
        size_t n, skipped = 0;
        char *text;
        int r;

        if (size < 0)
                return -errno;
        from = offset == PAGE_TAIL ? MAX(size - (off_t) max, (off_t) 0) : (off_t) MIN(offset, (uint64_t) size);
        r = output_read(fd, from, max, &data, &n);
        if (r < 0)
                return r;
        if (offset == PAGE_TAIL && from > 0)
                skipped = rest_before(data, n);
        if (from + (off_t) n < size)
                n -= start_behind(data, n);
        valid = utf8_make_valid(data + skipped, n - skipped);
        text = valid ? clean_string(valid) : NULL;
        if (!text)
                return -ENOMEM;
        *ret = (Page) {
                .text = text,
                .from = (uint64_t) from + skipped,
                .to = (uint64_t) from + n,
                .size = (uint64_t) size,
        };
        return 0;
}
