/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How the worker sees a job to its end, and what it says of it. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "supervise-fixture.h"

/* --- commands --------------------------------------------------------------------------------------- */

static int notify_and_wait(void) {
        supervise_notify("STATUS=half");
        (void) alarm(60);
        (void) pause();
        return EXIT_FAILURE;
}

static const Act acts[] = { ACT(notify_and_wait) };

/* --- nobody listens -------------------------------------------------------------------------------- */

static int run_script_alone(const char *script) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, script);
        return supervise_run_alone(&s);
}

/* The service manager gets to know how the command ended, all the same. */
static void exit_status_is_mirrored(void) {
        int status = run_script_alone("exit 7");

        check(WIFEXITED(status));
        check_int(WEXITSTATUS(status), 7);
}

static void success_is_mirrored(void) {
        check_int(run_script_alone("exit 0"), 0);
}

static void check_signal_is_mirrored(const char *script, int signal) {
        int status = run_script_alone(script);

        check(WIFSIGNALED(status) && !WCOREDUMP(status));
        check_int(WTERMSIG(status), signal);
}

static void signal_is_mirrored(void) {
        check_signal_is_mirrored("ulimit -c 0; kill -SEGV $$", SIGSEGV);
}

static void sigkill_is_mirrored(void) {
        check_signal_is_mirrored("kill -KILL $$", SIGKILL);
}

/* As the worker itself is told to end; and one that it never gets otherwise. */
static void sigterm_is_mirrored(void) {
        check_signal_is_mirrored("kill -TERM $$", SIGTERM);
}

static void real_time_signal_is_mirrored(void) {
        check_signal_is_mirrored("kill -40 $$", 40);
}

static void output_without_service(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo out; echo err >&2; exit 3");
        check_int(WEXITSTATUS(supervise_run_alone(&s)), 3);
        check_string(s.out, "out\n");
        check_string(s.err, "err\n");
        check_int(s.n_order, 0);
}

/* --- what is said of the end ------------------------------------------------------------------------ */

static void ended_by_itself(void) {
        _cleanup_supervised_ Supervised s;
        const WorkerMessage *m;
        uint64_t before, after;

        supervise_init(&s);
        supervise_shell(&s, "exit 7");
        before = (uint64_t) time(NULL) * USEC_PER_SEC;
        m = supervise_run(&s);
        after = ((uint64_t) time(NULL) + 1) * USEC_PER_SEC;
        check_end(m, WORKER_CAUSE_ITSELF, CLD_EXITED, 7);
        check(before <= m->ended.started_usec && m->ended.started_usec <= m->ended.ended_usec && m->ended.ended_usec <= after);
        check_int(m->ended.result, WORKER_RESULT_NONE);
        check_int(m->ended.output_error, 0);
        check_int(m->text_size + m->left_size + m->result_size, 0);
}

static void ended_by_signal(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "kill -ABRT $$");
        (void) supervise_run(&s);
        check(s.message.ended.code == CLD_KILLED || s.message.ended.code == CLD_DUMPED);
        check_int(s.message.ended.status, SIGABRT);
        check_int(s.message.ended.cause, WORKER_CAUSE_ITSELF);
}

/* Whatever the command does with the worker's own signal, nobody but the service manager stops it. */
static void sigterm_of_itself(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "kill -TERM $$");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_KILLED, SIGTERM);
}

static void check_limit(Supervised *s, WorkerCause cause, int code, int status) {
        supervise_begin(s);
        check_end(supervise_until_ended(s), cause, code, status);
        supervise_let_go(s);
}

static void runtime_limit(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.runtime_max_usec = 50 * USEC_PER_MSEC;
        supervise_shell(&s, "echo started; exec sleep 60");
        check_limit(&s, WORKER_CAUSE_RUNTIME, CLD_KILLED, SIGTERM);
        check(s.message.ended.ended_usec - s.message.ended.started_usec >= 50 * USEC_PER_MSEC);
        check_string(s.out, "started\n");
}

/* It has its time to end, and what it exits with then is said as well. */
static void runtime_limit_with_exit(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.runtime_max_usec = USEC_PER_SEC;
        supervise_shell(&s, "trap 'echo ending; exit 3' TERM; while :; do sleep 0.01; done");
        check_limit(&s, WORKER_CAUSE_RUNTIME, CLD_EXITED, 3);
        check_string(s.out, "ending\n");
}

static void kill_after_grace(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.runtime_max_usec = USEC_PER_SEC;
        s.trailer.stop_timeout_usec = 100 * USEC_PER_MSEC;
        supervise_shell(&s, "trap '' TERM; exec sleep 60");
        check_limit(&s, WORKER_CAUSE_RUNTIME, CLD_KILLED, SIGKILL);
        check(s.message.ended.ended_usec - s.message.ended.started_usec >= USEC_PER_SEC + 100 * USEC_PER_MSEC);
}

static void kill_at_once(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.runtime_max_usec = USEC_PER_SEC;
        s.trailer.stop_timeout_usec = 0;
        supervise_shell(&s, "exec sleep 60"); /* it would end by SIGTERM */
        check_limit(&s, WORKER_CAUSE_RUNTIME, CLD_KILLED, SIGKILL);
}

static void stall(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.stall_usec = 300 * USEC_PER_MSEC;
        supervise_shell(&s, "echo one; exec sleep 60");
        check_limit(&s, WORKER_CAUSE_STALL, CLD_KILLED, SIGTERM);
        check_string(s.out, "one\n");
}

/* What it writes to either stream counts, and nothing else of it. */
static void no_stall(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.stall_usec = 2 * USEC_PER_SEC;
        supervise_shell(&s, "for i in 1 2 3 4 5 6; do sleep 0.4; echo $i >&$((1 + i % 2)); done");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check(s.message.ended.ended_usec - s.message.ended.started_usec > 2 * USEC_PER_SEC);
}

/* Both limits of a job that is past one of them: the first is the one. */
static void limits_at_once(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.runtime_max_usec = USEC_PER_SEC;
        s.trailer.stall_usec = USEC_PER_SEC + 200 * USEC_PER_MSEC;
        s.trailer.output_max = 4;
        supervise_shell(&s, "trap 'sleep 0.5; echo much; exit 3' TERM; while :; do sleep 0.01; done");
        check_limit(&s, WORKER_CAUSE_RUNTIME, CLD_EXITED, 3);
        check_bytes(s.out, s.out_size, "much", 4);
}

/* There are not even the descriptors for its pipes: the job has not begun, and that is all that comes of it. */
static void no_descriptors(void) {
        static const struct rlimit few = { 5, 5 };
        _cleanup_free_ char *text = NULL;
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo started");
        s.n_files = &few;
        check_end(supervise_run(&s), WORKER_CAUSE_CANNOT, CLD_EXITED, 126);
        text = strndup(s.message.text, s.message.text_size);
        check_contains(text, strerror(EMFILE));
        check_string(s.out, "");
        check_contains(s.err, strerror(EMFILE));
}

/* --- stopping --------------------------------------------------------------------------------------- */

static void stopped(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "trap 'echo ending; exit 4' TERM; : >gate; while :; do sleep 0.01; done");
        supervise_begin(&s);
        supervise_pass_gate(O_RDONLY);
        check_ok(kill(s.pid, SIGTERM));
        check_end(supervise_until_ended(&s), WORKER_CAUSE_STOP, CLD_EXITED, 4);
        supervise_wait(&s); /* somebody waits for it: it does not wait for us */
        check_int(WEXITSTATUS(s.status), 4);
}

/* Of a service that is not there, or busy. */
static void stopped_while_alone(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "exec sleep 60");
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s); /* it runs */
        check_ok(kill(s.pid, SIGTERM));
        supervise_wait(&s);
        check(WIFSIGNALED(s.status));
        check_int(WTERMSIG(s.status), SIGTERM);
}

/* After the end: there is nobody to stop, and nothing to wait for. */
static void stopped_too_late(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "exit 5");
        supervise_begin(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 5);
        check_ok(kill(s.pid, SIGTERM));
        supervise_wait(&s);
        check_int(WEXITSTATUS(s.status), 5);
}

static void other_signals_are_passed_over(void) {
        static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXFSZ, SIGXCPU };
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "cat; : <gate");
        s.input = "input\n";
        s.input_size = 6;
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                check_ok(kill(s.pid, signals[i]));
        supervise_pass_gate(O_WRONLY);
        supervise_welcome(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        supervise_let_go(&s);
        check_string(s.out, "input\n");
}

/* --- the connection --------------------------------------------------------------------------------- */

/* Once to each service, until one of them has recorded it. */
static void ended_is_repeated(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo '{\"a\":1}' >$CODEX_JOB_RESULT; exit 6");
        supervise_listen(&s);
        supervise_start(&s);
        for (int i = 0; i < 3; i++) {
                supervise_accept(&s);
                supervise_welcome(&s);
                check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6);
                check_bytes(s.message.result, s.message.result_size, "{\"a\":1}\n", 8);
                supervise_hang_up(&s);
        }
        supervise_accept(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 6); /* also of one that has not welcomed it */
        supervise_let_go(&s);
}

static uint64_t monotonic_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

/* To one that takes offence at what it says, it does not say it again without a pause. */
static void closed_because_of_the_end(void) {
        _cleanup_supervised_ Supervised s;
        uint64_t begin = 0;

        supervise_init(&s);
        supervise_shell(&s, "exit 6");
        supervise_listen(&s);
        supervise_start(&s);
        for (int i = 0; i < 6; i++) {
                supervise_accept(&s);
                begin = i == 0 ? monotonic_usec() : begin;
                supervise_welcome(&s);
                (void) supervise_until_ended(&s);
                supervise_hang_up(&s);
        }
        check(monotonic_usec() - begin >= 400 * USEC_PER_MSEC);
        supervise_accept(&s);
        supervise_let_go(&s);
}

/* A service that knows nothing of what was said to the one before. */
static void progress_is_repeated(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "notify_and_wait");
        supervise_begin(&s);
        supervise_until_progress(&s, "half");
        supervise_hang_up(&s);
        supervise_accept(&s);
        supervise_until_progress(&s, "half");
        check_ok(kill(s.pid, SIGTERM));
        supervise_wait(&s);
}

/* While the command runs, and when it has ended, the listener goes away and comes back. */
static void service_is_away(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo one; : <gate; echo two; exit 8");
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s);
        closep(&s.listener);
        supervise_hang_up(&s);
        supervise_listen(&s);
        supervise_accept(&s);
        supervise_pass_gate(O_WRONLY);
        supervise_welcome(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 8);
        closep(&s.listener);
        closep(&s.link);
        s.listener = s.link = -EBADF;
        supervise_wait(&s); /* nobody comes back: the service manager gets to know it */
        check_int(WEXITSTATUS(s.status), 8);
        check_string(s.out, "one\ntwo\n");
}

/* One that listens and is not there yet finds all of it. */
static void service_comes_late(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "exit 9");
        supervise_listen(&s);
        supervise_start(&s);
        check_int(waitid(P_PID, (id_t) s.pid, &(siginfo_t) {}, WEXITED | WNOHANG | WNOWAIT), 0);
        supervise_accept(&s);
        supervise_welcome(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 9);
        supervise_let_go(&s);
}

/* It waits for a welcome without doing anything; also where it has something to put in order. */
static void service_never_welcomes(void) {
        _cleanup_supervised_ Supervised s;
        uint64_t cpu_usec;

        supervise_init(&s);
        supervise_shell(&s, "echo one; echo two >&2; sleep 1; exit 3");
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s);
        check(!supervise_ends_within(&s, 1500));
        check_ok(kill(s.pid, SIGTERM));
        supervise_wait(&s);
        check_int(WEXITSTATUS(s.status), 3);
        check_string(s.out, "one\n");
        cpu_usec = (uint64_t) s.usage.ru_utime.tv_usec + (uint64_t) s.usage.ru_stime.tv_usec +
                (uint64_t) (s.usage.ru_utime.tv_sec + s.usage.ru_stime.tv_sec) * USEC_PER_SEC;
        check(cpu_usec < 150 * USEC_PER_MSEC); /* also where it gets little of a busy machine */
}

static void messages_of_a_later_version(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, ": <gate; echo one; exit 3");
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s);
        supervise_send(&s, 77, -EBADF);
        supervise_welcome(&s);
        supervise_welcome(&s); /* twice */
        supervise_send(&s, 0, -EBADF);
        supervise_pass_gate(O_WRONLY);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        supervise_let_go(&s);
        check_string(s.out, "one\n");
}

SUPERVISE_TEST_MAIN(acts, TEST(exit_status_is_mirrored), TEST(success_is_mirrored), TEST(signal_is_mirrored),
                    TEST(sigkill_is_mirrored), TEST(sigterm_is_mirrored), TEST(real_time_signal_is_mirrored),
                    TEST(output_without_service), TEST(ended_by_itself), TEST(ended_by_signal), TEST(sigterm_of_itself),
                    TEST(runtime_limit), TEST(runtime_limit_with_exit), TEST(kill_after_grace), TEST(kill_at_once),
                    TEST(stall), TEST(no_stall), TEST(limits_at_once), TEST(no_descriptors), TEST(stopped), TEST(stopped_while_alone),
                    TEST(stopped_too_late), TEST(other_signals_are_passed_over), TEST(ended_is_repeated), TEST(closed_because_of_the_end),
                    TEST(progress_is_repeated), TEST(service_is_away), TEST(service_comes_late),
                    TEST(service_never_welcomes), TEST(messages_of_a_later_version))
