/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>

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

static void texts(void) {
        _cleanup_close_ int fd = make_file("gr\xfc\xc3\x9f\0e\n", 8);
        _cleanup_free_ char *text = NULL;
        bool truncated = true;

        check_ok(output_read_text(fd, 1000, &text, &truncated));
        check_string(text, "gr\xef\xbf\xbdß\xef\xbf\xbd" "e\n");
        check(!truncated);
}

static void text_that_fits_exactly(void) {
        _cleanup_close_ int fd = make_file("0123456789", 10);
        _cleanup_free_ char *text = NULL;
        bool truncated = true;

        check_ok(output_read_text(fd, 10, &text, &truncated));
        check_string(text, "0123456789");
        check(!truncated);
}

static void text_that_is_too_long(void) {
        _cleanup_close_ int fd = make_file("0123456789abcdef", 16);
        _cleanup_free_ char *text = NULL;
        bool truncated = false;

        check_ok(output_read_text(fd, 10, &text, &truncated));
        check_string(text, "01234\n[6 bytes are left out here]\nbcdef");
        check(truncated);
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

TEST_MAIN(TEST(tails), TEST(tail_of_long_lines), TEST(texts), TEST(text_that_fits_exactly),
          TEST(text_that_is_too_long), TEST(parts))
