/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "json-escape.h"
#include "macro.h"
#include "text-new.h"

/* The character at s, which is valid; *ret_bytes is how many it has. */
static uint32_t decode(const unsigned char *s, size_t *ret_bytes) {
        size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (s[i] & 0x3fU);
        *ret_bytes = n;
        return c;
}

static void put_escaped(FILE *f, uint32_t c) {
        if (c < 0x10000)
                (void) fprintf(f, "\\u%04x", c);
        else /* as UTF-16 has it, in two */
                (void) fprintf(f, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
}

char *json_escape(const char *json, bool ascii) {
        const unsigned char *s = (const unsigned char *) json;
        _cleanup_text_stream_ TextStream escaped = {};
        FILE *f = text_stream_open(&escaped);
        size_t n;

        if (!f)
                return NULL;
        for (; *s; s += n) {
                uint32_t c = decode(s, &n);

                if (c == 0x7f || is_c1(s) || bidi_or_separator_size(s) > 0 || (ascii && n > 1))
                        put_escaped(f, c);
                else
                        (void) fwrite(s, 1, n, f);
        }
        return text_stream_take(&escaped);
}
