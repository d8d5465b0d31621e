/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "excerpt.h"
#include "output.h"
#include "test.h"

static int make_file(const void *data, size_t size) {
        int fd = open(test_path("file"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        check(fd >= 0);
        check_int(pwrite(fd, data, size, 0), size);
        return fd;
}

static off_t tail(const char *text, uint64_t lines) {
        _cleanup_close_ int fd = make_file(text, strlen(text));
        off_t begin = -1;

        check_ok(output_tail(fd, lines, &begin));
        return begin;
}

static void tails(void) {
        check_int(tail("", 0), 0);
        check_int(tail("", 3), 0);
        check_int(tail("a\nb\nc\n", 0), 6);
        check_int(tail("a\nb\nc\n", 1), 4);
        check_int(tail("a\nb\nc\n", 2), 2);
        check_int(tail("a\nb\nc\n", 3), 0);
        check_int(tail("a\nb\nc\n", UINT64_MAX), 0);
        check_int(tail("a\nb\nc", 1), 4); /* a line without an end */
        check_int(tail("\n\n\n", 1), 2);
        check_int(tail("no line at all", 1), 0);
}

/* Lines that lie across the blocks in which the file is read. */
static void tail_of_long_lines(void) {
        size_t line = 10001, n = 20;
        _cleanup_free_ char *text = malloc(n * line);
        _cleanup_close_ int fd = -EBADF;
        off_t begin;

        check(text);
        memset(text, 'x', n * line);
        for (size_t i = 1; i <= n; i++)
                text[i * line - 1] = '\n';
        fd = make_file(text, n * line);
        for (size_t i = 1; i <= n; i++) {
                check_ok(output_tail(fd, i, &begin));
                check_int(begin, (n - i) * line);
        }
}

/* What is shown of a file of that text in JSON. The caller frees it. */
static char *excerpt(const void *data, size_t size, const Bounds *bounds, bool cut) {
        _cleanup_close_ int fd = make_file(data, size);
        char *text = NULL;
        Excerpt e;

        check_ok(excerpt_find(fd, bounds, &e));
        check_int(excerpt_is_cut(&e), cut);
        check_ok(excerpt_text(fd, &e, "ALL", &text));
        return text;
}

static void check_excerpt(const char *text, uint64_t max, uint64_t lines, const char *expected) {
        const Bounds bounds = { .max_bytes = max, .tail = lines };
        _cleanup_free_ char *found = excerpt(text, strlen(text), &bounds, !streq(text, expected));

        check_string(found, expected);
}

static void texts(void) {
        _cleanup_free_ char *text = excerpt("gr\xfc\xc3\x9f\0e\n", 8, &BOUNDS_NONE, false);

        check_string(text, "gr\xef\xbf\xbdß\xef\xbf\xbd" "e\n");
}

static void clean_texts(void) {
        const char escapes[] = "\x1b[31mred\x1b[0m\a\x1b]0;title\a\r\nnext";
        _cleanup_free_ char *text = excerpt(escapes, strlen(escapes), &BOUNDS_NONE, false);

        check_string(text, "red^G\nnext");
}

static void texts_in_bounds(void) {
        check_excerpt("", 10, UINT64_MAX, "");
        check_excerpt("0123456789", 10, UINT64_MAX, "0123456789");
        check_excerpt("0123456789abcdef", 10, UINT64_MAX,
                      "01234\n[6 of 16 bytes omitted; full output: ALL]\nbcdef");
        check_excerpt("a\nb\nc\n", UINT64_MAX, 1, "c\n");
        check_excerpt("a\nb\nc\n", UINT64_MAX, 3, "a\nb\nc\n");
        check_excerpt("a\n0123456789\n", 4, 1,
                      "01\n"
                      "[7 of 13 bytes omitted; full output: ALL]\n9\n");
        check_excerpt("abc", 1, UINT64_MAX, "[3 of 3 bytes omitted; full output: ALL]\n");
}

/* No character is cut in two. */
static void whole_characters(void) {
        check_excerpt("xäöüy", 5, UINT64_MAX, "x\n[6 of 8 bytes omitted; full output: ALL]\ny");
        check_excerpt("äöü€", 8, UINT64_MAX, "äö\n[2 of 9 bytes omitted; full output: ALL]\n€");
        check_excerpt("\x80\x80\x80\x80\x80\x80", 4, UINT64_MAX,
                      "\xef\xbf\xbd\xef\xbf\xbd\n[2 of 6 bytes omitted; full output: ALL]\n"
                      "\xef\xbf\xbd\xef\xbf\xbd");
}

static void parts(void) {
        _cleanup_close_ int fd = make_file("0123456789", 10);
        _cleanup_free_ char *end = NULL, *beyond = NULL;
        size_t size;

        check_ok(output_read(fd, 7, 100, &end, &size));
        check_bytes(end, size, "789", 3);
        check_ok(output_read(fd, 11, 100, &beyond, &size));
        check_bytes(beyond, size, "", 0);
}

TEST_MAIN(TEST(tails), TEST(tail_of_long_lines), TEST(texts), TEST(clean_texts),
          TEST(texts_in_bounds), TEST(whole_characters), TEST(parts))
