/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "text.h"
#include "utf8.h"

#define MARK "…"

/* How many bytes the control character at p takes, 0 if there is another one: U+0000 to U+001F, U+007F to
 * U+009F. p is valid UTF-8 terminated by a NUL. */
static size_t control_length(const char *p) {
        unsigned char first = (unsigned char) p[0], second;

        if (first < 0x20 || first == 0x7f)
                return 1;
        if (first != 0xc2)
                return 0;
        second = (unsigned char) p[1];
        return second >= 0x80 && second < 0xa0 ? 2 : 0;
}

static size_t squeeze(char *text) {
        bool blank = false;
        char *end = text;

        for (const char *p = text; *p;) {
                size_t length = *p == ' ' ? 1 : control_length(p);

                if (length > 0) {
                        p += length;
                        blank = end > text;
                        continue;
                }
                if (blank)
                        *end++ = ' ';
                blank = false;
                *end++ = *p++;
        }
        *end = 0;
        return (size_t) (end - text);
}

static size_t blank_out(char *text) {
        char *p = text;

        while (*p) {
                size_t length = *p == '\n' || *p == '\t' ? 0 : control_length(p);

                memset(p, ' ', length);
                p += MAX(length, 1U);
        }
        return (size_t) (p - text);
}

static char *make(const char *s, size_t n, size_t max, size_t (*clean)(char *text)) {
        size_t taken = MIN(n, 4 * max), length; /* more than max, for what is squeezed */
        _cleanup_free_ char *valid = NULL;
        char *ret;

        taken = utf8_truncate(s, n, taken);
        valid = utf8_make_valid(s, taken);
        if (!valid)
                return NULL;
        length = clean(valid);
        if (taken == n && length <= max)
                return TAKE_PTR(valid);

        length = utf8_truncate(valid, length, max);
        ret = malloc(length + sizeof(MARK));
        if (!ret)
                return NULL;
        (void) stpcpy(mempcpy(ret, valid, length), MARK);
        return ret;
}

char *text_line(const char *s, size_t n, size_t max) {
        return make(s, n, max, squeeze);
}

char *text_block(const char *s, size_t n, size_t max) {
        return make(s, n, max, blank_out);
}
