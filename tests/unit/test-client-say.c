/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <signal.h>

#include "clean.h"
#include "options.h"
#include "say.h"
#include "test.h"

static void check_line(const char *text, const char *expected) {
        _cleanup_free_ char *line = one_line(text);

        check(line);
        check_string(line, expected);
}

static void lines(void) {
        check_line("", "");
        check_line("Grüße 世界", "Grüße 世界");
        check_line("a\nb\r\tc", "a b  c");
        check_line("\x1b[31mred\x07\x7f", " [31mred  ");
        check_line("\xc2\x9b" "31m", "  31m");           /* U+009B begins a sequence as ESC [ does */
        check_line("\xc2\xa0", "\xc2\xa0");              /* U+00A0 is none of those */
        check_line("a\xff" "b", "a\xef\xbf\xbd" "b");
        check_line("a\u202e" "b\u2066" "c\u200f" "\u061c", "abc");
        check_line("a\u2028b\u2029", "a b ");             /* they separate lines */
        check_line("\u2014\u2026", "\u2014\u2026");       /* their neighbours */
}

/* Runs a function with stderr in a file, and returns what it wrote. The caller frees it. */
static char *with_stderr(void (*run)(void)) {
        _cleanup_close_ int fd = open(test_path("stderr"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_close_ int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        char *text = calloc(1, 4096);

        check(fd >= 0 && saved >= 0 && text);
        check(dup2(fd, STDERR_FILENO) >= 0);
        run();
        check(dup2(saved, STDERR_FILENO) >= 0);
        check(pread(fd, text, 4095, 0) >= 0);
        return text;
}

static void say_something(void) {
        say("%s: %d\n", "a\nb", 7);
}

static void one_message_is_one_line(void) {
        _cleanup_free_ char *text = with_stderr(say_something);

        check_string(text, "codex-jobs: a b: 7 \n");
}

static void say_own_error(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        check_error(error_set(&error, "no %s: do something.", "luck"), -EINVAL);
        check_int(say_error(&error, -EINVAL), STATUS_OWN_FAILURE);
}

static void errors(void) {
        _cleanup_free_ char *text = with_stderr(say_own_error);

        check_string(text, "codex-jobs: no luck: do something.\n");
}

static void say_number(void) {
        check_int(say_error(NULL, -EIO), STATUS_OWN_FAILURE);
}

static void errors_without_text(void) {
        _cleanup_free_ char *text = with_stderr(say_number);

        check_string(text, "codex-jobs: Unexpected error: Input/output error.\n");
}

/* More than a buffer of stdio holds. */
static const char long_text[] = { [0 ... 9998] = 'x', '\n', 0 };
static int taker = -EBADF, status;

static void say_to_taker(void) {
        _cleanup_close_ int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

        check(saved >= 0 && dup2(taker, STDOUT_FILENO) >= 0);
        status = say_to_stdout(long_text);
        check(dup2(saved, STDOUT_FILENO) >= 0);
}

static void check_taker(int fd, int expected_status, const char *expected) {
        _cleanup_free_ char *text = NULL;

        taker = check_ok(fd);
        text = with_stderr(say_to_taker);
        check_int(status, expected_status);
        check_string(text, expected);
        (void) close(taker);
}

static void stdout_that_takes_nothing(void) {
        int ends[2];

        check_ok(pipe2(ends, O_CLOEXEC));
        (void) close(ends[0]);
        (void) signal(SIGPIPE, SIG_IGN);
        check_taker(ends[1], STATUS_SIGNALLED + SIGPIPE, "");
        check_taker(open("/dev/full", O_WRONLY | O_CLOEXEC), STATUS_OWN_FAILURE,
                    "codex-jobs: Failed to write to standard output: No space left on device.\n");
        check_taker(open("/dev/null", O_RDONLY | O_CLOEXEC), STATUS_OWN_FAILURE,
                    "codex-jobs: Failed to write to standard output: Bad file descriptor.\n");
        check_taker(open("/dev/null", O_WRONLY | O_CLOEXEC), 0, "");
}

TEST_MAIN(TEST(lines), TEST(one_message_is_one_line), TEST(errors), TEST(errors_without_text), TEST(stdout_that_takes_nothing))
