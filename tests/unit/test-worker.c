/* SPDX-License-Identifier: Apache-2.0 */

/* Runs codex-jobs-worker as a unit does: with a spec as its standard input. The command that it becomes is
 * this program again, which reports what it was given, byte for byte. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "spec-format.h"
#include "spec.h"
#include "test.h"

#define EXIT_NO_USER 98

static char self[PATH_MAX];   /* this program */
static char worker[PATH_MAX]; /* the one under test, in the same build folder */

/* --- the command ----------------------------------------------------------------------------------- */

static void report_string(char tag, const char *s) {
        (void) fputc(tag, stdout);
        (void) fwrite(s, 1, strlen(s) + 1, stdout);
}

static void report_stdin(void) {
        static char bytes[1 << 16];
        struct stat st;
        size_t n;

        if (fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
                (void) fputc('0', stdout); /* /dev/null */
        else {
                FILE *again = fopen("/dev/stdin", "re");

                (void) fputc(again && fgetc(again) == fgetc(stdin) ? 'S' : 'X', stdout);
                rewind(stdin);
        }
        while ((n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
                (void) fwrite(bytes, 1, n, stdout);
}

/* Descriptors that it should not have. */
static void report_descriptors(void) {
        _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && atoi(entry->d_name) > STDERR_FILENO && atoi(entry->d_name) != dirfd(dir))
                        report_string('F', entry->d_name);
}

/* A letter for each thing, then its bytes, then NUL; the standard input is the last and goes to the end. */
static int report(char *argv[], char *const *environment) {
        _cleanup_free_ char *directory = getcwd(NULL, 0);

        for (char **a = argv; *a; a++)
                report_string('A', *a);
        for (char *const *e = environment; *e; e++)
                report_string('E', *e);
        report_string('D', strempty(directory));
        report_descriptors();
        report_stdin();
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- running the worker ---------------------------------------------------------------------------- */

typedef struct Run {
        int spec_fd;
        char **environment; /* of the unit; NULL: REPORT and HOME */
        uid_t uid;          /* to run as; 0: as the test does */
        int status;
        char *out, *err;
        size_t out_size, err_size;
} Run;

static void run_clear(Run *run) {
        closep(&run->spec_fd);
        free(run->out);
        free(run->err);
}
#define _cleanup_run_ _cleanup_(run_clear)
#define RUN_INIT (Run) { .spec_fd = -EBADF }

static int new_memfd(const void *data, size_t size) {
        int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        check(fd >= 0);
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, (const char *) data + done, size - done);

                check(n > 0);
                done += (size_t) n;
        }
        check_ok(lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0);
        return fd;
}

/* The spec as the store hands it out: sealed. */
static int spec_fd_new(const Spec *spec, char *const *extra, const void *input, uint64_t input_size) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int fd;

        check_ok(spec_encode(spec, extra, input ? input_size : SPEC_NO_STDIN, &data, &size));
        if (input) {
                data = realloc(data, size + input_size);
                check(data);
                memcpy((char *) data + size, input, input_size);
                size += input_size;
        }
        fd = new_memfd(data, size);
        check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
        return fd;
}

/* Reads both pipes to their ends. */
static void collect(Run *run, int out, int err) {
        struct pollfd fds[] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
        FILE *texts[] = { open_memstream(&run->out, &run->out_size), open_memstream(&run->err, &run->err_size) };
        static char bytes[1 << 16];

        while (fds[0].fd >= 0 || fds[1].fd >= 0) {
                check(poll(fds, 2, -1) > 0);
                for (int i = 0; i < 2; i++) {
                        ssize_t n;

                        if (fds[i].fd < 0 || fds[i].revents == 0)
                                continue;
                        n = read(fds[i].fd, bytes, sizeof(bytes));
                        check(n >= 0);
                        if (n == 0)
                                fds[i].fd = -1;
                        (void) fwrite(bytes, 1, (size_t) n, texts[i]);
                }
        }
        (void) fclose(texts[0]);
        (void) fclose(texts[1]);
}

static void run_child(const Run *run, int out, int err) {
        (void) dup2(run->spec_fd, STDIN_FILENO);
        (void) dup2(out, STDOUT_FILENO);
        (void) dup2(err, STDERR_FILENO);
        /* systemd leaves no others; who runs the tests may have. */
        for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
                (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (run->uid > 0 && (setresuid(run->uid, run->uid, run->uid) < 0 || access(worker, X_OK) < 0 || access(self, X_OK) < 0))
                _exit(EXIT_NO_USER);
        (void) execve(worker, STRINGS("codex-jobs-worker", "job-0000000000"), run->environment ?: STRINGS("REPORT=1", "HOME=/home"));
        _exit(99);
}

static void run_worker(Run *run) {
        int out[2], err[2];
        pid_t pid;

        check_ok(pipe2(out, O_CLOEXEC));
        check_ok(pipe2(err, O_CLOEXEC));
        pid = fork();
        check(pid >= 0);
        if (pid == 0)
                run_child(run, out[1], err[1]);
        (void) close(out[1]);
        (void) close(err[1]);
        collect(run, out[0], err[0]);
        (void) close(out[0]);
        (void) close(err[0]);
        check(waitpid(pid, &run->status, 0) == pid);
        check(WIFEXITED(run->status));
}

/* --- checking the report --------------------------------------------------------------------------- */

/* The next entry of that letter, NULL if there is none before another one; moves *p behind it. */
static const char *next_entry(const char **p, char tag) {
        const char *s = *p;

        if (*s != tag)
                return NULL;
        *p = s + strlen(s) + 1;
        return s + 1;
}

/* Checks all but the environment; returns where that begins. */
static const char *check_report(const Run *run, char *const *argv, const char *directory, const void *input, size_t size) {
        const char *p = run->out, *environment, *s;

        if (run->status != 0)
                test_fail(TEST_PLACE("the worker"), "failed: %s", run->err);
        for (; *argv; argv++)
                check_string(next_entry(&p, 'A'), *argv);
        check(*p != 'A');
        environment = p;
        while (next_entry(&p, 'E'))
                ;
        check_string(next_entry(&p, 'D'), directory);
        s = next_entry(&p, 'F');
        if (s)
                test_fail(TEST_PLACE("the command"), "was left descriptor %s", s);
        check_int(*p++, input ? 'S' : '0');
        check_bytes(p, run->out_size - (size_t) (p - run->out), input, size);
        check_string(run->err, "");
        return environment;
}

static unsigned count_entries(const char *environment, const char *entry) {
        const char *e;
        unsigned n = 0;

        while ((e = next_entry(&environment, 'E')))
                n += streq(e, entry);
        return n;
}

/* --- tests: what it becomes ------------------------------------------------------------------------ */

static void bare(void) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(self), .directory = (char[]) { "/" } };
        const char *environment;

        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        environment = check_report(&run, spec.argv, "/", NULL, 0);
        check_string(next_entry(&environment, 'E'), "REPORT=1"); /* that of the unit and nothing else */
        check_string(next_entry(&environment, 'E'), "HOME=/home");
        check(!next_entry(&environment, 'E'));
}

static void argv_as_it_is(void) {
        char **argv = STRINGS(self, "$HOME", "${X}", "%n%%", ";", "'", "\"", "\\", "a\nb", "\t", "", " ", "*", "-", "--",
                              "\xff\xfe\x80", "äöü", "@", "$$", "`id`", "");
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = argv, .directory = (char[]) { "/" } };

        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, argv, "/", NULL, 0);
}

static void argv_large(void) {
        _cleanup_free_ char *large = malloc(100 * 1024 + 1);
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .directory = (char[]) { "/" } };

        check(large);
        for (size_t i = 0; i < 100 * 1024; i++)
                large[i] = (char) (1 + i % 255);
        large[100 * 1024] = 0;
        spec.argv = STRINGS(self, large, large, "end");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", NULL, 0);
}

static void argv_many(void) {
        enum { N = 20000 };
        _cleanup_free_ char **argv = calloc(N + 1, sizeof(char *));
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .directory = (char[]) { "/" }, .argv = argv };

        check(argv);
        for (size_t i = 0; i < N; i++)
                argv[i] = i == 0 ? self : *STRINGS("x");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, argv, "/", NULL, 0);
}

/* That of the unit, then the caller's, then the service's own, which wins. */
static void environment(void) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = {
                .argv = STRINGS(self),
                .directory = (char[]) { "/" },
                .environment = STRINGS("A=1", "B=", "C=a=b", "D=\xff\n$X", "lower case=x", "A=2", "CODEX_JOB_ID=mine", "UNIT=2"),
        };
        const char *e;

        run.environment = STRINGS("REPORT=1", "UNIT=1", "KEPT=1");
        run.spec_fd = spec_fd_new(&spec, STRINGS("CODEX_JOB_ID=job-0000000000"), NULL, 0);
        run_worker(&run);
        e = check_report(&run, spec.argv, "/", NULL, 0);
        for (char *const *entry = STRINGS("REPORT=1", "KEPT=1", "UNIT=2", "A=2", "B=", "C=a=b", "D=\xff\n$X", "lower case=x",
                                          "CODEX_JOB_ID=job-0000000000");
             *entry; entry++)
                check_int(count_entries(e, *entry), 1);
        for (char *const *entry = STRINGS("UNIT=1", "A=1", "CODEX_JOB_ID=mine"); *entry; entry++)
                check_int(count_entries(e, *entry), 0);
}

static void directory(void) {
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *path = NULL;
        Spec spec = { .argv = STRINGS(self) };

        check(asprintf(&path, "%s/a \xff\n$HOME", test_directory()) > 0);
        check_ok(mkdir(path, 0700));
        spec.directory = path;
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, path, NULL, 0);
}

static void directory_home(void) {
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *home = NULL;
        Spec spec = { .argv = STRINGS(self) };

        check(asprintf(&home, "HOME=%s", test_directory()) > 0);
        run.environment = STRINGS("REPORT=1", home);
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, test_directory(), NULL, 0);
}

/* systemd leaves them out for a unit of root in the system scope: the user database has them. */
static void user_variables(void) {
        const struct passwd *user = getpwuid(getuid());
        _cleanup_free_ char *home = NULL, *name = NULL, *shell = NULL;
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(self) };
        const char *e;

        if (!user || access(user->pw_dir, X_OK) < 0)
                test_skip("the user of the test has no home directory");
        check(asprintf(&home, "HOME=%s", user->pw_dir) > 0 && asprintf(&name, "USER=%s", user->pw_name) > 0 &&
              asprintf(&shell, "SHELL=%s", user->pw_shell) > 0);
        run.environment = STRINGS("REPORT=1", "SHELL=/bin/mine");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        e = check_report(&run, spec.argv, user->pw_dir, NULL, 0);
        check_int(count_entries(e, home), 1);
        check_int(count_entries(e, name), 1);
        check_int(count_entries(e, "SHELL=/bin/mine"), 1); /* what is there stays */
}

/* A user without an entry in the database, and so without a home. */
static void no_home(void) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(self) };

        if (getuid() != 0)
                test_skip("only root can become a user who is not there");
        run.uid = 1234567;
        check(!getpwuid(run.uid));
        run.environment = STRINGS("REPORT=1");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        if (WEXITSTATUS(run.status) == EXIT_NO_USER)
                test_skip("the build folder is closed to other users");
        (void) check_report(&run, spec.argv, "/", NULL, 0);
}

static void check_stdin(const void *input, size_t size) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(self), .directory = (char[]) { "/" } };

        run.spec_fd = spec_fd_new(&spec, NULL, input, size);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", input, size);
}

static void standard_input(void) {
        size_t size = 3 * 1024 * 1024 + 17;
        _cleanup_free_ char *input = malloc(size);

        check(input);
        for (size_t i = 0; i < size; i++)
                input[i] = (char) (i * 7 + i / 251);
        check_stdin(input, size);
        check_stdin("\0\n\xff", 3);
        check_stdin("", 0);
}

/* The name is looked up in the PATH of the job, not in that of the unit. */
static void path(void) {
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *entry = NULL;
        Spec spec = { .argv = STRINGS("the-command", "x"), .directory = (char[]) { "/" } };

        check_ok(symlink(self, test_path("the-command")));
        check(asprintf(&entry, "PATH=/nowhere:%s", test_directory()) > 0);
        spec.environment = STRINGS(entry);
        run.environment = STRINGS("REPORT=1", "PATH=/nowhere");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", NULL, 0);
}

/* --- tests: what keeps it from that ---------------------------------------------------------------- */

/* A socket like that of the service manager. */
static int notify_socket_new(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        size_t n = strlen(name);

        check(fd >= 0 && n < sizeof(address.sun_path));
        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
                address.sun_path[0] = 0;
        check_ok(bind(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) < 0 ? -errno : 0);
        return fd;
}

typedef struct Failure {
        int status;
        int error;
} Failure;

static void check_notified(int fd, const Failure *failure, const char *text) {
        _cleanup_free_ char *expected = NULL;
        char message[4096];
        ssize_t n;

        n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
        check(n > 0);
        message[n] = 0;
        check(asprintf(&expected, "ERRNO=%d\nSTATUS=%s: %s", failure->error, text, strerror(failure->error)) > 0);
        check_string(message, expected);
        check_int(recv(fd, message, sizeof(message), MSG_DONTWAIT), -1); /* once */
}

/* Runs what cannot be run and checks what is said of it. Closes spec_fd. */
static void check_failure(int spec_fd, const Failure *failure, const char *text, const char *socket_name) {
        _cleanup_close_ int notify = notify_socket_new(socket_name);
        _cleanup_free_ char *entry = NULL, *line = NULL;
        _cleanup_run_ Run run = RUN_INIT;

        check(asprintf(&entry, "NOTIFY_SOCKET=%s", socket_name) > 0);
        check(asprintf(&line, "codex-jobs: %s: %s\n", text, strerror(failure->error)) > 0);
        run.spec_fd = spec_fd;
        run.environment = STRINGS("REPORT=1", "HOME=/", entry);
        run_worker(&run);
        check_string(run.err, line);
        check_string(run.out, "");
        check_int(WEXITSTATUS(run.status), failure->status);
        check_notified(notify, failure, text);
        (void) unlink(socket_name);
}

static void check_command(const char *command, const char *directory_name, int status, int error, const char *what) {
        const Failure failure = { status, error };
        Spec spec = { .argv = STRINGS(command), .environment = STRINGS("PATH=/nowhere") };
        _cleanup_free_ char *text = NULL, *copy = directory_name ? strdup(directory_name) : NULL;

        spec.directory = copy;
        check(asprintf(&text, "%s %s", what, directory_name ?: command) > 0);
        check_failure(spec_fd_new(&spec, NULL, NULL, 0), &failure, text, test_path("notify"));
}

static void not_found(void) {
        check_command("/nowhere/command", NULL, 127, ENOENT, "cannot execute");
        check_command("command-that-is-nowhere", NULL, 127, ENOENT, "cannot execute");
}

static void not_executable(void) {
        int fd = open(test_path("text"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        check(fd >= 0);
        check_command("/", NULL, 126, EACCES, "cannot execute");
        check_command(test_path("text"), NULL, 126, EACCES, "cannot execute");
        check_command("/dev/null/x", NULL, 126, ENOTDIR, "cannot execute");
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
        check_failure(spec_fd_new(&spec, NULL, NULL, 0), &failure, "cannot execute /nowhere/x", name);
}

/* A line end in a name must not become another field of the message. */
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
        check_string(message, "ERRNO=2\nSTATUS=cannot execute /nowhere/a MAINPID=1 b: No such file or directory");
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
        check(strlen(message) < 1024);
        check_contains(message, "ERRNO=36\nSTATUS=cannot execute /nnn");
        check_contains(message, ": File name too long");
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
                test_fail(TEST_PLACE(what), "exited with %d, said \"%s\" and wrote %zu bytes", WEXITSTATUS(run.status), run.err,
                          run.out_size);
        check_contains(run.err, "codex-jobs: cannot read the description of job-0000000000: ");
}

/* A good spec of "self a b" with one environment entry, to be damaged. */
static char *good_spec(size_t *ret_size) {
        Spec spec = { .argv = STRINGS(self, "a", "b"), .directory = (char[]) { "/" }, .environment = STRINGS("A=1") };
        void *data;

        check_ok(spec_encode(&spec, NULL, SPEC_NO_STDIN, &data, ret_size));
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

static const Test tests[] = {
        TEST(bare), TEST(argv_as_it_is), TEST(argv_large), TEST(argv_many), TEST(environment), TEST(directory),
        TEST(directory_home), TEST(user_variables), TEST(no_home), TEST(standard_input), TEST(path), TEST(not_found),
        TEST(not_executable), TEST(directory_refused), TEST(notify_abstract), TEST(notify_newline), TEST(notify_long),
        TEST(notify_nobody), TEST(damaged_header), TEST(damaged_counts), TEST(damaged_stdin), TEST(no_file),
};

int main(int argc, char *argv[]) {
        ssize_t n;

        if (getenv("REPORT"))
                return report(argv, environ);
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n < 0) {
                perror("/proc/self/exe");
                return EXIT_FAILURE;
        }
        (void) snprintf(worker, sizeof(worker), "%.*s/../../service/codex-jobs-worker",
                        (int) (strrchr(self, '/') - self), self);
        return test_main(argc, argv, tests, ELEMENTSOF(tests));
}
