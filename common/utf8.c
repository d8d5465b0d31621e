/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* U+FDD0 to U+FDEF, and the last two of each plane: sd-bus rejects strings that contain them. */
static bool is_noncharacter(const unsigned char *s, size_t length) {
        uint32_t c;

        if (length < 3)
                return false;
        c = length == 3 ? s[0] & 0x0fU : s[0] & 0x07U;
        for (size_t i = 1; i < length; i++)
                c = c << 6 | (s[i] & 0x3fU);
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Length of the character at s in bytes, 0 if invalid. Overlong forms, surrogates, noncharacters and code points
 * above U+10FFFF are invalid. */
static size_t character_length(const unsigned char *s, size_t n) {
        size_t length;
        unsigned char low = 0x80, high = 0xbf;

        if (s[0] == 0)
                return 0;
        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                length = 2;
        else if (s[0] >= 0xe0 && s[0] <= 0xef)
                length = 3;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                length = 4;
        else
                return 0;

        if (length > n)
                return 0;
        if (s[0] == 0xe0)
                low = 0xa0;
        else if (s[0] == 0xed)
                high = 0x9f;
        else if (s[0] == 0xf0)
                low = 0x90;
        else if (s[0] == 0xf4)
                high = 0x8f;
        if (s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        return is_noncharacter(s, length) ? 0 : length;
}

bool utf8_is_valid(const char *s, size_t n) {
        for (size_t i = 0; i < n;) {
                size_t length = character_length((const unsigned char *) s + i, n - i);

                if (length == 0)
                        return false;
                i += length;
        }
        return true;
}

char *utf8_make_valid(const char *s, size_t n) {
        char *ret, *p;

        if (n > SIZE_MAX / 3 - 1)
                return NULL;
        p = ret = malloc(3 * n + 1);
        if (!ret)
                return NULL;

        for (size_t i = 0; i < n;) {
                size_t length = character_length((const unsigned char *) s + i, n - i);

                p = mempcpy(p, length > 0 ? s + i : REPLACEMENT, length > 0 ? length : 3);
                i += MAX(length, 1U);
        }
        *p = 0;
        return ret;
}

char *utf8_make_shown(const char *s, size_t max) {
        char *shown = utf8_make_valid(s, strnlen(s, max));

        for (char *p = shown; p && *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
        return shown;
}

size_t utf8_truncate(const char *s, size_t n, size_t max) {
        if (n <= max)
                return n;
        while (max > 0 && utf8_is_continuation(s[max]))
                max--;
        return max;
}
