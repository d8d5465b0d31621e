/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The folder of a job: what it notifies of, its result, and what becomes of the folder. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "supervise-fixture.h"

#define FOLDER "folders/" WORKER_JOB

/* --- commands --------------------------------------------------------------------------------------- */

/* Sends bytes with as many copies of a descriptor, as BARRIER=1 of sd_notify(3) does. */
static void send_with(const char *bytes, size_t size, int fd, size_t n_fds) {
        char control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8))) = {};
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct iovec vec = { (void *) bytes, size };
        struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &vec, .msg_iovlen = 1 };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", strempty(getenv("NOTIFY_SOCKET")));
        if (n_fds > 0) {
                struct cmsghdr *c = (struct cmsghdr *) control;
                int fds[4] = { fd, fd, fd, fd };

                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                *c = (struct cmsghdr) { .cmsg_len = CMSG_LEN(n_fds * sizeof(int)), .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
        }
        if (sendmsg(s, &message, 0) < 0) {
                perror("sendmsg");
                exit(EXIT_FAILURE);
        }
}

static int status(void) {
        supervise_notify("STATUS=one");
        supervise_notify("READY=1\nSTATUS=two\nSTATUS=three\nMAINPID=1");
        return EXIT_SUCCESS;
}

/* What is no status, and what would have a service manager do something. */
static int garbage(void) {
        static char large[64 * 1024];

        supervise_notify("STATUS=good");
        memset(large, 'x', sizeof(large));
        send_with("", 0, -EBADF, 0);
        send_with("\0\xff\n\n\n", 5, -EBADF, 0);
        send_with(large, sizeof(large), -EBADF, 0);
        supervise_notify("STOPPING=1\nMAINPID=1\nERRNO=1\nWATCHDOG=trigger\nEXTEND_TIMEOUT_USEC=1\nRELOADING=1");
        supervise_notify("FDSTORE=1");
        supervise_notify("status=no\nSTATU\nXSTATUS=no\n STATUS=no\nSTATUS");
        return EXIT_SUCCESS;
}

static int empty_status(void) {
        supervise_notify("STATUS=something");
        supervise_pass_gate(O_RDONLY);
        supervise_notify("STATUS=");
        return EXIT_SUCCESS;
}

static int long_status(void) {
        static char message[3000] = "STATUS=";

        memset(message + strlen(message), 'x', sizeof(message) - strlen(message) - 1);
        supervise_notify(message);
        return EXIT_SUCCESS;
}

static int odd_status(void) {
        send_with("STATUS=\xff\xfe\0\x1b[31m\x01", 16, -EBADF, 0);
        return EXIT_SUCCESS;
}

/* Returns when the descriptors that it sent are closed; nobody else has the other end. */
static int barrier(void) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return EXIT_FAILURE;
        send_with("BARRIER=1", strlen("BARRIER=1"), ends[1], 1);
        send_with("FDSTORE=1\nFDNAME=x", strlen("FDSTORE=1\nFDNAME=x"), ends[1], 4);
        send_with("STATUS=with one", strlen("STATUS=with one"), ends[1], 1);
        (void) close(ends[1]);
        return poll(&(struct pollfd) { .fd = ends[0] }, 1, 30000) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Much more often than is said on. */
static int often(void) {
        for (int i = 0; i < 5000; i++) {
                char message[32];

                (void) snprintf(message, sizeof(message), "STATUS=%d", i);
                supervise_notify(message);
        }
        return EXIT_SUCCESS;
}

static int alive_by_notifications(void) {
        for (int i = 0; i < 12; i++) {
                char message[32];

                (void) snprintf(message, sizeof(message), "WATCHDOG=1\nX_COUNT=%d", i);
                supervise_notify(message);
                (void) poll(NULL, 0, 250);
        }
        return EXIT_SUCCESS;
}

static const Act acts[] = { ACT(status),     ACT(garbage), ACT(empty_status), ACT(long_status), ACT(odd_status),
                            ACT(barrier),    ACT(often),   ACT(alive_by_notifications) };

/* --- notifications ---------------------------------------------------------------------------------- */

static void check_act(Supervised *s, const char *name) {
        supervise_init(s);
        supervise_act(s, name);
        check_end(supervise_run(s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s->err, "");
}

static void notify_status(void) {
        _cleanup_supervised_ Supervised s;

        check_act(&s, "status");
        check_string(s.progress, "three");
}

static void notify_garbage(void) {
        _cleanup_supervised_ Supervised s;

        check_act(&s, "garbage");
        check_string(s.progress, "good");
}

static void notify_empty_status(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "empty_status");
        supervise_begin(&s);
        supervise_until_progress(&s, "something");
        supervise_pass_gate(O_WRONLY);
        supervise_until_progress(&s, "");
        (void) supervise_until_ended(&s);
        supervise_let_go(&s);
}

static void notify_long_status(void) {
        _cleanup_supervised_ Supervised s;

        check_act(&s, "long_status");
        check_int(strlen(s.progress), WORKER_TEXT_MAX);
        check_int(strspn(s.progress, "x"), WORKER_TEXT_MAX);
}

/* What of it can be shown is for the service to say. */
static void notify_odd_status(void) {
        _cleanup_supervised_ Supervised s;

        check_act(&s, "odd_status");
        check_bytes(s.progress, 9, "\xff\xfe\0\x1b[31m\x01", 9);
}

static void notify_barrier(void) {
        _cleanup_supervised_ Supervised s;

        check_act(&s, "barrier");
        check_string(s.progress, "with one");
}

static void notify_often(void) {
        _cleanup_supervised_ Supervised s;
        uint64_t usec;

        check_act(&s, "often");
        check_string(s.progress, "4999");
        usec = s.message.ended.ended_usec - s.message.ended.started_usec;
        check(s.n_progress <= 3 + usec / (250 * USEC_PER_MSEC));
}

static void notify_keeps_alive(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_act(&s, "alive_by_notifications");
        s.trailer.stall_usec = 2 * USEC_PER_SEC;
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check(s.message.ended.ended_usec - s.message.ended.started_usec > 2 * USEC_PER_SEC);
}

/* --- the result ------------------------------------------------------------------------------------- */

/* A script that leaves something as its result. Returns what is said of it. */
static const WorkerMessage *run_result(Supervised *s, const char *script, WorkerResult result, uint64_t bytes) {
        supervise_init(s);
        supervise_shell(s, script);
        check_end(supervise_run(s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(s->message.ended.result, result);
        check_int(s->message.ended.result_bytes, bytes);
        if (result != WORKER_RESULT_TAKEN)
                check_int(s->message.result_size, 0);
        return &s->message;
}

static void check_result(const char *script, WorkerResult result, uint64_t bytes) {
        _cleanup_supervised_ Supervised s;

        (void) run_result(&s, script, result, bytes);
}

static void result(void) {
        _cleanup_supervised_ Supervised s;
        const WorkerMessage *m = run_result(&s, "printf '{\"a\":\"\\000\\377\"}' >$CODEX_JOB_RESULT", WORKER_RESULT_TAKEN, 10);

        check_bytes(m->result, m->result_size, "{\"a\":\"\0\xff\"}", 10);
}

/* As what is to be there whole or not at all is written. */
static void result_by_rename(void) {
        _cleanup_supervised_ Supervised s;
        const WorkerMessage *m = run_result(&s, "printf '{}' >$CODEX_JOB_RESULT.new && mv $CODEX_JOB_RESULT.new $CODEX_JOB_RESULT",
                                            WORKER_RESULT_TAKEN, 2);

        check_bytes(m->result, m->result_size, "{}", 2);
}

static void result_absent(void) {
        check_result("test ! -e $CODEX_JOB_RESULT", WORKER_RESULT_NONE, 0);
}

static void result_empty(void) {
        check_result(": >$CODEX_JOB_RESULT", WORKER_RESULT_TAKEN, 0);
}

static void result_as_large_as_may_be(void) {
        _cleanup_supervised_ Supervised s;

        check_int(run_result(&s, "head -c 65536 /dev/zero >$CODEX_JOB_RESULT", WORKER_RESULT_TAKEN, 65536)->result_size, 65536);
}

static void result_too_large(void) {
        check_result("head -c 65537 /dev/zero >$CODEX_JOB_RESULT", WORKER_RESULT_TOO_LARGE, 65537);
}

static void result_is_link(void) {
        check_result("echo secret >secret; ln -s $PWD/secret $CODEX_JOB_RESULT", WORKER_RESULT_NO_FILE, 0);
}

/* Nobody writes to it: whoever opened it would wait for ever. */
static void result_is_fifo(void) {
        check_result("mkfifo $CODEX_JOB_RESULT", WORKER_RESULT_NO_FILE, 0);
}

static void result_is_directory(void) {
        check_result("mkdir $CODEX_JOB_RESULT", WORKER_RESULT_NO_FILE, 0);
}

static void result_unreadable(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "echo '{}' >$CODEX_JOB_RESULT; chmod 0 $CODEX_JOB_RESULT");
        s.uid = getuid() == 0 ? 1234567 : 0;
        (void) supervise_run(&s);
        check_int(s.message.ended.result, WORKER_RESULT_UNREADABLE);
        check_int(s.message.ended.result_error, EACCES);
}

/* Its end changes nothing of it, and neither does who waits for it. */
static void result_of_failure(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "printf '{}' >$CODEX_JOB_RESULT; kill -KILL $$");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_KILLED, SIGKILL);
        check_bytes(s.message.result, s.message.result_size, "{}", 2);
}

/* --- the folder ------------------------------------------------------------------------------------- */

static void modes(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        s.trailer.umask = WORKER_UMASK_GIVEN;
        supervise_shell(&s, "stat -c '%a %F' ${CODEX_JOB_RESULT%/result} $NOTIFY_SOCKET; ls -A ${CODEX_JOB_RESULT%/result}");
        (void) supervise_run(&s);
        check_string(s.out, "700 directory\n600 socket\nnotify\n");
}

static void removed_at_the_end(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        supervise_shell(&s, "cd ${CODEX_JOB_RESULT%/result} && mkdir -p a/b/c && echo x >a/b/c/x && chmod 500 a/b a/b/c && "
                            "ln -s / root && mkfifo fifo");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_int(access(test_path(FOLDER), F_OK), -1);
        check_int(access(test_path("folders"), F_OK), 0);
}

static void parent_is_gone(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        (void) snprintf(s.trailer.folders, sizeof(s.trailer.folders), "%s", test_path("gone/folders"));
        supervise_shell(&s, "stat -c '%a %F' ${CODEX_JOB_RESULT%/result}");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, "700 directory\n");
        check_int(access(test_path("gone/folders"), F_OK), 0);
}

/* What an earlier worker of the same job has left. */
static void not_empty(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        check(mkdir(test_path(FOLDER), 0700) == 0 && mkdir(test_path(FOLDER "/result"), 0700) == 0);
        supervise_shell(&s, "ls -A ${CODEX_JOB_RESULT%/result}");
        (void) supervise_run(&s);
        check_string(s.out, "notify\n");
}

static void make_stale(const char *name) {
        _cleanup_free_ char *sub = NULL, *file = NULL;

        check(asprintf(&sub, "%s/sub", name) > 0 && asprintf(&file, "%s/sub/file", name) > 0);
        check(mkdir(test_path(name), 0700) == 0 && mkdir(test_path(sub), 0700) == 0);
        check(mkfifo(test_path(file), 0600) == 0);
}

static void tidy(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_close_ int locked = -EBADF;

        supervise_init(&s);
        make_stale("folders/job-1111111111");
        make_stale("folders/job-2222222222");
        make_stale("elsewhere");
        check_ok(symlink("../elsewhere", test_path("folders/job-3333333333")));
        locked = open(test_path("folders/job-2222222222"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(flock(locked, LOCK_EX | LOCK_NB) == 0); /* its worker lives */
        (void) supervise_run(&s);
        check_int(access(test_path("folders/job-1111111111"), F_OK), 0); /* it was not told to */

        s.trailer.flags = WORKER_TIDY;
        (void) supervise_run(&s);
        check_int(access(test_path("folders/job-1111111111"), F_OK), -1);
        check_int(access(test_path("folders/job-2222222222/sub/file"), F_OK), 0);
        check_int(access(test_path("elsewhere/sub/file"), F_OK), 0);
}

/* Somebody else has just taken its folder for one that was left. */
static void tidied_by_another(void) {
        _cleanup_supervised_ Supervised s;
        _cleanup_close_ int locked = -EBADF;

        supervise_init(&s);
        check_ok(mkdir(test_path(FOLDER), 0700));
        locked = open(test_path(FOLDER), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(flock(locked, LOCK_EX | LOCK_NB) == 0);
        supervise_shell(&s, "ls -A ${CODEX_JOB_RESULT%/result}");
        supervise_listen(&s);
        supervise_start(&s);
        check_int(poll(&(struct pollfd) { .fd = s.listener, .events = POLLIN }, 1, 20), 0);
        check_ok(rmdir(test_path(FOLDER)));
        closep(&locked);
        locked = -EBADF;
        supervise_accept(&s);
        supervise_welcome(&s);
        check_end(supervise_until_ended(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        supervise_let_go(&s);
        check_string(s.out, "notify\n");
}

/* The job does without. */
static void no_folder(void) {
        _cleanup_supervised_ Supervised s;

        supervise_init(&s);
        (void) snprintf(s.trailer.folders, sizeof(s.trailer.folders), "/nowhere/at/all");
        s.spec.environment = STRINGS("CODEX_JOB_RESULT=/x", "NOTIFY_SOCKET=/y");
        supervise_shell(&s, "echo \"${CODEX_JOB_RESULT-none} ${NOTIFY_SOCKET-none}\"");
        check_end(supervise_run(&s), WORKER_CAUSE_ITSELF, CLD_EXITED, 0);
        check_string(s.out, "none none\n");
        check_int(s.message.ended.result, WORKER_RESULT_NONE);
}

SUPERVISE_TEST_MAIN(acts, TEST(notify_status), TEST(notify_garbage), TEST(notify_empty_status), TEST(notify_long_status),
                    TEST(notify_odd_status), TEST(notify_barrier), TEST(notify_often), TEST(notify_keeps_alive),
                    TEST(result), TEST(result_by_rename), TEST(result_absent), TEST(result_empty),
                    TEST(result_as_large_as_may_be), TEST(result_too_large), TEST(result_is_link), TEST(result_is_fifo),
                    TEST(result_is_directory), TEST(result_unreadable), TEST(result_of_failure), TEST(modes),
                    TEST(removed_at_the_end), TEST(parent_is_gone), TEST(not_empty), TEST(tidy), TEST(tidied_by_another), TEST(no_folder))
