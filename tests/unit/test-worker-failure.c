/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What keeps the worker from becoming the command, and how it says so. */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "spec-format.h"
#include "worker-fixture.h"

/* --- what cannot be executed ----------------------------------------------------------------------- */

/* A socket like that of the service manager. */
static int notify_socket_new(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        size_t n = strlen(name);

        check(fd >= 0 && n < sizeof(address.sun_path));
        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
                address.sun_path[0] = 0;
        check(bind(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) == 0);
        return fd;
}

typedef struct Failure {
        int status;
        int error;
} Failure;

/* what: the complaint without the name it is about, which is not for everybody. */
static void check_notified(int fd, const Failure *failure, const char *what) {
        _cleanup_free_ char *expected = NULL;
        char message[4096];
        ssize_t n;

        n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
        check(n > 0);
        message[n] = 0;
        check(asprintf(&expected, "ERRNO=%d\nSTATUS=%s …: %s", failure->error, what, strerror(failure->error)) > 0);
        check_string(message, expected);
        check_int(recv(fd, message, sizeof(message), MSG_DONTWAIT), -1); /* once */
}

/* Runs what cannot be run and checks what is said of it. Closes spec_fd. */
static void check_failure(int spec_fd, const Failure *failure, const char *what, const char *name, const char *socket_name) {
        _cleanup_close_ int notify = notify_socket_new(socket_name);
        _cleanup_free_ char *entry = NULL, *line = NULL;
        _cleanup_run_ Run run = RUN_INIT;

        check(asprintf(&entry, "NOTIFY_SOCKET=%s", socket_name) > 0);
        check(asprintf(&line, "codex-jobs: %s %s: %s\n", what, name, strerror(failure->error)) > 0);
        run.spec_fd = spec_fd;
        run.environment = STRINGS("REPORT=1", "HOME=/", entry);
        run_worker(&run);
        check_string(run.err, line);
        check_string(run.out, "");
        check_int(WEXITSTATUS(run.status), failure->status);
        check_notified(notify, failure, what);
        (void) unlink(socket_name);
}

static void check_command(const char *command, const char *directory_name, int status, int error, const char *what) {
        const Failure failure = { status, error };
        Spec spec = { .argv = STRINGS(command), .environment = STRINGS("PATH=/nowhere") };
        _cleanup_free_ char *copy = directory_name ? strdup(directory_name) : NULL;

        spec.directory = copy;
        check_failure(spec_fd_new(&spec, NULL, NULL, 0), &failure, what, directory_name ?: command, test_path("notify"));
}

static void not_found(void) {
        check_command("/nowhere/command", NULL, 127, ENOENT, "cannot execute");
        check_command("command-that-is-nowhere", NULL, 127, ENOENT, "cannot execute");
        check_command("/dev/null/x", NULL, 126, ENOTDIR, "cannot execute");
}

static void not_executable(void) {
        int fd = open(test_path("text"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        check(fd >= 0);
        check_command("/", NULL, 126, EISDIR, "cannot execute");
        check_command(test_path("text"), NULL, 126, EACCES, "cannot execute");
        check_ok(fchmod(fd, 0700));
        check_command(test_path("text"), NULL, 126, ETXTBSY, "cannot execute"); /* is still open to write */
        (void) close(fd);
}

static void directory_refused(void) {
        check_command("true", "/nowhere", 126, ENOENT, "cannot enter the working directory");
        check_command("true", "/dev/null", 126, ENOTDIR, "cannot enter the working directory");
}

/* Whether the manager's socket is a file or an abstract one is the manager's affair. */
static void notify_abstract(void) {
        const Failure failure = { 127, ENOENT };
        Spec spec = { .argv = STRINGS("/nowhere/x") };
        _cleanup_free_ char *name = NULL;

        check(asprintf(&name, "@codex-jobs-test-%d", getpid()) > 0);
        check_failure(spec_fd_new(&spec, NULL, NULL, 0), &failure, "cannot execute", "/nowhere/x", name);
}

/* A line end in a name is no other field of the message. */
static void notify_newline(void) {
        _cleanup_close_ int notify = notify_socket_new(test_path("notify"));
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *entry = NULL;
        Spec spec = { .argv = STRINGS("/nowhere/a\nMAINPID=1\nb") };
        char message[4096] = {};

        check(asprintf(&entry, "NOTIFY_SOCKET=%s", test_path("notify")) > 0);
        run.environment = STRINGS("HOME=/", entry);
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        check(recv(notify, message, sizeof(message) - 1, MSG_DONTWAIT) > 0);
        check_string(message, "ERRNO=2\nSTATUS=cannot execute …: No such file or directory");
}

/* Names as long as they may be: the message stays one datagram of a moderate size. */
static void notify_long(void) {
        _cleanup_close_ int notify = notify_socket_new(test_path("notify"));
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *entry = NULL;
        char message[8192] = {}, name[100000];
        Spec spec = {};

        memset(name, 'n', sizeof(name) - 1);
        name[0] = '/';
        name[sizeof(name) - 1] = 0;
        spec.argv = STRINGS(name);
        check(asprintf(&entry, "NOTIFY_SOCKET=%s", test_path("notify")) > 0);
        run.environment = STRINGS("HOME=/", entry);
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        check_int(WEXITSTATUS(run.status), 126);
        check(recv(notify, message, sizeof(message) - 1, MSG_DONTWAIT) > 0);
        check(strlen(message) < 256);
        check_contains(message, "ERRNO=36\nSTATUS=cannot execute …: File name too long");
}

/* Outside of systemd, or where the socket is gone, the exit status says it all the same. */
static void notify_nobody(void) {
        static const char *const sockets[] = { "NOTIFY_SOCKET=", "NOTIFY_SOCKET=/nowhere", "NOTIFY_SOCKET=@", "X=" };
        Spec spec = { .argv = STRINGS("/nowhere/x") };

        for (size_t i = 0; i < ELEMENTSOF(sockets); i++) {
                _cleanup_run_ Run run = RUN_INIT;

                run.environment = STRINGS("HOME=/", sockets[i]);
                run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
                run_worker(&run);
                check_int(WEXITSTATUS(run.status), 127);
        }
}

/* --- tests: what is no spec ------------------------------------------------------------------------ */

static void check_damaged(const char *what, const void *data, size_t size) {
        _cleanup_run_ Run run = RUN_INIT;

        run.spec_fd = new_memfd(data, size);
        run.environment = STRINGS("REPORT=1", "HOME=/");
        run_worker(&run);
        if (WEXITSTATUS(run.status) != 126 || run.out_size > 0)
                test_fail(TEST_PLACE(what), "exited with %d, said \"%s\" and wrote %zu bytes",
                          WEXITSTATUS(run.status), run.err, run.out_size);
        check_contains(run.err, "codex-jobs: cannot read the description of job-0000000000: ");
}

/* A good spec of "self a b" with one environment entry, to be damaged. */
static char *good_spec(size_t *ret_size) {
        Spec spec = { .argv = STRINGS(worker_self, "a", "b"),
                      .directory = (char[]) { "/" },
                      .environment = STRINGS("A=1") };
        size_t command_size;
        void *data;

        check_ok(spec_encode(&spec, NULL, SPEC_NO_STDIN, &data, ret_size, &command_size));
        return data;
}

static void damaged_header(void) {
        size_t size;
        _cleanup_free_ char *data = good_spec(&size);
        SpecHeader good, bad;

        memcpy(&good, data, sizeof(good));
        check_damaged("nothing", "", 0);
        check_damaged("half a header", data, sizeof(good) / 2);
        check_damaged("a header alone", data, sizeof(good));
        check_damaged("one byte missing", data, size - 1);

        bad = good;
        bad.magic++;
        check_damaged("another magic", memcpy(data, &bad, sizeof(bad)), size);
        bad = good;
        bad.n_argv = 0;
        check_damaged("no arguments", memcpy(data, &bad, sizeof(bad)), size);
        bad = good;
        bad.strings_size++;
        check_damaged("strings beyond the end", memcpy(data, &bad, sizeof(bad)), size);
        bad.strings_size = UINT64_MAX;
        check_damaged("strings of any size", memcpy(data, &bad, sizeof(bad)), size);
        bad = good;
        bad.strings_size = 0;
        check_damaged("no strings", memcpy(data, &bad, sizeof(bad)), size);
}

/* Another number of strings than there are: what would be executed is not what was asked for. */
static void damaged_counts(void) {
        size_t size;
        _cleanup_free_ char *data = good_spec(&size);
        SpecHeader good, bad;

        memcpy(&good, data, sizeof(good));
        bad = good;
        bad.n_argv += 2;
        check_damaged("more arguments than strings", memcpy(data, &bad, sizeof(bad)), size);
        bad = good;
        bad.n_environment++;
        check_damaged("more environment than strings", memcpy(data, &bad, sizeof(bad)), size);
        bad = good;
        bad.strings_size -= 2; /* ends within the last string */
        check_damaged("a string without an end", memcpy(data, &bad, sizeof(bad)), size);
}

static void damaged_stdin(void) {
        size_t size;
        _cleanup_free_ char *data = good_spec(&size);
        _cleanup_run_ Run run = RUN_INIT;
        SpecHeader header;

        memcpy(&header, data, sizeof(header));
        header.stdin_size = 10; /* none of them there */
        memcpy(data, &header, sizeof(header));
        run.spec_fd = new_memfd(data, size);
        run_worker(&run);
        check_int(WEXITSTATUS(run.status), 126);
        check_contains(run.err, "cannot set up standard input of ");
        check_string(run.out, "");
}

static void no_file(void) {
        _cleanup_run_ Run run = RUN_INIT;
        int fds[2];

        check_ok(pipe2(fds, O_CLOEXEC));
        run.spec_fd = fds[0];
        run_worker(&run);
        (void) close(fds[1]);
        check_int(WEXITSTATUS(run.status), 126);
        check_contains(run.err, "cannot read the description of job-0000000000: ");
}

WORKER_TEST_MAIN(TEST(not_found), TEST(not_executable), TEST(directory_refused), TEST(notify_abstract),
                 TEST(notify_newline), TEST(notify_long), TEST(notify_nobody), TEST(damaged_header),
                 TEST(damaged_counts), TEST(damaged_stdin), TEST(no_file))
