/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "bus-names.h"
#include "request.h"
#include "test-bus.h"
#include "test.h"

static void check_message(int r, const sd_bus_error *error, const char *part) {
        check(r < 0);
        check_contains(error->message, part);
}

/* ---- The environment ---- */

static const char *find(const Spec *request, const char *name) {
        const char *value = NULL;

        for (char **e = request->environment; *e; e++) {
                const char *rest = startswith(*e, name);

                if (!rest || *rest != '=')
                        continue;
                check(!value); /* there is only one */
                value = rest + 1;
        }
        return value;
}

static void environment_is_inherited(void) {
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_ok(setenv("HERE", "a b\n$c=d", 1));
        check_ok(setenv("EMPTY", "", 1));
        check_ok(setenv("NOTIFY_SOCKET", "/x", 1));
        check_ok(setenv("CODEX_JOB_ID", "job-0000000000", 1));
        check_ok(setenv("PWD", "/", 1));
        check_ok(setenv("PWDX", "kept", 1));
        check_ok(request_set_environment(&request, false, NULL, 0, NULL));
        check_string(find(&request, "HERE"), "a b\n$c=d");
        check_string(find(&request, "EMPTY"), "");
        check_string(find(&request, "PWDX"), "kept");
        check_string(find(&request, "PWD"), NULL);
        check_string(find(&request, "NOTIFY_SOCKET"), NULL);
        check_string(find(&request, "CODEX_JOB_ID"), NULL);
}

static void environment_is_added_to(void) {
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_ok(setenv("HERE", "old", 1));
        check_ok(setenv("HERE_TOO", "as it is", 1));
        check_ok(setenv("PWD", "/mine", 1));
        check_ok(request_set_environment(&request, false, STRINGS("HERE=new", "NEW=1", "NEW=2", "PWD"), 4, NULL));
        check_string(find(&request, "HERE"), "new");
        check_string(find(&request, "HERE_TOO"), "as it is");
        check_string(find(&request, "NEW"), "2");
        check_string(find(&request, "PWD"), "/mine"); /* asked for */
}

static void environment_is_clean(void) {
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_ok(setenv("HERE", "x", 1));
        check_ok(request_set_environment(&request, true, STRINGS("A=1", "HERE"), 2, NULL));
        check_string(request.environment[0], "A=1");
        check_string(request.environment[1], "HERE=x");
        check_string(request.environment[2], NULL);
}

static void environment_mistakes(void) {
        static const char *const entries[] = { "", "=x", "NOBODY_SETS_THIS" };

        (void) unsetenv("NOBODY_SETS_THIS");
        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_request_ Spec request = REQUEST_INIT;

                check_message(request_set_environment(&request, false, STRINGS(entries[i]), 1, &error), &error,
                              "Use --env");
        }
}

/* ---- The directory ---- */

static void check_workspace(const char *directory, const char *expected) {
        _cleanup_free_ char *workspace = workspace_of(directory);

        check_string(workspace, expected);
}

static void workspaces(void) {
        int fd;

        check_ok(mkdir(test_path("repo"), 0700));
        check_ok(mkdir(test_path("repo/.git"), 0700));
        check_ok(close(open(test_path("repo/.git/HEAD"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
        check_ok(mkdir(test_path("repo/a"), 0700));
        check_ok(mkdir(test_path("repo/a/b"), 0700));
        check_workspace(test_path("repo"), test_path("repo"));
        check_workspace(test_path("repo/a/b"), test_path("repo"));

        /* A work tree or a submodule has a file there, and is a workspace of its own. */
        fd = open(test_path("repo/a/.git"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        check_int(write(fd, "gitdir: /x\n", 11), 11);
        check_ok(close(fd));
        check_workspace(test_path("repo/a/b"), test_path("repo/a"));

        /* An empty .git makes none. */
        check_ok(mkdir(test_path("repo/a/b/.git"), 0700));
        check_workspace(test_path("repo/a/b"), test_path("repo/a"));
        check_workspace("/", "/");
}

static void directories(void) {
        _cleanup_request_ Spec request = REQUEST_INIT;
        _cleanup_free_ char *real = NULL;

        check_ok(mkdir(test_path("d"), 0700));
        check_ok(symlink("d", test_path("link")));
        real = realpath(test_path("d"), NULL);
        check(real);
        check_ok(request_set_directory(&request, test_path("link/."), NULL));
        check_string(request.directory, real);

        request_clear(&request);
        check_ok(chdir(test_path("d")));
        check_ok(request_set_directory(&request, NULL, NULL));
        check_string(request.directory, real);
}

static void check_bad_directory(const char *path, const char *part) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_message(request_set_directory(&request, path, &error), &error, part);
}

static void directory_mistakes(void) {
        check_bad_directory("/dev/null", "is not a directory");
        check_bad_directory(test_path("nowhere"), "No such file");
        check_bad_directory("", "No such file");

        check_ok(mkdir(test_path("gone"), 0700));
        check_ok(chdir(test_path("gone")));
        check_ok(rmdir("../gone"));
        check_bad_directory(NULL, "current directory");
}

static void closed_directory(void) {
        if (getuid() == 0)
                test_skip("everything is open to root");
        check_ok(mkdir(test_path("closed"), 0600));
        check_bad_directory(test_path("closed"), "Cannot enter directory");
}

/* ---- Standard input ---- */

static void check_sealed(int fd, const char *content) {
        char buffer[64];
        ssize_t n = pread(fd, buffer, sizeof(buffer), 0);

        check(n >= 0);
        check_bytes(buffer, n, content, strlen(content));
        check_int(pwrite(fd, "x", 1, 0), -1);
        check_int(errno, EPERM);
}

static void stdin_copies(void) {
        _cleanup_request_ Spec file = REQUEST_INIT, data = REQUEST_INIT;
        _cleanup_close_ int fd = open(test_path("in"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        check_int(write(fd, "from a file", 11), 11);
        check_ok(request_set_stdin(&file, test_path("in"), NULL));
        check_sealed(file.stdin_fd, "from a file");
        check_ok(request_set_stdin_data(&data, "data", 4, NULL));
        check_sealed(data.stdin_fd, "data");
}

static void stdin_mistakes(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error missing = SD_BUS_ERROR_NULL, directory = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error endless = SD_BUS_ERROR_NULL;
        _cleanup_request_ Spec request = REQUEST_INIT;

        check_message(request_set_stdin(&request, test_path("nothing"), &missing), &missing, "No such file");
        check_message(request_set_stdin(&request, "/", &directory), &directory, "Is a directory");
        check_message(request_set_stdin(&request, "/dev/zero", &endless), &endless, "larger than 16 MiB");
        check(request.stdin_fd < 0);
}

/* ---- The umask, and what Enqueue is asked for ---- */

/* The options of a request, as the service gets them: "Name=number". */
static void check_asked(Spec *request, const char *name, const char *expected) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = bus_new_silent();
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(bus, "Enqueue");
        char found[64] = "";
        const char *key, *type;

        check_ok(append_request(m, request));
        message_finish(m);
        check_ok(sd_bus_message_skip(m, "as"));
        check_ok(sd_bus_message_enter_container(m, 'a', "{sv}"));
        while (check_ok(sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                check_ok(sd_bus_message_read_basic(m, 's', &key));
                check_ok(sd_bus_message_peek_type(m, NULL, &type));
                if (streq(key, name)) {
                        uint32_t number;

                        check_ok(sd_bus_message_read(m, "v", type, &number));
                        (void) snprintf(found, sizeof(found), "%s %u", type, number);
                } else
                        check_ok(sd_bus_message_skip(m, "v"));
                check_ok(sd_bus_message_exit_container(m));
        }
        check_string(found, expected);
}

static void umask_goes_along(void) {
        _cleanup_request_ Spec request = REQUEST_INIT;

        request.argv = STRINGS("true");
        check_ok(request_set_directory(&request, "/", NULL));
        check_ok(request_set_environment(&request, true, NULL, 0, NULL));
        check_asked(&request, "UMask", "");
        check_asked(&request, "MergeOutput", "");

        (void) umask(027);
        request_set_umask(&request);
        check_int(umask(0), 027); /* stays as it was */
        check_int(request.limits.umask, JOB_MASK_GIVEN | 027);
        check_asked(&request, "UMask", "u 23");
        request_set_umask(&request);
        check_asked(&request, "UMask", "u 0"); /* is not none */
        request.limits.merge_output = true;
        check_asked(&request, "MergeOutput", "b 1");
}

TEST_MAIN(TEST(umask_goes_along), TEST(environment_is_inherited), TEST(environment_is_added_to), TEST(environment_is_clean),
          TEST(environment_mistakes), TEST(workspaces), TEST(directories), TEST(directory_mistakes),
          TEST(closed_directory), TEST(stdin_copies), TEST(stdin_mistakes))
