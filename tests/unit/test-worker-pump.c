/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What a job writes, from its pipes to its files. */

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

enum { FLOOD = 24 * 1024 * 1024 + 5 };

static char *flood_bytes(void) {
        char *bytes = malloc(FLOOD);

        for (size_t i = 0; bytes && i < FLOOD; i++)
                bytes[i] = (char) (i * 31 >> 3);
        return bytes;
}

static int flood(void) {
        _cleanup_free_ char *bytes = flood_bytes();

        supervise_write(STDERR_FILENO, "first", 5);
        supervise_write(STDOUT_FILENO, bytes, FLOOD);
        supervise_write(STDERR_FILENO, "last", 4);
        return EXIT_SUCCESS;
}

/* As programs do that write much, see F_SETPIPE_SZ in fcntl(2). */
static int wider_pipe(void) {
        char line[200] = {};

        if (fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 256 * 1024) < 0)
                return EXIT_FAILURE;
        (void) kill(getppid(), SIGSTOP);
        for (int i = 0; i < 60; i++)
                supervise_write(STDOUT_FILENO, line, sizeof(line));
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
        (void) supervise_write_in_turn(20);
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
                (void) supervise_write_in_turn(10);
        }
        return burst(STDOUT_FILENO, 0);
}

/* All of it is read at once. */
static int both_at_once(void) {
        supervise_pass_gate(O_RDONLY);
        (void) kill(getppid(), SIGSTOP);
        supervise_write(STDERR_FILENO, "a", 1);
        supervise_write(STDOUT_FILENO, "b", 1);
        supervise_write(STDERR_FILENO, "c", 1);
        return kill(getppid(), SIGCONT);
}

static const Act acts[] = { ACT(flood), ACT(wider_pipe), ACT(both_at_once), ACT(burst_of_stdout), ACT(burst_of_stderr),
                           ACT(burst_after_both), ACT(burst_of_both), ACT(burst_by_turns) };

/* --- without blocking ------------------------------------------------------------------------------- */

static void check_burst(const char *act, size_t out_before, size_t err_before, size_t out, size_t err) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, act);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s.out_size, out_before + out * BURST_LINE);
        check_int(s.err_size, err_before + err * BURST_LINE);
        supervise_check_order_is_whole(&s);
}

static void bursts_are_not_lost(void) {
        check_burst("burst_of_stdout", 0, 0, N_BURST, 0);
        check_burst("burst_of_stderr", 0, 0, 0, N_BURST);
        check_burst("burst_of_both", 0, 0, N_BURST, N_BURST);
        check_burst("burst_after_both", 80, 80, N_BURST, 0);
        check_burst("burst_by_turns", 800, 800, N_BURST, 0);
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

/* --- the files -------------------------------------------------------------------------------------- */

static void much(void) {
        _cleanup_free_ char *expected = flood_bytes();
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "flood");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_bytes(s.out, s.out_size, expected, FLOOD);
        check_string(s.err, "firstlast");
        supervise_check_order_is_whole(&s);
        check(s.n_order < FLOOD / PAGE); /* not one for each page of what comes in one go */
        check_int(s.order[0].stream, OUTPUT_ORDER_STDERR);
        check_int(s.order[s.n_order - 1].stream, OUTPUT_ORDER_STDERR);
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

/* As long as one of the files is empty, readers take what is in the other one for what was written first. */
static void first_writes_are_in_order(void) {
        _cleanup_close_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        struct inotify_event events[8];
        _cleanup_supervised_ Supervised s;
        int files[2];
        ssize_t n;

        supervise_init(&s);
        supervise_act(&s, "both_at_once");
        supervise_begin(&s);
        files[0] = inotify_add_watch(watch, test_path("stdout"), IN_MODIFY);
        files[1] = inotify_add_watch(watch, test_path("stderr"), IN_MODIFY);
        supervise_pass_gate(O_WRONLY);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        n = read(watch, events, sizeof(events)); /* of files, which have no names */
        check_int(n, 3 * (int) sizeof(events[0]));
        for (size_t i = 0; i < 3; i++)
                check_int(events[i].wd, files[i % 2 == 0]);
        supervise_let_go(&s);
        check_string(s.out, "b");
        check_string(s.err, "ac");
        supervise_check_order_is_whole(&s);
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
        supervise_check_order_is_whole(&s);
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
        supervise_check_order_is_whole(&s);
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
        supervise_check_order_is_whole(&s);
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
        supervise_check_order_is_whole(&s);
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

SUPERVISE_TEST_MAIN(acts, TEST(bursts_are_not_lost), TEST(files_are_bounded), TEST(much), TEST(opened_anew), TEST(first_writes_are_in_order),
                    TEST(wider), TEST(held_open), TEST(flood_of_what_is_left), TEST(no_output),
                    TEST(output_max_is_reached), TEST(output_max_is_passed), TEST(output_max_is_passed_at_the_end),
                    TEST(output_max_of_both), TEST(output_max_of_a_byte), TEST(output_max_of_much), TEST(full_disk),
                    TEST(full_disk_and_stopped))
