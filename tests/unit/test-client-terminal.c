/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <locale.h>

#include "terminal.h"
#include "test.h"

static void check_text(const char *s, bool utf8, const char *expected) {
        _cleanup_free_ char *text = terminal_text(s, utf8);

        check_string(text, expected);
}

static void text_can_do_nothing(void) {
        check_text("", true, "");
        check_text("ä 世界", true, "ä 世界");
        check_text("\x1b[31mred\x1b]0;title\a\n", true, " [31mred ]0;title  ");
        check_text("a\xc2\x9b" "31mb", true, "a  31mb");
        check_text("\xff\xfe", true, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void text_keeps_its_direction(void) {
        check_text("a\u202eb\u2066c\u2069d\u200fe", true, "abcde");
        check_text("\u2027\u202f\u2065\u206a\u2010", true, "\u2027\u202f\u2065\u206a\u2010");
        check_text("\u202e", true, "");
}

static void text_in_ascii(void) {
        check_text("ä 世界😀.", false, "? ???.");
        check_text("a\u202eb", false, "ab");
        check_text("…a……\u2025", false, "...a......?");
}

static void columns(void) {
        size_t bytes;

        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                test_skip("no UTF-8 locale here");
        check_int(text_columns("世界", SIZE_MAX, NULL), 4);
        check_int(text_columns("世界", 3, &bytes), 2);
        check_int(bytes, 3);
        check_int(text_columns("a\u0301b", SIZE_MAX, &bytes), 2);
        check_int(bytes, 4);
        check_int(text_columns("", 0, &bytes), 0);
        check_int(bytes, 0);
}

static void what_is_no_terminal(void) {
        int fds[2];

        check_int(pipe(fds), 0);
        check(terminal_columns(fds[1]) == SIZE_MAX);
        check(terminal_lines(fds[1]) == SIZE_MAX);
        check_int(setenv("TERM", "xterm", true), 0);
        check(!terminal_is_smart(fds[1]));
        check(!terminal_has_color(fds[1]));
        check_int(setenv("LC_ALL", "C", true), 0);
        check(terminal_takes_utf8(fds[1]));
        (void) close(fds[0]);
        (void) close(fds[1]);
}

static void locales(void) {
        check_int(setenv("LC_ALL", "C", true), 0);
        check(!terminal_is_utf8());
        check_int(setenv("LC_ALL", "no-such-locale", true), 0);
        check(!terminal_is_utf8());
        check_int(setenv("LC_ALL", "C.UTF-8", true), 0);
        check(terminal_is_utf8());
        check_int(setenv("LC_ALL", "", true), 0);
        check_int(setenv("LANG", "C", true), 0);
        check_int(setenv("LC_CTYPE", "UTF-8", true), 0); /* of macOS */
        check(terminal_is_utf8());
        check_int(setenv("LC_CTYPE", "xx_XX.utf8@euro", true), 0); /* not generated */
        check(terminal_is_utf8());
        check_int(setenv("LC_CTYPE", "", true), 0);
        check_int(setenv("LANG", "xx_XX.UTF-8", true), 0);
        check(terminal_is_utf8());
        check_int(setenv("LANG", "xx_XX.ISO-8859-15", true), 0);
        check(!terminal_is_utf8());
        check_int(setenv("LANG", "UTF-16", true), 0);
        check(!terminal_is_utf8());
        check_int(setenv("LC_ALL", "C", true), 0);
        check_int(setenv("LANG", "C.UTF-8", true), 0);
        check(!terminal_is_utf8());
}

TEST_MAIN(TEST(text_can_do_nothing), TEST(text_keeps_its_direction), TEST(text_in_ascii), TEST(columns),
          TEST(what_is_no_terminal), TEST(locales))
