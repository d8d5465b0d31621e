/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* UTF-8 and what is not, held against the table of RFC 3629, section 4, once more and in other words. */

#include "fuzz.h"
#include "utf8.h"

static bool is_valid(const uint8_t *s, size_t n) {
        for (size_t i = 0; i < n;) {
                uint32_t c = s[i], least;
                size_t more;

                if (c == 0 || (c >= 0x80 && c < 0xc0) || c >= 0xf8)
                        return false;
                more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
                least = (uint32_t[]) { 0, 0x80, 0x800, 0x10000 }[more];
                c &= 0x7fU >> (more > 0 ? more + 1 : 0);
                if (more >= n - i)
                        return false;
                for (i++; more > 0; more--, i++) {
                        if ((s[i] & 0xc0) != 0x80)
                                return false;
                        c = c << 6 | (s[i] & 0x3f);
                }
                if (c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                        return false;
                if ((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe) /* sd-bus would not send it */
                        return false;
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *bytes = (const char *) data;
        _cleanup_free_ char *mended = utf8_make_valid(bytes, size), *again = NULL;
        bool valid = utf8_is_valid(bytes, size);

        fuzz_check(valid == is_valid(data, size));
        fuzz_check(mended && utf8_is_valid(mended, strlen(mended)));
        fuzz_check(valid == (strlen(mended) == size && memcmp(mended, data, size) == 0));
        again = utf8_make_valid(mended, strlen(mended));
        fuzz_check(again && streq(mended, again));
        return 0;
}
