/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "worker-fixture.h"

static void bare(void) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(worker_self), .directory = (char[]) { "/" } };
        const char *environment;

        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        environment = check_report(&run, spec.argv, "/", NULL, 0);
        check_string(next_entry(&environment, 'E'), "REPORT=1"); /* that of the unit and nothing else */
        check_string(next_entry(&environment, 'E'), "HOME=/home");
        check(!next_entry(&environment, 'E'));
}

static void argv_as_it_is(void) {
        char **argv = STRINGS(worker_self, "$HOME", "${X}", "%n%%", ";", "'", "\"", "\\", "a\nb", "\t", "", " ", "*",
                              "-", "--", "\xff\xfe\x80", "äöü", "@", "$$", "`id`", "");
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
        spec.argv = STRINGS(worker_self, large, large, "end");
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
                argv[i] = i == 0 ? worker_self : *STRINGS("x");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, argv, "/", NULL, 0);
}

/* That of the unit, then the caller's, then the service's own, which wins. */
static void environment(void) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = {
                .argv = STRINGS(worker_self),
                .directory = (char[]) { "/" },
                .environment = STRINGS("A=1", "B=", "C=a=b", "D=\xff\n$X", "lower case=x", "A=2", "CODEX_JOB_ID=mine",
                                       "UNIT=2"),
        };
        const char *e;

        run.environment = STRINGS("REPORT=1", "UNIT=1", "KEPT=1");
        run.spec_fd = spec_fd_new(&spec, STRINGS("CODEX_JOB_ID=job-0000000000"), NULL, 0);
        run_worker(&run);
        e = check_report(&run, spec.argv, "/", NULL, 0);
        for (char *const *entry = STRINGS("REPORT=1", "KEPT=1", "UNIT=2", "A=2", "B=", "C=a=b", "D=\xff\n$X",
                                          "lower case=x", "CODEX_JOB_ID=job-0000000000");
             *entry; entry++)
                check_int(count_entries(e, *entry), 1);
        for (char *const *entry = STRINGS("UNIT=1", "A=1", "CODEX_JOB_ID=mine"); *entry; entry++)
                check_int(count_entries(e, *entry), 0);
}

static void directory(void) {
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *path = NULL;
        Spec spec = { .argv = STRINGS(worker_self) };

        check(asprintf(&path, "%s/a \xff\n$HOME", test_directory()) > 0);
        check_ok(mkdir(path, 0700));
        spec.directory = path;
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, path, NULL, 0);
}

/* The user's, whatever the job is to take for it. */
static void directory_home(void) {
        _cleanup_run_ Run run = RUN_INIT;
        _cleanup_free_ char *home = NULL;
        Spec spec = { .argv = STRINGS(worker_self), .environment = STRINGS("HOME=/nowhere") };
        const char *e;

        check(asprintf(&home, "HOME=%s", test_directory()) > 0);
        run.environment = STRINGS("REPORT=1", home);
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        e = check_report(&run, spec.argv, test_directory(), NULL, 0);
        check_int(count_entries(e, "HOME=/nowhere"), 1);
        check_int(count_entries(e, home), 0);
}

/* systemd leaves them out for a unit of root in the system scope: the user database has them. */
static void user_variables(void) {
        const struct passwd *user = getpwuid(getuid());
        _cleanup_free_ char *home = NULL, *name = NULL, *shell = NULL;
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(worker_self) };
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
        Spec spec = { .argv = STRINGS(worker_self) };

        if (getuid() != 0)
                test_skip("only root can become a user who is not there");
        run.uid = 1234567;
        check(!getpwuid(run.uid));
        run.environment = STRINGS("REPORT=1");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", NULL, 0);
}

static void check_stdin(const void *input, size_t size) {
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(worker_self), .directory = (char[]) { "/" } };

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

        check_ok(symlink(worker_self, test_path("the-command")));
        check(asprintf(&entry, "PATH=/nowhere:%s", test_directory()) > 0);
        spec.environment = STRINGS(entry);
        run.environment = STRINGS("REPORT=1", "PATH=/nowhere");
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", NULL, 0);
}

/* That it was executed at all is seen by the time of its standard error. */
static void touches_stderr(void) {
        _cleanup_close_ int fd = open(test_path("stderr"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        _cleanup_run_ Run run = RUN_INIT;
        Spec spec = { .argv = STRINGS(worker_self), .directory = (char[]) { "/" } };
        struct stat st;

        check_ok(futimens(fd, (struct timespec[2]) {}));
        run.err_fd = fd;
        run.spec_fd = spec_fd_new(&spec, NULL, NULL, 0);
        run_worker(&run);
        (void) check_report(&run, spec.argv, "/", NULL, 0);
        check_ok(fstat(fd, &st));
        check(st.st_mtim.tv_sec != 0);
}

WORKER_TEST_MAIN(TEST(bare), TEST(argv_as_it_is), TEST(argv_large), TEST(argv_many), TEST(environment), TEST(directory),
                 TEST(directory_home), TEST(user_variables), TEST(no_home), TEST(standard_input), TEST(path),
                 TEST(touches_stderr))
