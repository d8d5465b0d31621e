/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The order in which a job writes to both of its streams. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>

#include "supervise-fixture.h"

#define PAGE 4096

/* --- commands --------------------------------------------------------------------------------------- */

static int in_turn(void) {
        return supervise_write_in_turn(3000);
}

static int in_turn_for_long(void) {
        return supervise_write_in_turn(70000);
}

static void spin(unsigned usec) {
        struct timespec begin, now;

        (void) clock_gettime(CLOCK_MONOTONIC, &begin);
        do
                (void) clock_gettime(CLOCK_MONOTONIC, &now);
        while ((now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000 < (long) usec);
}

/* As scripts do: a few lines, and a pause. */
static int a_few_at_a_time(void) {
        for (unsigned i = 0; i < 3000; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                supervise_write(STDOUT_FILENO + (int) (i % 2), line, 8);
                if (i % 5 == 4)
                        (void) poll(NULL, 0, 1);
                else
                        spin(i / 5 % 30);
        }
        return EXIT_SUCCESS;
}

static int bytes_in_turn(void) {
        for (unsigned i = 0; i < 2000; i++)
                supervise_write(STDOUT_FILENO + (int) (i % 2), "x", 1);
        return EXIT_SUCCESS;
}

/* The same for the command and for the test: which stream the next write goes to, and how much. Standard output has a buffer,
 * and all its writes are that long; 0: it has none. */
static size_t next_write(uint32_t *state, size_t buffer, int *ret_fd) {
        static const size_t sizes[] = { 1, 2, 3, 17, 100, 301, 999, PAGE - 1, PAGE + 1, 5000, 10000 };

        *state = *state * 1664525 + 1013904223;
        *ret_fd = STDOUT_FILENO + (int) (*state >> 31);
        return buffer > 0 && *ret_fd == STDOUT_FILENO ? buffer : sizes[(*state >> 16 & 0xff) % ELEMENTSOF(sizes)];
}

/* Lines that begin and end anywhere. */
static void fill(char *bytes, int i, size_t size) {
        for (size_t k = 0; k < size; k++)
                bytes[k] = (char) ((k * 7 + (size_t) i) % 11 == 0 ? '\n' : 'a' + i % 26);
}

enum { N_UNSEEN = 60 }; /* no more than the pipes take, also where nobody reads them */
enum { MIXED_MAX = 10000 };

static void write_mixed(size_t buffer) {
        char bytes[MIXED_MAX];
        uint32_t state = 1;

        for (int i = 0; i < N_UNSEEN; i++) {
                int fd;
                size_t size = next_write(&state, buffer, &fd);

                fill(bytes, i, size);
                supervise_write(fd, bytes, size);
        }
}

/* What the worker finds is all that was written. */
static int unseen(void (*act)(void)) {
        if (kill(getppid(), SIGSTOP) < 0)
                return EXIT_FAILURE;
        act();
        return kill(getppid(), SIGCONT);
}

static void write_parts(void) {
        for (unsigned i = 0; i < 100; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                supervise_write(STDOUT_FILENO + (int) (i % 2), line, 7);
                supervise_write(STDOUT_FILENO + (int) (i % 2), line + 7, 1);
        }
}

static int parts_unseen(void) {
        return unseen(write_parts);
}

static void write_three_lines_each(void) {
        for (unsigned i = 0; i < 300; i += 3) {
                char lines[32];

                (void) snprintf(lines, sizeof(lines), "%07u\n%07u\n%07u\n", i, i + 1, i + 2);
                supervise_write(STDOUT_FILENO + (int) (i / 3 % 2), lines, 24);
        }
}

static int three_lines_each_unseen(void) {
        return unseen(write_three_lines_each);
}

static void write_lines(void) {
        (void) supervise_write_in_turn(240);
}

static void write_any(void) {
        write_mixed(0);
}

static void write_pages(void) {
        write_mixed(PAGE);
}

static void write_two_pages(void) {
        write_mixed(2 * PAGE);
}

static int mixed_unseen(void) {
        return unseen(write_any);
}

static int pages_unseen(void) {
        return unseen(write_pages);
}

static int two_pages_unseen(void) {
        return unseen(write_two_pages);
}

static int lines_unseen(void) {
        return unseen(write_lines);
}

/* What somebody has changed about the pipes is his affair. */
static int without_flags(void) {
        if (fcntl(STDOUT_FILENO, F_SETFL, 0) < 0)
                return EXIT_FAILURE;
        return supervise_write_in_turn(2000);
}

/* The worker finds all at once: what was written last to both streams, and the end. */
static int end_unseen(void) {
        pid_t worker_pid = getppid();
        int ends[2];

        if (pipe(ends) < 0)
                return EXIT_FAILURE;
        (void) kill(worker_pid, SIGSTOP);
        if (fork() == 0) {
                (void) close(ends[1]);
                (void) poll(&(struct pollfd) { .fd = ends[0] }, 1, -1); /* until it has ended */
                return kill(worker_pid, SIGCONT);
        }
        supervise_write(STDERR_FILENO, "0000000\n", 8);
        supervise_write(STDOUT_FILENO, "0000001\n", 8);
        return 3;
}

static const Act acts[] = { ACT(in_turn), ACT(in_turn_for_long), ACT(bytes_in_turn), ACT(pages_unseen),
                           ACT(two_pages_unseen), ACT(mixed_unseen), ACT(without_flags), ACT(end_unseen),
                           ACT(parts_unseen), ACT(three_lines_each_unseen), ACT(lines_unseen), ACT(a_few_at_a_time) };

/* --- checks ---------------------------------------------------------------------------------------- */

/* The lines of supervise_write_in_turn(), up to the number n. */
static void check_lines(const char *text, size_t size, unsigned n) {
        check_int(size, 8 * n);
        for (unsigned i = 0; i < n; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                check_bytes(text + 8 * i, 8, line, 8);
        }
}

static void check_in_turn(const char *act, unsigned n) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        supervise_init(&s);
        supervise_act(&s, act);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        text = supervise_put_together(&s, &size);
        check_lines(text, size, n);
}

/* --- the order ------------------------------------------------------------------------------------- */

static void order_of_lines(void) {
        check_in_turn("in_turn", 3000);
}

static void order_of_few_lines(void) {
        check_in_turn("a_few_at_a_time", 3000);
}

static void check_mixed(const char *act, size_t buffer) {
        _cleanup_free_ char *expected = malloc((size_t) N_UNSEEN * MIXED_MAX), *text = NULL;
        _cleanup_supervised_ Supervised s;
        uint32_t state = 1;
        size_t n = 0, size;

        supervise_init(&s);
        supervise_act(&s, act);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        for (int i = 0, fd; i < N_UNSEEN; i++) {
                size = next_write(&state, buffer, &fd);
                fill(expected + n, i, size);
                n += size;
        }
        text = supervise_put_together(&s, &size);
        check_bytes(text, size, expected, n);
}

static void order_of_writes(void) {
        check_mixed("mixed_unseen", 0);
}

/* As of stdio, and of Python. */
static void order_of_full_buffers(void) {
        check_mixed("pages_unseen", PAGE);
        check_mixed("two_pages_unseen", 2 * PAGE);
}

/* Exactly, where nothing is written while it looks. */
static void order_of_what_was_unseen(void) {
        check_in_turn("lines_unseen", 240);
        check_in_turn("parts_unseen", 100);
        check_in_turn("three_lines_each_unseen", 300);
}

static void order_without_flags(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "without_flags");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s.out_size + s.err_size, 2000 * 8);
        supervise_check_order_is_whole(&s);
}

static void order_of_the_last(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        supervise_init(&s);
        supervise_act(&s, "end_unseen");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        text = supervise_put_together(&s, &size);
        check_lines(text, size, 2);
}

/* The file for it comes when the service has the time: when n lines are written. Returns what is known of their order. */
static char *run_before_welcome(Supervised *s, const char *act, unsigned n, size_t *ret_size) {
        supervise_init(s);
        supervise_act(s, act);
        supervise_listen(s);
        supervise_start(s);
        supervise_wait_for_size("stderr", n / 2 * 8);
        supervise_accept(s);
        supervise_welcome(s);
        check_end(supervise_until_ended(s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        supervise_let_go(s);
        return supervise_put_together(s, ret_size);
}

static void order_before_welcome(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        text = run_before_welcome(&s, "in_turn", 3000, &size);
        check_lines(text, size, 3000);
}

/* More than is kept until then: what there is of it is the beginning. */
static void order_too_long_before_welcome(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        text = run_before_welcome(&s, "in_turn_for_long", 70000, &size);
        check(size >= 65536 && size < 70000 * 8);
        check_lines(text, 1000 * 8, 1000);
}

/* It is longer than what it is about, and no part of what OutputMax= limits. */
static void order_longer_than_limit(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "bytes_in_turn");
        s.trailer.output_max = 2001;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check(s.n_order * sizeof(OutputOrderEntry) > 3 * s.trailer.output_max);
        supervise_check_order_is_whole(&s);
}

static void merged(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "in_turn");
        s.trailer.flags = WORKER_MERGE_OUTPUT;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_lines(s.out, s.out_size, 3000);
        check_int(s.err_size, 0);
        supervise_check_order_is_whole(&s);
}

SUPERVISE_TEST_MAIN(acts, TEST(order_of_lines), TEST(order_of_few_lines), TEST(order_of_writes),
                    TEST(order_of_full_buffers), TEST(order_of_what_was_unseen), TEST(order_without_flags),
                    TEST(order_of_the_last), TEST(order_before_welcome), TEST(order_too_long_before_welcome),
                    TEST(order_longer_than_limit), TEST(merged))
