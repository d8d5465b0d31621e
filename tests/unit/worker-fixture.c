/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "spec-format.h"
#include "worker-fixture.h"

char worker_self[PATH_MAX];
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

void run_clear(Run *run) {
        closep(&run->spec_fd);
        free(run->out);
        free(run->err);
}

int new_memfd(const void *data, size_t size) {
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

static void append(void **data, size_t *size, const void *more, size_t n) {
        *data = realloc(*data, *size + n);
        check(*data);
        if (n > 0)
                memcpy((char *) *data + *size, more, n);
        *size += n;
}

int spec_fd_new_supervised(const Spec *spec, char *const *extra, const void *input, uint64_t input_size,
                           const WorkerTrailer *trailer) {
        _cleanup_free_ void *data = NULL;
        size_t size, command_size;
        int fd;

        check_ok(spec_encode(spec, extra, input ? input_size : SPEC_NO_STDIN, &data, &size, &command_size));
        if (input)
                append(&data, &size, input, input_size);
        if (trailer)
                append(&data, &size, trailer, sizeof(*trailer));
        fd = new_memfd(data, size);
        check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
        return fd;
}

int spec_fd_new(const Spec *spec, char *const *extra, const void *input, uint64_t input_size) {
        return spec_fd_new_supervised(spec, extra, input, input_size, NULL);
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

/* Whether another user can execute the command: not in a build folder below a home of mode 0700. */
static bool is_open_to_others(void) {
        _cleanup_free_ char *path = strdup(worker_self);
        struct stat st;

        check(path);
        for (char *slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
                *slash = '\0';
                if (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH))
                        return false;
        }
        return true;
}

void worker_exec(const int descriptors[static 3], uid_t uid, char **environment) {
        int program;

        for (int i = 0; i < 3; i++)
                (void) dup2(descriptors[i], i);
        /* systemd leaves no others; who runs the tests may have. */
        for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
                (void) close(fd);
        program = open(worker, O_PATH | O_CLOEXEC);
        if (uid > 0 && setresuid(uid, uid, uid) < 0)
                _exit(WORKER_NO_USER);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM); /* of a test that has failed, nothing is left */
        (void) execve(worker, STRINGS("codex-jobs-worker", WORKER_JOB), environment);
        /* Whose folder may be closed to that user. */
        (void) execveat(program, "", STRINGS("codex-jobs-worker", WORKER_JOB), environment, AT_EMPTY_PATH);
        _exit(99);
}

void run_worker(Run *run) {
        int out[2], err[2];
        pid_t pid;

        if (run->uid > 0 && !is_open_to_others())
                test_skip("the build folder is closed to other users");
        check_ok(pipe2(out, O_CLOEXEC));
        check_ok(pipe2(err, O_CLOEXEC));
        pid = fork();
        check(pid >= 0);
        if (pid == 0)
                worker_exec((int[3]) { run->spec_fd, out[1], run->err_fd >= 0 ? run->err_fd : err[1] }, run->uid,
                            run->environment ?: STRINGS("REPORT=1", "HOME=/home"));
        (void) close(out[1]);
        (void) close(err[1]);
        collect(run, out[0], err[0]);
        (void) close(out[0]);
        (void) close(err[0]);
        check(waitpid(pid, &run->status, 0) == pid);
        check(WIFEXITED(run->status));
        if (WEXITSTATUS(run->status) == WORKER_NO_USER)
                test_skip("nothing can be run as another user");
}

/* --- checking the report --------------------------------------------------------------------------- */

const char *next_entry(const char **p, char tag) {
        const char *s = *p;

        if (*s != tag)
                return NULL;
        *p = s + strlen(s) + 1;
        return s + 1;
}

const char *check_report_of(const char *report, size_t report_size, char *const *argv, const char *directory,
                            const void *input, size_t size) {
        const char *p = report, *environment, *s;

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
        check_bytes(p, report_size - (size_t) (p - report), input, size);
        return environment;
}

const char *check_report(const Run *run, char *const *argv, const char *directory, const void *input, size_t size) {
        if (run->status != 0)
                test_fail(TEST_PLACE("the worker"), "failed: %s", run->err);
        check_string(run->err, "");
        return check_report_of(run->out, run->out_size, argv, directory, input, size);
}

unsigned count_entries(const char *environment, const char *entry) {
        const char *e;
        unsigned n = 0;

        while ((e = next_entry(&environment, 'E')))
                n += streq(e, entry);
        return n;
}

/* --- the test program ------------------------------------------------------------------------------ */

int worker_test_main(int argc, char *argv[], const Test *tests, size_t n) {
        ssize_t size;

        if (getenv("REPORT"))
                return report(argv, environ);
        size = readlink("/proc/self/exe", worker_self, sizeof(worker_self) - 1);
        if (size < 0) {
                perror("/proc/self/exe");
                return EXIT_FAILURE;
        }
        (void) snprintf(worker, sizeof(worker), "%.*s/../../service/codex-jobs-worker",
                        (int) (strrchr(worker_self, '/') - worker_self), worker_self);
        return test_main(argc, argv, tests, n);
}
