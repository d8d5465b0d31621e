/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What a job writes, from its pipes to its files, and the order of it. */

#include <fcntl.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "supervise-fixture.h"

#define PAGE 4096
#define N_BURST 1000
#define BURST_LINE 30

/* --- commands --------------------------------------------------------------------------------------- */

static void write_all(int fd, const void *data, size_t size) {
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, (const char *) data + done, size - done);

                if (n < 0)
                        exit(EXIT_FAILURE);
                done += (size_t) n;
        }
}

static int write_in_turn(unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                write_all(STDOUT_FILENO + (int) (i % 2), line, 8);
        }
        return EXIT_SUCCESS;
}

static int in_turn(void) {
        return write_in_turn(3000);
}

static int in_turn_for_long(void) {
        return write_in_turn(70000);
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
                write_all(STDOUT_FILENO + (int) (i % 2), line, 8);
                if (i % 5 == 4)
                        (void) poll(NULL, 0, 1);
                else
                        spin(i / 5 % 30);
        }
        return EXIT_SUCCESS;
}

static int bytes_in_turn(void) {
        for (unsigned i = 0; i < 2000; i++)
                write_all(STDOUT_FILENO + (int) (i % 2), "x", 1);
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

static void fill_line(char *bytes, int i, size_t size) {
        memset(bytes, 'a' + i % 26, size - 1);
        bytes[size - 1] = '\n';
}

enum { N_UNSEEN = 60 }; /* no more than the pipes take, also where nobody reads them */
enum { MIXED_MAX = 10000 };

static void write_mixed(size_t buffer) {
        char bytes[MIXED_MAX];
        uint32_t state = 1;

        for (int i = 0; i < N_UNSEEN; i++) {
                int fd;
                size_t size = next_write(&state, buffer, &fd);

                fill_line(bytes, i, size);
                write_all(fd, bytes, size);
        }
}

enum { FLOOD = 24 * 1024 * 1024 + 5 };

static char *flood_bytes(void) {
        char *bytes = malloc(FLOOD);

        for (size_t i = 0; bytes && i < FLOOD; i++)
                bytes[i] = (char) (i * 31 >> 3);
        return bytes;
}

static int flood(void) {
        _cleanup_free_ char *bytes = flood_bytes();

        write_all(STDERR_FILENO, "first", 5);
        write_all(STDOUT_FILENO, bytes, FLOOD);
        write_all(STDERR_FILENO, "last", 4);
        return EXIT_SUCCESS;
}

/* As programs do that write much, see F_SETPIPE_SZ in fcntl(2). */
static int wider_pipe(void) {
        char line[200] = {};

        if (fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 256 * 1024) < 0)
                return EXIT_FAILURE;
        (void) kill(getppid(), SIGSTOP);
        for (int i = 0; i < 60; i++)
                write_all(STDOUT_FILENO, line, sizeof(line));
        (void) kill(getppid(), SIGCONT);
        supervise_pass_gate(O_RDONLY);
        return EXIT_SUCCESS;
}

static void *wait_for_end(void *data) {
        (void) pause();
        return data;
}

/* As Node.js does before process.exit(): what a pipe does not take at once is lost. The worker is busy elsewhere, after it
 * has noticed that the command has threads, or that it writes without blocking: the pipe is an ordinary one. */
static int burst(int fd, unsigned n_before) {
        char line[32];
        pthread_t thread;

        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || pthread_create(&thread, NULL, wait_for_end, NULL) != 0)
                return EXIT_FAILURE;
        for (unsigned i = 0; i < N_BURST; i++) {
                if (i == n_before) {
                        while (fcntl(fd, F_GETFL) & O_DIRECT)
                                ; /* computes */
                        (void) kill(getppid(), SIGSTOP);
                }
                (void) snprintf(line, sizeof(line), "this is line %08u of many\n", i);
                (void) !write(fd, line, BURST_LINE);
        }
        return kill(getppid(), SIGCONT);
}

static int burst_of_stdout(void) {
        return burst(STDOUT_FILENO, 0);
}

static int burst_of_stderr(void) {
        return burst(STDERR_FILENO, 0);
}

static int burst_after_both(void) {
        (void) write_in_turn(20);
        return burst(STDOUT_FILENO, 1);
}

static int burst_of_both(void) {
        int r = burst(STDERR_FILENO, 0);

        return r < 0 ? r : burst(STDOUT_FILENO, 0);
}

/* Now and then, and in the end not. */
static int burst_by_turns(void) {
        for (int i = 0; i < 20; i++) {
                if (fcntl(STDOUT_FILENO, F_SETFL, i % 2 ? O_NONBLOCK : 0) < 0)
                        return EXIT_FAILURE;
                (void) write_in_turn(10);
        }
        return burst(STDOUT_FILENO, 0);
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
                write_all(STDOUT_FILENO + (int) (i % 2), line, 7);
                write_all(STDOUT_FILENO + (int) (i % 2), line + 7, 1);
        }
}

static int parts_unseen(void) {
        return unseen(write_parts);
}

static void write_three_lines_each(void) {
        for (unsigned i = 0; i < 300; i += 3) {
                char lines[32];

                (void) snprintf(lines, sizeof(lines), "%07u\n%07u\n%07u\n", i, i + 1, i + 2);
                write_all(STDOUT_FILENO + (int) (i / 3 % 2), lines, 24);
        }
}

static int three_lines_each_unseen(void) {
        return unseen(write_three_lines_each);
}

static void write_lines(void) {
        (void) write_in_turn(240);
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
        return write_in_turn(2000);
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
        write_all(STDERR_FILENO, "0000000\n", 8);
        write_all(STDOUT_FILENO, "0000001\n", 8);
        return 3;
}

static const Act acts[] = { ACT(in_turn),    ACT(in_turn_for_long), ACT(bytes_in_turn), ACT(pages_unseen), ACT(two_pages_unseen),      ACT(mixed_unseen), ACT(flood),
                            ACT(wider_pipe), ACT(without_flags),    ACT(end_unseen),    ACT(burst_of_stdout),
                            ACT(burst_of_stderr), ACT(burst_after_both), ACT(burst_of_both), ACT(burst_by_turns),
                            ACT(parts_unseen), ACT(three_lines_each_unseen), ACT(lines_unseen),
                            ACT(a_few_at_a_time) };

/* --- checks ---------------------------------------------------------------------------------------- */

/* Both streams as the order puts them together, and with a NUL. The caller frees it. */
static char *put_together(const Supervised *s, size_t *ret_size) {
        const char *p[2] = { s->out, s->err }, *end[2] = { s->out + s->out_size, s->err + s->err_size };
        char *bytes = malloc(s->out_size + s->err_size + 1), *b = bytes;

        check(bytes);
        for (size_t i = 0; i < s->n_order; i++) {
                const OutputOrderEntry *e = &s->order[i];

                check(e->stream < 2 && e->size > 0 && e->size <= (size_t) (end[e->stream] - p[e->stream]));
                check(e->usec > 1600000000 * USEC_PER_SEC);
                memcpy(b, p[e->stream], e->size);
                p[e->stream] += e->size;
                b += e->size;
        }
        *b = 0;
        *ret_size = (size_t) (b - bytes);
        return bytes;
}

static void check_order_is_whole(const Supervised *s) {
        size_t size;

        free(put_together(s, &size));
        check_int(size, s->out_size + s->err_size);
}

/* The lines of write_in_turn(), up to the number n. A signal that is late may have put a few into a wrong place. */
static void check_lines(const char *text, size_t size, unsigned n, unsigned n_wrong_max) {
        unsigned n_wrong = 0;

        check_int(size, 8 * n);
        for (unsigned i = 0; i < n; i++) {
                char line[16];

                (void) snprintf(line, sizeof(line), "%07u\n", i);
                n_wrong += memcmp(text + 8 * i, line, 8) != 0;
        }
        check(n_wrong <= n_wrong_max);
}

static void check_in_turn(const char *act, unsigned n, unsigned n_wrong_max) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        supervise_init(&s);
        supervise_act(&s, act);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        text = put_together(&s, &size);
        check_lines(text, size, n, n_wrong_max);
}

/* --- the order ------------------------------------------------------------------------------------- */

static void order_of_lines(void) {
        check_in_turn("in_turn", 3000, 0);
}

static void order_of_few_lines(void) {
        check_in_turn("a_few_at_a_time", 3000, 0);
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
                fill_line(expected + n, i, size);
                n += size;
        }
        text = put_together(&s, &size);
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
        check_in_turn("lines_unseen", 240, 0);
        check_in_turn("parts_unseen", 100, 0);
        check_in_turn("three_lines_each_unseen", 300, 0);
}

static void order_without_flags(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "without_flags");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s.out_size + s.err_size, 2000 * 8);
        check_order_is_whole(&s);
}

static void check_burst(const char *act, size_t out_before, size_t err_before, size_t out, size_t err) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, act);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s.out_size, out_before + out * BURST_LINE);
        check_int(s.err_size, err_before + err * BURST_LINE);
        check_order_is_whole(&s);
}

static void bursts_are_not_lost(void) {
        check_burst("burst_of_stdout", 0, 0, N_BURST, 0);
        check_burst("burst_of_stderr", 0, 0, 0, N_BURST);
        check_burst("burst_of_both", 0, 0, N_BURST, N_BURST);
        check_burst("burst_after_both", 80, 80, N_BURST, 0);
        check_burst("burst_by_turns", 800, 800, N_BURST, 0);
}

static void order_of_the_last(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        supervise_init(&s);
        supervise_act(&s, "end_unseen");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        text = put_together(&s, &size);
        check_lines(text, size, 2, 0);
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
        return put_together(s, ret_size);
}

static void order_before_welcome(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        text = run_before_welcome(&s, "in_turn", 3000, &size);
        check_lines(text, size, 3000, 0);
}

/* More than is kept until then: what there is of it is the beginning. */
static void order_too_long_before_welcome(void) {
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;
        size_t size;

        text = run_before_welcome(&s, "in_turn_for_long", 70000, &size);
        check(size >= 65536 && size < 70000 * 8);
        check_lines(text, 1000 * 8, 1000, 0);
}

/* Whatever goes wrong in the worker, the service's disk gets no more than that; the command may write what it likes. */
static void files_are_bounded(void) {
        _cleanup_supervised_ Supervised s;
        struct rlimit worker, unit;

        check_ok(getrlimit(RLIMIT_FSIZE, &unit));
        supervise_init(&s);
        supervise_shell(&s, "ulimit -f; : <gate");
        s.trailer.output_max = 1000;
        supervise_begin(&s);
        supervise_wait_for_size("stdout", 2);
        check_ok(prlimit(s.pid, RLIMIT_FSIZE, NULL, &worker));
        check_int(worker.rlim_max, 1000 + 16 * 1024 * 1024);
        check_int(worker.rlim_cur, worker.rlim_max);
        supervise_pass_gate(O_WRONLY);
        (void) supervise_until_ended(&s);
        supervise_let_go(&s);
        if (unit.rlim_cur == RLIM_INFINITY)
                check_string(s.out, "unlimited\n");
}

/* It is longer than what it is about, and no part of what OutputMax= limits. */
static void order_longer_than_limit(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "bytes_in_turn");
        s.trailer.output_max = 2001;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check(s.n_order * sizeof(OutputOrderEntry) > 3 * s.trailer.output_max);
        check_order_is_whole(&s);
}

/* --- the files -------------------------------------------------------------------------------------- */

static void much(void) {
        _cleanup_free_ char *expected = flood_bytes();
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "flood");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_bytes(s.out, s.out_size, expected, FLOOD);
        check_string(s.err, "firstlast");
        check_order_is_whole(&s);
        check(s.n_order < FLOOD / PAGE); /* not one for each page of what comes in one go */
        check_int(s.order[0].stream, OUTPUT_ORDER_STDERR);
        check_int(s.order[s.n_order - 1].stream, OUTPUT_ORDER_STDERR);
}

static void merged(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "in_turn");
        s.trailer.flags = WORKER_MERGE_OUTPUT;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_lines(s.out, s.out_size, 3000, 0);
        check_int(s.err_size, 0);
        check_order_is_whole(&s);
}

/* Programs open it anew; as a file it was cut to nothing by that. */
static void opened_anew(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo one >&2; echo two >/dev/stderr; echo three | tee /dev/stderr; echo four >&2");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.err, "one\ntwo\nthree\nfour\n");
        check_string(s.out, "three\n");
}

/* What is in a pipe that somebody has made larger is not left there until the end. */
static void wider(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "wider_pipe");
        supervise_begin(&s);
        supervise_wait_for_size("stdout", 60 * 200);
        supervise_pass_gate(O_WRONLY);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        supervise_let_go(&s);
        check_order_is_whole(&s);
}

/* Of a process that has left, as far as the worker sees, nobody waits. */
static void held_open(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "(: <gate; echo late) & echo now");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, "now\n");
        supervise_pass_gate(O_WRONLY); /* lets it end: nobody reads what it writes */
}

static void flood_of_what_is_left(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "yes & yes & yes & exit 3");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        check_order_is_whole(&s);
}

static void no_output(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "exec >&- 2>&-; exit 3");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        check_int(s.out_size + s.err_size + s.n_order, 0);
}

/* --- the limit -------------------------------------------------------------------------------------- */

static void check_output_max(const char *script, uint64_t max, WorkerCause cause, size_t out_size, size_t err_size) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, script);
        s.trailer.output_max = max;
        check_int(supervise_run(&s)->ended.cause, cause);
        check_int(s.message.ended.output_error, 0);
        check_int(s.out_size, out_size);
        check_int(s.err_size, err_size);
        check_order_is_whole(&s);
}

static void output_max_is_reached(void) {
        check_output_max("head -c 1000 /dev/zero", 1000, WORKER_CAUSE_ITSELF, 1000, 0);
}

static void output_max_is_passed(void) {
        check_output_max("head -c 1001 /dev/zero; exec sleep 60", 1000, WORKER_CAUSE_OUTPUT, 1000, 0);
}

/* By the last byte of a command that has ended meanwhile. */
static void output_max_is_passed_at_the_end(void) {
        check_output_max("exec head -c 1001 /dev/zero", 1000, WORKER_CAUSE_OUTPUT, 1000, 0);
}

static void output_max_of_both(void) {
        check_output_max("head -c 600 /dev/zero; head -c 600 /dev/zero >&2; exec sleep 60", 1000, WORKER_CAUSE_OUTPUT, 600, 400);
}

static void output_max_of_a_byte(void) {
        check_output_max("printf ab; exec sleep 60", 1, WORKER_CAUSE_OUTPUT, 1, 0);
}

static void output_max_of_much(void) {
        check_output_max("exec cat /dev/zero", 3 * 1024 * 1024 + 1, WORKER_CAUSE_OUTPUT, 3 * 1024 * 1024 + 1, 0);
}

/* --- a full disk ------------------------------------------------------------------------------------ */

/* Puts the file of standard output onto one of that many bytes. */
static void use_small_disk(const char *size) {
        _cleanup_free_ char *options = NULL;

        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
                test_skip("only root can mount a small disk");
        check_ok(mkdir(test_path("small"), 0700));
        check(asprintf(&options, "size=%s", size) > 0);
        if (mount("small", test_path("small"), "tmpfs", 0, options) < 0)
                test_skip("a small disk cannot be mounted");
        check_ok(symlink("small/stdout", test_path("stdout")));
}

/* The job waits, until there is room. */
static void full_disk(void) {
        _cleanup_supervised_ Supervised s;

        use_small_disk("64k");
        supervise_init(&s);
        supervise_shell(&s, "head -c 200000 /dev/zero; echo done");
        supervise_begin(&s);
        supervise_wait_for_size("small/stdout", 64 * 1024);
        check_int(poll(&(struct pollfd) { .fd = s.link, .events = POLLIN }, 1, 100), 0);
        check_ok(mount("small", test_path("small"), "tmpfs", MS_REMOUNT, "size=1m") < 0 ? -errno : 0);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s.message.ended.output_error, 0);
        supervise_let_go(&s);
        check_int(s.out_size, 200005);
        check_order_is_whole(&s);
        (void) umount(test_path("small"));
}

/* Where somebody waits for the worker to end, what cannot be written is lost, and that is said. */
static void full_disk_and_stopped(void) {
        _cleanup_supervised_ Supervised s;

        use_small_disk("64k");
        supervise_init(&s);
        supervise_shell(&s, "exec cat /dev/zero");
        supervise_begin(&s);
        supervise_wait_for_size("small/stdout", 64 * 1024);
        check_ok(kill(s.pid, SIGTERM));
        check_end(supervise_until_ended(&s), WORKER_CAUSE_STOP, CLD_KILLED, SIGTERM);
        check_int(s.message.ended.output_error, ENOSPC);
        supervise_wait(&s);
        check_int(s.out_size, 64 * 1024);
        (void) umount(test_path("small"));
}

SUPERVISE_TEST_MAIN(acts, TEST(order_of_lines), TEST(order_of_few_lines), TEST(order_of_writes), TEST(order_of_full_buffers),
                    TEST(order_of_what_was_unseen), TEST(order_without_flags), TEST(bursts_are_not_lost),
                    TEST(order_of_the_last), TEST(order_before_welcome), TEST(order_too_long_before_welcome),
                    TEST(order_longer_than_limit), TEST(files_are_bounded), TEST(much), TEST(merged), TEST(opened_anew), TEST(wider),
                    TEST(held_open), TEST(flood_of_what_is_left), TEST(no_output), TEST(output_max_is_reached), TEST(output_max_is_passed),
                    TEST(output_max_is_passed_at_the_end), TEST(output_max_of_both), TEST(output_max_of_a_byte),
                    TEST(output_max_of_much), TEST(full_disk), TEST(full_disk_and_stopped))
