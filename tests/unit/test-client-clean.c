/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "test.h"

/* However a text is cut into pieces, the same comes out, and it fits. */
static void check_cleaner(const char *text, bool ascii, const char *expected) {
        size_t n = strlen(text);

        for (size_t step = 1; step <= n + 1; step++) {
                _cleanup_free_ char *out = calloc(1, CLEAN_SIZE(n));
                Cleaner cleaner = { .ascii = ascii };
                size_t size = 0;

                check(out);
                for (size_t i = 0; i < n; i += step)
                        size += clean(&cleaner, text + i, MIN(step, n - i), out + size);
                size += clean_end(&cleaner, out + size);
                check_bytes(out, size, expected, strlen(expected));
        }
}

static void check_clean(const char *text, const char *expected) {
        check_cleaner(text, false, expected);
}

static void texts_stay(void) {
        check_clean("", "");
        check_clean("one\n\ttwo\n", "one\n\ttwo\n");
        check_clean("Grüße, 世界 €\u00a0𝄞", "Grüße, 世界 €\u00a0𝄞");
}

static void sequences_go(void) {
        check_clean("\x1b[1;31mred\x1b[0m", "red");
        check_clean("\x1b[2J\x1b[Htop", "top");
        check_clean("\x1b(Bplain\x1b" "7\x1b" "8\x1b=", "plain");
        check_clean("\x1b]0;title\aafter", "after");
        check_clean("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link");
        check_clean("\x1bPq#0\x1b\\after", "after");
        check_clean("\xc2\x9b" "31mred", "red");
        check_clean("\xc2\x9d" "0;title\aafter", "after");
        check_clean("\x1b\x1b[31mred", "red");
        check_clean("\xc2\x9d" "0;title\xc2\x9c" "after", "after");
        check_clean("\x1b]0;ti\xc2\x85t\u00fcle\xff\aafter", "after");
        check_clean("\x1b[\u00fc\x1b\u00fc", "\u00fc\u00fc");
}

static void half_sequences_hide_no_more_than_a_line(void) {
        check_clean("\x1b]0;never ended\nnext", "\nnext");
        check_clean("\x1b[31\nnext", "\nnext");
        check_clean("\x1b\nnext", "\nnext");
        check_clean("\x1b]0;\x1b[31mred", "red");
        check_clean("end\x1b", "end");
}

static void controls_are_shown(void) {
        check_clean("\a\b\x7f", "^G^H^?");
        check_clean("one\r\ntwo\rthree", "one\ntwo\nthree");
        check_clean("\r\r\n", "\n\n");
        check_clean("a\xc2\x85" "b", "ab");
        check_clean("\x9b" "31m", "\xef\xbf\xbd" "31m"); /* in other character sets it is CSI */
}

static void directions_do_not_turn(void) {
        check_clean("a\u202e" "b\u2066" "c\u2069" "d\u200f" "e\u061c" "f",
                    "a\ufffd" "b\ufffd" "c\ufffd" "d\ufffd" "e\ufffd" "f");
        check_clean("\r\u202a\x1b[m\u202a", "\n\ufffd\ufffd");
        check_clean("\u2014\u2026\u2070\u061b\u0624 \u20ac\u2800", "\u2014\u2026\u2070\u061b\u0624 \u20ac\u2800");
        check_clean("\xe2\x80\a\xe2\xe2\x80\xae\xd8\xd8\x9c",
                    "\ufffd\ufffd^G\ufffd\ufffd\ufffd\ufffd"); /* halves */
}

static void lines_are_not_separated_otherwise(void) {
        check_clean("a\u2028b\u2029c", "a\ufffd" "b\ufffd" "c");
        check_clean("\u2027\u202f", "\u2027\u202f");
}

static void what_is_no_text_is_replaced(void) {
        check_clean("\xe0\x82\x9b" "31m", "\ufffd\ufffd\ufffd" "31m"); /* U+009B, overlong */
        check_clean("\xc1\x9b\xf0\x80\x82\x9b", "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
        check_clean("\xed\xa0\x80\xf5", "\ufffd\ufffd\ufffd\ufffd");
        check_clean("caf\xe9 \xc2\x1b[31m\xdb\x9b\x9b", "caf\ufffd \ufffd\u06db\ufffd");
        check_clean("a\xf0\x9d\x84", "a\ufffd\ufffd\ufffd");
        check_clean("\xc2", "\ufffd");
}

static void without_utf8_no_byte_is_beyond_ascii(void) {
        check_cleaner("Gr\u00fc\u00dfe \u4e16 \U0001d11e\t\x1b[31m\x9b\u202e\n", true, "Gr??e ? ?\t??\n");
}

static void strings(void) {
        _cleanup_free_ char *text = clean_string("\x1b[31mred\n");

        check_string(text, "red\n");
        free(text);
        text = clean_string("end\xe2\x80");
        check_string(text, "end\ufffd\ufffd");
}

static void check_settled(const char *line, const char *expected) {
        _cleanup_free_ char *text = settled_line(line);

        check_string(text, expected);
}

static void lines_settle(void) {
        check_settled("", "");
        check_settled("plain text", "plain text");
        check_settled("  indented\r", "  indented");
        check_settled(" 10%\r 50%\r100%", "100%");
        check_settled("[#   ]\r[##  ]\r\033[32m[####]\033[0m\r", "[####]");
        check_settled("loading\r\033[K", "loading");
        check_settled("\033[1A\033[2K\rdone \033[1mnow\033[0m", "done now");
        check_settled("|\b/\b-\b\\", "\\");
        check_settled("10%\b\b\b100%", "100%");
        check_settled("\u00e4\u4e16\b\b\bok", "ok");
        check_settled("\b\b\ba", "a");
        check_settled("\033]0;title\atext\r\r\r\n", "text");
        check_settled("\r\r", "");
}

TEST_MAIN(TEST(texts_stay), TEST(sequences_go), TEST(half_sequences_hide_no_more_than_a_line),
          TEST(controls_are_shown), TEST(directions_do_not_turn), TEST(lines_are_not_separated_otherwise),
          TEST(what_is_no_text_is_replaced), TEST(lines_settle), TEST(without_utf8_no_byte_is_beyond_ascii), TEST(strings))
