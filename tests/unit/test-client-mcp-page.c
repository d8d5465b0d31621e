/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/mman.h>

#include "page.h"
#include "test.h"

static int file_with(const char *text) {
        int fd = check_ok(memfd_create("page", MFD_CLOEXEC));

        check_int(write(fd, text, strlen(text)), strlen(text));
        return fd;
}

static void check_page(const char *output, uint64_t offset, size_t max, const char *text, uint64_t from, uint64_t to) {
        _cleanup_close_ int fd = file_with(output);
        _cleanup_page_ Page page = {};

        check_ok(page_read(fd, offset, max, &page));
        check_string(page.text, text);
        check_int(page.from, from);
        check_int(page.to, to);
        check_int(page.size, strlen(output));
}

static void from_an_offset(void) {
        check_page("0123456789", 0, 100, "0123456789", 0, 10);
        check_page("0123456789", 3, 4, "3456", 3, 7);
        check_page("0123456789", 10, 4, "", 10, 10);
        check_page("0123456789", 99, 4, "", 10, 10);
        check_page("", 0, 4, "", 0, 0);
}

static void the_end(void) {
        check_page("0123456789", PAGE_TAIL, 4, "6789", 6, 10);
        check_page("0123456789", PAGE_TAIL, 100, "0123456789", 0, 10);
        check_page("", PAGE_TAIL, 100, "", 0, 0);
}

/* A character is on the next page, and not at the start of the last. */
static void characters_that_are_cut(void) {
        check_page("aäb", 0, 2, "a", 0, 1);
        check_page("aäb", 1, 2, "ä", 1, 3);
        check_page("a€b", 0, 3, "a", 0, 1);
        check_page("a😀b", 0, 4, "a", 0, 1);
        check_page("a😀b", PAGE_TAIL, 3, "b", 5, 6);
        check_page("ä", 0, 1, "\xef\xbf\xbd", 0, 1); /* what is no more than a part is shown all the same */
}

static void what_is_no_text(void) {
        check_page("a\xff\033[1mb\tc\n", 0, 100, "a\xef\xbf\xbd" "b\tc\n", 0, 10);
        check_page("\x80\x80\x80\x80", PAGE_TAIL, 3, "", 4, 4);
}

TEST_MAIN(TEST(from_an_offset), TEST(the_end), TEST(characters_that_are_cut), TEST(what_is_no_text))
