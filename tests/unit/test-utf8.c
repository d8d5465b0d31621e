/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "test-bus.h"
#include "test.h"
#include "utf8.h"

#define FFFD "\xef\xbf\xbd"

static const struct {
        const char *bytes;
        size_t n;
        const char *mended; /* NULL: it is valid as it is */
} cases[] = {
#define TEXT(s) s, sizeof(s) - 1
        { TEXT(""), NULL },
        { TEXT("plain"), NULL },
        { TEXT("\x01\x1f\x7f"), NULL },
        { TEXT("Grüße, 世界, 🎉"), NULL },
        { TEXT("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbd"), NULL },  /* the ends of ranges */
        { TEXT("\xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbd"), NULL },
        { TEXT("a\0b"), "a" FFFD "b" },
        { TEXT("\0"), FFFD },
        { TEXT("\x80"), FFFD },
        { TEXT("a\xff" "b"), "a" FFFD "b" },
        { TEXT("\xc0\x80"), FFFD FFFD },                                     /* overlong */
        { TEXT("\xc1\xbf"), FFFD FFFD },
        { TEXT("\xe0\x9f\xbf"), FFFD FFFD FFFD },
        { TEXT("\xf0\x8f\xbf\xbf"), FFFD FFFD FFFD FFFD },
        { TEXT("\xed\xa0\x80"), FFFD FFFD FFFD },                            /* a surrogate */
        { TEXT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD },                   /* beyond U+10FFFF */
        { TEXT("\xf5\x80\x80\x80"), FFFD FFFD FFFD FFFD },
        { TEXT("\xc3"), FFFD },                                              /* cut short */
        { TEXT("\xe4\xb8"), FFFD FFFD },
        { TEXT("\xf0\x9f\x8e"), FFFD FFFD FFFD },
        { TEXT("\xe4" "b\x96"), FFFD "b" FFFD },                             /* a character between */
        { TEXT("\xc3\xc3\xa4"), FFFD "ä" },                                  /* begins anew */
};

/* On the heap, so that a sanitizer sees a read beyond the end. */
static void *on_heap(const char *bytes, size_t n) {
        void *copy = malloc(MAX(n, 1U));

        check(copy);
        memcpy(copy, bytes, n);
        return copy;
}

static void valid(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *bytes = on_heap(cases[i].bytes, cases[i].n);

                if (utf8_is_valid(bytes, cases[i].n) != !cases[i].mended)
                        test_fail(TEST_PLACE("utf8_is_valid()"), "wrong for case %zu", i);
        }
}

static void make_valid(void) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *bytes = on_heap(cases[i].bytes, cases[i].n), *mended = NULL;

                mended = utf8_make_valid(bytes, cases[i].n);
                check_string(mended, cases[i].mended ?: cases[i].bytes);
        }
}

static size_t encode(uint32_t c, char ret[static 5]) {
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        for (size_t i = n - 1; i > 0; i--)
                ret[i] = (char) (0x80 | ((c >> (6 * (n - 1 - i))) & 0x3f));
        ret[0] = (char) (n == 1 ? c : (0xf00U >> n & 0xf0) | c >> (6 * (n - 1)));
        ret[n] = 0;
        return n;
}

/* The 66 code points that Unicode sets aside for use inside of programs. */
static bool is_noncharacter(uint32_t c) {
        return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* Every character that there is, in each length. */
static void every_character(void) {
        for (uint32_t c = 1; c <= 0x110000; c++) {
                bool expected = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
                char s[5];

                if (!is_noncharacter(c) && utf8_is_valid(s, encode(c, s)) != expected)
                        test_fail(TEST_PLACE("utf8_is_valid()"), "wrong for U+%04X", (unsigned) c);
        }
}

/* Whatever is made valid is meant to be sent, and sd-bus refuses noncharacters. */
static void can_be_sent(void) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Enqueue");

        for (uint32_t c = 1; c <= 0x10ffff; c++) {
                _cleanup_free_ char *valid = NULL;
                char s[5];

                if (!is_noncharacter(c))
                        continue;
                valid = utf8_make_valid(s, encode(c, s));
                if (sd_bus_message_append_basic(m, 's', valid) < 0)
                        test_fail(TEST_PLACE("sd_bus_message_append_basic()"), "refuses U+%04X", (unsigned) c);
        }
}

static void impossible_size(void) {
        check(!utf8_make_valid("", SIZE_MAX));
}

static void truncated(void) {
        const char *text = "aä€\xf0\x9f\x98\x80";
        const size_t expected[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };

        for (size_t max = 0; max < ELEMENTSOF(expected); max++)
                check_int(utf8_truncate(text, strlen(text), max), expected[max]);
        check_int(utf8_truncate("a\0b", 3, 2), 2);
        check_int(utf8_truncate("\x80\x80", 2, 1), 0); /* no UTF-8 */
}

TEST_MAIN(TEST(truncated), TEST(valid), TEST(make_valid), TEST(every_character), TEST(can_be_sent), TEST(impossible_size))
