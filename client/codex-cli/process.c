/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "process.h"
#include "request.h"
#include "text-new.h"

#define OUTPUT_MAX (64U * 1024U)

extern char **environ;

bool program_is_executable(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISREG(st.st_mode) && access(path, X_OK) >= 0;
}

int program_find(const char *name, char **ret) {
        const char *path = getenv("PATH");

        for (const char *p = strempty(path); *p; p += strspn(p, ":")) {
                _cleanup_free_ char *candidate = NULL;
                size_t n = strcspn(p, ":");

                candidate = text_new("%.*s/%s", (int) n, p, name);
                if (!candidate)
                        return -ENOMEM;
                p += n;
                if (!program_is_executable(candidate))
                        continue;
                *ret = *candidate == '/' ? TAKE_PTR(candidate) : realpath(candidate, NULL);
                return *ret ? 1 : -ENOMEM;
        }
        return 0;
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

/* A separate process group, so that its children can be terminated with it; default signal handling. */
static int set_attributes(posix_spawnattr_t *attributes) {
        sigset_t defaults, none;
        int r;

        (void) sigemptyset(&none);
        (void) sigemptyset(&defaults);
        (void) sigaddset(&defaults, SIGPIPE);
        r = posix_spawnattr_setsigdefault(attributes, &defaults);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setpgroup(attributes, 0);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                                 POSIX_SPAWN_SETPGROUP);
        return -r;
}

static int set_files(posix_spawn_file_actions_t *files, int output) {
        int r;

        r = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
        return -r;
}

/* Our environment, not copied, without variables that make git use a repository other than that of the directory. */
static char **make_environment(void) {
        size_t n = 0;
        char **list;

        while (environ[n])
                n++;
        list = calloc(n + 1, sizeof(char *));
        if (!list)
                return NULL;
        n = 0;
        for (char **e = environ; *e; e++)
                if (!variable_is_local_to_git(*e))
                        list[n++] = *e;
        return list;
}

static int spawn(const char *const *argv, int output, pid_t *ret) {
        _cleanup_free_ char **environment = make_environment();
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        int r;

        if (!environment || posix_spawn_file_actions_init(&files) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void) posix_spawn_file_actions_destroy(&files);
                return -ENOMEM;
        }
        r = set_attributes(&attributes);
        if (r >= 0)
                r = set_files(&files, output);
        if (r >= 0)
                r = -posix_spawnp(ret, argv[0], &files, &attributes, (char *const *) argv, environment);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&files);
        return r;
}

/* Reads to the end, and keeps the first part. */
static int read_output(int fd, uint64_t deadline, char *text, size_t *ret_size) {
        char rest[4096];
        size_t size = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                uint64_t now = now_usec();
                ssize_t n;

                if (now >= deadline)
                        return -ETIME;
                if (poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = size < OUTPUT_MAX ? read(fd, text + size, OUTPUT_MAX - size) : read(fd, rest, sizeof(rest));
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                size += size < OUTPUT_MAX && n > 0 ? (size_t) n : 0;
        }
        while (size > 0 && text[size - 1] == '\n')
                size--;
        *ret_size = size;
        return 0;
}

static int wait_for(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_output(const char *const *argv, uint64_t timeout_usec, char **ret, int *ret_status) {
        _cleanup_free_ char *text = calloc(1, OUTPUT_MAX + 1);
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        uint64_t deadline = now_usec() + timeout_usec;
        size_t size = 0;
        int fds[2], r, status;
        pid_t pid;

        if (!text)
                return -ENOMEM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        ours = fds[0];
        theirs = fds[1];
        r = spawn(argv, theirs, &pid);
        if (r < 0)
                return r;
        (void) close(TAKE_FD(theirs));
        r = read_output(ours, deadline, text, &size);
        if (r < 0)
                (void) kill(-pid, SIGKILL);
        status = wait_for(pid);
        if (r < 0 || status < 0)
                return r < 0 ? r : status;
        text[size] = 0;
        *ret = TAKE_PTR(text);
        *ret_status = status;
        return 0;
}
