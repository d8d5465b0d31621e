/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How the worker starts the command of a job, what that inherits, and what is said where it cannot be started. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "supervise-fixture.h"

/* --- commands --------------------------------------------------------------------------------------- */

static int session(void) {
        (void) printf("%d %d %d\n", getsid(0) == getpid(), getpgrp() == getpid(), open("/dev/tty", O_RDONLY) < 0);
        return EXIT_SUCCESS;
}

/* The signals that are blocked or ignored. */
static int signals(void) {
        sigset_t blocked;

        (void) sigprocmask(SIG_BLOCK, NULL, &blocked);
        for (int i = 1; i < NSIG; i++) {
                struct sigaction action = {};

                (void) sigaction(i, NULL, &action);
                if (sigismember(&blocked, i) == 1 || action.sa_handler == SIG_IGN)
                        (void) printf("%d ", i);
        }
        return EXIT_SUCCESS;
}

/* What the worker has set for itself alone. */
static int own_limits(void) {
        struct rlimit files;
        int reaper = 0;

        (void) getrlimit(RLIMIT_FSIZE, &files);
        (void) prctl(PR_GET_CHILD_SUBREAPER, &reaper);
        (void) printf("%d %d %d\n", files.rlim_cur == RLIM_INFINITY, reaper, prctl(PR_GET_DUMPABLE));
        return EXIT_SUCCESS;
}

static const Act acts[] = { ACT(session), ACT(signals), ACT(own_limits) };

/* --- what it inherits ------------------------------------------------------------------------------- */

static void everything(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *pwd = NULL;
        const char *e;

        supervise_init(&s);
        s.spec.argv = STRINGS(worker_self, "", "a b", "$HOME", "\xff");
        s.spec.environment = STRINGS("REPORT=1", "A=1", "PWD=/elsewhere", "CODEX_JOB_ID=mine", "NOTIFY_SOCKET=/x",
                                     "CODEX_JOB_RESULT=/x");
        s.input = "input\0\n";
        s.input_size = 7;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.err, "");
        e = check_report_of(s.out, s.out_size, s.spec.argv, test_directory(), s.input, s.input_size);
        check(asprintf(&pwd, "PWD=%s", test_directory()) > 0);
        check_int(count_entries(e, pwd), 1);
        for (char *const *entry = STRINGS("A=1", "HOME=/home", "PATH=/usr/bin:/bin", "CODEX_JOB_ID=" WORKER_JOB); *entry; entry++)
                check_int(count_entries(e, *entry), 1);
        for (char *const *entry = STRINGS("PWD=/elsewhere", "CODEX_JOB_ID=mine", "NOTIFY_SOCKET=/x", "CODEX_JOB_RESULT=/x");
             *entry; entry++)
                check_int(count_entries(e, *entry), 0);
}

/* Of the unit's environment it gets what is not about the unit. */
static void environment_of_the_unit(void) {
        static const char *const about_unit[] = {
                "NOTIFY_SOCKET=/u", "SYSTEMD_EXEC_PID=1", "CACHE_DIRECTORY=/u", "WATCHDOG_USEC=1", "LISTEN_FDS=1",
        };
        _cleanup_supervised_ Supervised s;
        const char *e;

        supervise_init(&s);
        s.spec.argv = STRINGS(worker_self);
        s.unit_environment = STRINGS("REPORT=1", "HOME=/home", "KEPT=1", "INVOCATION_ID=1", about_unit[0], about_unit[1],
                                     about_unit[2], about_unit[3], about_unit[4]);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        e = check_report_of(s.out, s.out_size, s.spec.argv, test_directory(), NULL, 0);
        check_int(count_entries(e, "KEPT=1"), 1);
        check_int(count_entries(e, "INVOCATION_ID=1"), 1);
        for (size_t i = 0; i < ELEMENTSOF(about_unit); i++)
                check_int(count_entries(e, about_unit[i]), 0);
}

static void check_act(const char *name, const char *expected) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.output_max = 100000;
        supervise_act(&s, name);
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, expected);
}

static void own_session(void) {
        check_act("session", "1 1 1\n");
}

static void signals_as_they_were(void) {
        check_act("signals", "");
}

static void nothing_of_the_worker(void) {
        check_act("own_limits", "1 0 1\n");
}

static void check_umask(uint32_t given, const char *expected) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.umask = given;
        supervise_shell(&s, "umask");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, expected);
}

static void umasks(void) {
        static const uint32_t masks[] = { WORKER_UMASK_GIVEN, WORKER_UMASK_GIVEN | 077, WORKER_UMASK_GIVEN | 0777 };
        static const char *const texts[] = { "0000\n", "0077\n", "0777\n" };

        (void) umask(026);
        check_umask(0, "0026\n");
        for (size_t i = 0; i < ELEMENTSOF(masks); i++)
                check_umask(masks[i], texts[i]);
}

/* A link in the name of the directory stays in what the command is told. */
static void directory(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *path = NULL, *expected = NULL;

        supervise_init(&s);
        check(symlink(test_directory(), test_path("link")) == 0);
        check(asprintf(&path, "%s/link", test_directory()) > 0);
        check(asprintf(&expected, "%s %s\n", path, test_directory()) > 0);
        s.spec.directory = path;
        supervise_shell(&s, "echo \"$PWD $(pwd -P)\"");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, expected);
}

/* --- the worker itself ------------------------------------------------------------------------------ */

/* The user whose it is does not look into it: it knows a secret, and its word counts. */
static void worker_is_not_dumpable(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *path = NULL;
        struct stat st;

        supervise_init(&s);
        s.uid = getuid() == 0 ? 1234567 : 0;
        supervise_shell(&s, ": <gate");
        check_ok(chmod(test_path("gate"), 0666));
        supervise_listen(&s);
        supervise_start(&s);
        supervise_accept(&s);
        check(asprintf(&path, "/proc/%d/environ", s.pid) > 0);
        check_ok(stat(path, &st));
        check_int(st.st_uid, 0); /* see proc(5) */
        supervise_pass_gate(O_WRONLY);
        supervise_welcome(&s);
        (void) supervise_until_ended(&s);
        supervise_let_go(&s);
}

/* --- what cannot be started ------------------------------------------------------------------------- */

static void write_script(const char *name, const char *text, mode_t mode) {
        int fd = open(test_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
        check_ok(fchmod(fd, mode));
        (void) close(fd);
}

/* The name of what it is about is for those who may read what the job has written, and not for the service, which shows
 * it to others. */
static void check_cannot(Supervised *s, int status, const char *what, const char *name, int error) {
        _cleanup_free_ char *line = NULL, *text = NULL;

        check_end(supervise_run(s), WORKER_CAUSE_CANNOT, CLD_EXITED, status);
        check(asprintf(&line, "codex-jobs: cannot %s %s: %s\n", what, name, strerror(error)) > 0);
        check(asprintf(&text, "cannot %s …: %s", what, strerror(error)) > 0);
        check_bytes(s->message.text, s->message.text_size, text, strlen(text));
        check_string(s->err, line);
        check_string(s->out, "");
        check_int(s->n_order, 1);
        check_int(s->order[0].stream, OUTPUT_ORDER_STDERR);
        check_int(s->order[0].size, s->err_size);
}

static void check_command(const char *command, int status, int error) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.spec.argv = STRINGS(command);
        check_cannot(&s, status, "execute", command, error);
}

static void check_script(const char *text, int status, const char *interpreter, int error) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *name = NULL;

        supervise_init(&s);
        (void) unlink(test_path("script"));
        write_script("script", text, 0700);
        s.spec.argv = STRINGS("./script");
        check(asprintf(&name, "%s of ./script", interpreter) > 0);
        check_cannot(&s, status, "execute the interpreter", name, error);
}

static void not_found(void) {
        check_command("/nowhere/command", 127, ENOENT);
        check_command("command-that-is-nowhere", 127, ENOENT);
        check_command("/dev/null/x", 126, ENOTDIR);
        check_command("", 127, ENOENT);
}

static void not_executable(void) {
        check_command("/", 126, EISDIR);
        write_script("text", "true\n", 0600);
        check_command("./text", 126, EACCES);
}

/* It is sh's then, as everywhere. */
static void no_interpreter_line(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        write_script("script", "echo run; exit 3\n", 0700);
        s.spec.argv = STRINGS("./script");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 3);
        check_string(s.out, "run\n");
}

static void interpreter_missing(void) {
        check_script("#!/nowhere/interpreter -x\ntrue\n", 127, "/nowhere/interpreter", ENOENT);
        check_script("#! \t /nowhere/interpreter", 127, "/nowhere/interpreter", ENOENT);
}

static void interpreter_with_cr(void) {
        check_script("#!/bin/sh\r\ntrue\r\n", 127, "/bin/sh\\r (its first line ends with CR LF)", ENOENT);
        check_script("#!/usr/local/share/some/where/bin/python3.13\r\n", 127,
                     "/usr/local/share/some/where/bin/python3.13\\r (its first line ends with CR LF)", ENOENT);
}

static void interpreter_refused(void) {
        check_script("#!/etc/passwd\n", 126, "/etc/passwd", EACCES);
}

static void directory_refused(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.spec.directory = (char[]) { "/nowhere" };
        check_cannot(&s, 126, "enter the working directory", "/nowhere", ENOENT);
}

static void argument_too_long(void) {
        char *large = malloc(256 * 1024);
        _cleanup_supervised_ Supervised s;

        check(large);
        memset(large, 'x', 256 * 1024);
        large[256 * 1024 - 1] = 0;
        supervise_init(&s);
        s.spec.argv = STRINGS("true", large);
        check_cannot(&s, 126, "execute", "true", E2BIG);
        free(large);
}

/* With one stream it is there, too. */
static void cannot_merged(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.flags = WORKER_MERGE_OUTPUT;
        s.spec.argv = STRINGS("/nowhere/x");
        check_end(supervise_run(&s), WORKER_CAUSE_CANNOT, CLD_EXITED, 127);
        check_string(s.out, "codex-jobs: cannot execute /nowhere/x: No such file or directory\n");
        check_string(s.err, "");
}

/* Where nobody listens, the service manager has the status and the job's standard error the text. */
static void cannot_alone(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.spec.argv = STRINGS("/nowhere/x");
        check_int(WEXITSTATUS(supervise_run_alone(&s)), 127);
        check_string(s.err, "codex-jobs: cannot execute /nowhere/x: No such file or directory\n");
}

/* --- PATH ------------------------------------------------------------------------------------------- */

/* A folder that a user may not search, then one that has a file without permissions, then the usual ones. */
static void check_in_path(const char *command, WorkerCause cause, int status, const char *err) {
        _cleanup_supervised_ Supervised s;
        _cleanup_free_ char *entry = NULL;

        supervise_init(&s);
        s.uid = getuid() == 0 ? 1234567 : 0;
        s.spec.argv = STRINGS(command);
        check(asprintf(&entry, "PATH=%s/closed:%s/open:/usr/bin:/bin", test_directory(), test_directory()) > 0);
        s.spec.environment = STRINGS(entry);
        check_end(supervise_run(&s), cause, CLD_EXITED, status);
        check_string(s.err, err);
}

static void path(void) {
        check(mkdir(test_path("closed"), 0700) == 0 && mkdir(test_path("open"), 0755) == 0);
        check(mkdir(test_path("open/false"), 0755) == 0);
        write_script("closed/true", "#!/bin/sh\nexit 9\n", 0755);
        write_script("open/plain", "#!/bin/sh\nexit 9\n", 0644);
        check_ok(chmod(test_path("closed"), 0));
        check_in_path("true", WORKER_CAUSE_ITSELF, 0, "");
        check_in_path("false", WORKER_CAUSE_ITSELF, 1, ""); /* the folder of that name is none */
        check_in_path("treu", WORKER_CAUSE_CANNOT, 127, "codex-jobs: cannot execute treu: No such file or directory\n");
        check_in_path("plain", WORKER_CAUSE_CANNOT, 126, "codex-jobs: cannot execute plain: Permission denied\n");
        check_in_path("a\n\tb\x1b[31m\x7f\r\xc3\xa4\xff", WORKER_CAUSE_CANNOT, 127,
                      "codex-jobs: cannot execute a  b [31m  \xc3\xa4\xff: No such file or directory\n");
}

/* --- no process for it ------------------------------------------------------------------------------ */

/* A process of a user who may have two: the worker is the other one. */
static pid_t take_process(uid_t uid) {
        int ends[2];
        pid_t pid;
        char c;

        check_ok(pipe2(ends, O_CLOEXEC));
        pid = fork();
        check(pid >= 0);
        if (pid == 0) {
                if (setresuid(uid, uid, uid) < 0)
                        _exit(EXIT_FAILURE);
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) close(ends[1]);
                (void) pause();
                _exit(EXIT_SUCCESS);
        }
        (void) close(ends[1]);
        check_int(read(ends[0], &c, 1), 0);
        (void) close(ends[0]);
        return pid;
}

static pid_t begin_without_process(Supervised *s, uint64_t runtime_max_usec) {
        pid_t pid;

        if (getuid() != 0)
                test_skip("only root can start a worker as another user");
        supervise_init(s);
        s->uid = 2000000 + (uid_t) getpid(); /* of this test alone */
        s->n_processes = 2;
        s->trailer.runtime_max_usec = runtime_max_usec;
        pid = take_process(s->uid);
        supervise_begin(s);
        check_int(supervise_receive(s), WORKER_LACK);
        check_contains(s->progress, "Cannot start: the user, a control group or the host has as many processes as it may");
        return pid;
}

static void waits_for_process(void) {
        _cleanup_supervised_ Supervised s;
        pid_t pid = begin_without_process(&s, 0);

        /* A service that was restarted is told again. */
        supervise_hang_up(&s);
        supervise_accept(&s);
        supervise_welcome(&s);
        check_int(supervise_receive(&s), WORKER_LACK);
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        supervise_until_progress(&s, "");
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check(s.message.ended.started_usec <= s.message.ended.ended_usec);
        supervise_let_go(&s);
        check_string(s.err, "");
}

static void stopped_without_process(void) {
        _cleanup_supervised_ Supervised s;
        pid_t pid = begin_without_process(&s, 0);

        check_ok(kill(s.pid, SIGTERM));
        check_end(supervise_until_ended(&s), WORKER_CAUSE_STOP, CLD_KILLED, SIGTERM);
        check(s.message.ended.final);
        supervise_wait(&s);
        check(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGTERM);
        check_string(s.err, "");
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void runtime_over_without_process(void) {
        _cleanup_supervised_ Supervised s;
        pid_t pid = begin_without_process(&s, USEC_PER_SEC);

        check_end(supervise_until_ended(&s), WORKER_CAUSE_RUNTIME, CLD_KILLED, SIGTERM);
        check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid); /* the leak sanitizer needs one at the exit */
        supervise_let_go(&s);
}

SUPERVISE_TEST_MAIN(acts, TEST(everything), TEST(environment_of_the_unit), TEST(own_session), TEST(signals_as_they_were),
                    TEST(nothing_of_the_worker), TEST(umasks), TEST(directory), TEST(worker_is_not_dumpable),
                    TEST(not_found), TEST(not_executable), TEST(no_interpreter_line), TEST(interpreter_missing),
                    TEST(interpreter_with_cr), TEST(interpreter_refused), TEST(directory_refused), TEST(argument_too_long),
                    TEST(cannot_merged), TEST(cannot_alone), TEST(path), TEST(waits_for_process),
                    TEST(stopped_without_process), TEST(runtime_over_without_process))
