/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What surrounds the caller: its directory, its workspace, its environment, its umask, its standard input. */

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bus-names.h"
#include "clean.h"
#include "own-job.h"
#include "request.h"
#include "say.h"
#include "text-new.h"
#include "time-util.h"
#include "utf8.h"
#include "write.h"

#define SLOW_USEC USEC_PER_SEC

void request_clear(Spec *request) {
        request->argv = NULL;
        request->retry_of = NULL;
        spec_clear(request);
        *request = REQUEST_INIT;
}

/* ---- The directory ---- */

/* Opens a regular file of a directory. Returns a negative value if there is none. */
static int open_regular(const char *directory, size_t n, const char *name) {
        _cleanup_free_ char *path = text_new("%.*s/%s", (int) n, directory, name);
        struct stat st;
        int fd;

        if (!path)
                return -1;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
                (void) close(fd);
                fd = -1;
        }
        return fd;
}

/* A repository, or the work tree of one, whose .git is a file "gitdir: PATH". An empty .git is neither: some programs leave
 * that. */
static bool has_git(const char *directory, size_t n) {
        _cleanup_close_ int head = open_regular(directory, n, ".git/HEAD"), link = open_regular(directory, n, ".git");
        char text[sizeof("gitdir:") - 1];

        return head >= 0 || (link >= 0 && read(link, text, sizeof(text)) == (ssize_t) sizeof(text) &&
                             memcmp(text, "gitdir:", sizeof(text)) == 0);
}

char *workspace_of(const char *directory) {
        size_t n = strlen(directory);

        for (size_t end = n; end > 0;) {
                if (has_git(directory, end))
                        return utf8_make_valid(directory, end);
                while (end > 0 && directory[end - 1] != '/')
                        end--;
                while (end > 0 && directory[end - 1] == '/')
                        end--;
        }
        return utf8_make_valid(directory, n);
}

static int current_directory(char **ret, sd_bus_error *error) {
        char *path = getcwd(NULL, 0);

        if (!path)
                return error_set(error, "Failed to get current directory: %s. Change to another directory.",
                                 strerror(errno));
        *ret = path;
        return 0;
}

int workspace_here(char **ret, sd_bus_error *error) {
        _cleanup_free_ char *directory = NULL;
        int r;

        r = current_directory(&directory, error);
        if (r < 0)
                return r;
        *ret = workspace_of(directory);
        return *ret ? 0 : -ENOMEM;
}

const char *session_variable(void) {
        static const char *const names[] = { "CODEX_JOBS_SESSION", "CODEX_COMPANION_SESSION_ID",
                                             "CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (!isempty(getenv(names[i])))
                        return names[i];
        return names[0];
}

int session_check(sd_bus_error *error) {
        const char *session = session_here();

        if (!session)
                return 0;
        if (strlen(session) > JOB_SESSION_MAX)
                return error_set(error, "%s is longer than %u bytes. Use a shorter session name.",
                                 session_variable(), JOB_SESSION_MAX);
        if (has_control(session))
                return error_set(error, "%s contains control characters. Use plain text, or unset it.",
                                 session_variable());
        return 0;
}

const char *session_here(void) {
        const char *session = getenv(session_variable());

        return isempty(session) ? NULL : session;
}

static int check_directory(const char *path, sd_bus_error *error) {
        struct stat st;

        if (stat(path, &st) < 0)
                return error_set(error, "Cannot use directory '%s': %s. Choose another one with --cwd.", path,
                                 strerror(errno));
        if (!S_ISDIR(st.st_mode))
                return error_set(error, "'%s' is not a directory. Choose another one with --cwd.", path);
        if (access(path, X_OK) < 0)
                return error_set(error, "Cannot enter directory '%s': %s. Choose another one with --cwd.", path,
                                 strerror(errno));
        return 0;
}

int request_set_directory(Spec *request, const char *directory, sd_bus_error *error) {
        int r;

        if (directory) {
                r = check_directory(directory, error);
                if (r < 0)
                        return r;
                request->directory = realpath(directory, NULL);
                if (!request->directory)
                        return error_set(error, "Cannot use directory '%s': %s. Choose another one with --cwd.",
                                         directory, strerror(errno));
        } else {
                r = current_directory(&request->directory, error);
                if (r < 0)
                        return r;
                r = check_directory(request->directory, error);
                if (r < 0)
                        return r;
        }
        request->workspace = workspace_of(request->directory);
        return request->workspace ? 0 : -ENOMEM;
}

int request_set_parent(Spec *request) {
        const char *id = own_job_id();

        if (!id)
                return 0;
        free(request->parent);
        request->parent = strdup(id);
        return request->parent ? 0 : -ENOMEM;
}

/* ---- The environment ---- */

/* The variables of git-rev-parse(1) --local-env-vars, and those that GIT_CONFIG_COUNT counts: git sets them for a hook or a
 * subcommand. They would make it use that repository, wherever it is started. */
bool variable_is_local_to_git(const char *entry) {
        static const char *const names[] = {
                "GIT_ALTERNATE_OBJECT_DIRECTORIES=", "GIT_COMMON_DIR=", "GIT_CONFIG=", "GIT_CONFIG_COUNT=",
                "GIT_CONFIG_PARAMETERS=", "GIT_DIR=", "GIT_GRAFT_FILE=", "GIT_IMPLICIT_WORK_TREE=", "GIT_INDEX_FILE=",
                "GIT_INTERNAL_SUPER_PREFIX=", "GIT_NO_REPLACE_OBJECTS=", "GIT_OBJECT_DIRECTORY=", "GIT_PREFIX=",
                "GIT_REPLACE_REF_BASE=", "GIT_SHALLOW_FILE=", "GIT_WORK_TREE=",
                "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", /* numbers follow */
        };

        if (!startswith(entry, "GIT_"))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (startswith(entry, names[i]))
                        return true;
        return false;
}

/* Variables that describe the process of the caller, its shell, or the service or job it is part of, or that name one of its
 * open files. */
static bool is_of_the_caller(const char *entry) {
        static const char *const names[] = {
                "_=", "PWD=", "OLDPWD=", "SHLVL=", "CODEX_JOB_ID=", "CODEX_JOB_ATTEMPT=", "CODEX_JOB_SLOT=", "CODEX_JOB_RESULT=",
                "NOTIFY_SOCKET=",
                "INVOCATION_ID=", "JOURNAL_STREAM=", "SYSTEMD_EXEC_PID=", "MANAGERPID=", "MAINPID=",
                "CREDENTIALS_DIRECTORY=", "RUNTIME_DIRECTORY=", "STATE_DIRECTORY=", "CACHE_DIRECTORY=",
                "LOGS_DIRECTORY=", "CONFIGURATION_DIRECTORY=", "MEMORY_PRESSURE_WATCH=", "MEMORY_PRESSURE_WRITE=",
                "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
                "NODE_CHANNEL_FD=", "NODE_CHANNEL_SERIALIZATION_MODE=", "WAYLAND_SOCKET=", "BASH_XTRACEFD=",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (startswith(entry, names[i]))
                        return true;
        return variable_is_local_to_git(entry);
}

/* Replaces the entry of the same name by a copy of this one, or appends it. */
static int environment_put(char **environment, size_t *n, const char *entry) {
        size_t name = strcspn(entry, "=") + 1;
        char *copy = strdup(entry);

        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < *n; i++)
                if (strncmp(environment[i], entry, name) == 0) {
                        free(environment[i]);
                        environment[i] = copy;
                        return 0;
                }
        environment[(*n)++] = copy;
        return 0;
}

/* Adds the entries given by options. */
static int environment_put_option(char **environment, size_t *n, const char *entry, sd_bus_error *error) {
        _cleanup_free_ char *complete = NULL;
        const char *value;

        if (*entry == '=' || !*entry)
                return error_set(error, "Missing variable name in '--env %s'. Use --env NAME=VALUE.", entry);
        if (strchr(entry, '='))
                return environment_put(environment, n, entry);

        value = getenv(entry);
        if (!value)
                return error_set(error, "Variable '%s' is not set in your environment. Use --env %s=VALUE.", entry, entry);
        complete = text_new("%s=%s", entry, value);
        if (!complete)
                return -ENOMEM;
        return environment_put(environment, n, complete);
}

int request_set_environment(Spec *request, bool clean, char *const *entries, size_t n, sd_bus_error *error) {
        size_t inherited = 0, used = 0;
        int r;

        for (char **e = environ; !clean && e && *e; e++)
                inherited++;
        request->environment = calloc(inherited + n + 1, sizeof(char *));
        if (!request->environment)
                return -ENOMEM;

        for (size_t i = 0; i < inherited; i++) {
                if (!strchr(environ[i], '=') || environ[i][0] == '=' || is_of_the_caller(environ[i]))
                        continue;
                request->environment[used] = strdup(environ[i]);
                if (!request->environment[used++])
                        return -ENOMEM;
        }
        for (size_t i = 0; i < n; i++) {
                r = environment_put_option(request->environment, &used, entries[i], error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- The umask ---- */

/* It can only be read by setting it. No file is created meanwhile: there is only one thread. */
void request_set_umask(Spec *request) {
        mode_t mask = umask(0077);

        (void) umask(mask);
        request->limits.umask = JOB_MASK_GIVEN | mask;
        request->umask_inherited = true;
}

/* ---- Standard input ---- */

static int stdin_is_too_long(sd_bus_error *error) {
        return error_set(error, "Standard input for the job is larger than %u MiB. Store it in a file that the command "
                                "reads.",
                         JOB_STDIN_MAX >> 20);
}

int request_no_stdin(const char *remote, sd_bus_error *error) {
        return error_set(error, "Standard input cannot be sent to %s over this connection. Have the command read a file there.",
                         remote);
}

static int memory_new(int *ret, sd_bus_error *error) {
        int fd = memfd_create("codex-jobs-stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return error_set(error, "Failed to store standard input for the job: %s.", strerror(errno));
        *ret = fd;
        return 0;
}

/* Nobody, not we either, changes it from now on. */
static void memory_seal(int fd) {
        (void) fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

bool stdin_has_data(void) {
        struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
        struct stat st;
        int n = 0;

        if (fstat(STDIN_FILENO, &st) < 0)
                return false;
        if (S_ISREG(st.st_mode)) /* one that is read already, as by a loop of a shell, is not meant for us */
                return st.st_size > 0 && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
        if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
                return false;
        return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && ioctl(STDIN_FILENO, FIONREAD, &n) >= 0 && n > 0;
}

/* The writer may never close it, such as a program that keeps a pipe open for its children. */
static void say_if_slow(int fd, uint64_t *until) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint64_t now = now_monotonic();

        if (*until == 0 || (now < *until && poll(&p, 1, (int) ((*until - now) / USEC_PER_MSEC) + 1) != 0))
                return;
        *until = 0;
        if (isatty(fd))
                say_hint("Reading from the terminal, finish with Ctrl-D.");
        else
                say_hint("Waiting for the end of standard input.");
}

static int copy_to_memory(int from, int to, const char *path, sd_bus_error *error) {
        uint64_t slow = now_monotonic() + SLOW_USEC;
        _cleanup_free_ char *buffer = malloc(JOB_STDIN_MAX / 1024);
        size_t total = 0;
        int r;

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n;

                say_if_slow(from, &slow);
                n = read(from, buffer, JOB_STDIN_MAX / 1024);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set(error, "Failed to read '%s': %s.", path,
                                         strerror(errno));
                if (n == 0)
                        return 0;
                total += (size_t) n;
                if (total > JOB_STDIN_MAX)
                        return stdin_is_too_long(error);
                r = write_all(to, buffer, (size_t) n);
                if (r < 0)
                        return error_set(error, "Failed to store standard input for the job: %s.", strerror(-r));
        }
}

int request_set_stdin(Spec *request, const char *path, sd_bus_error *error) {
        _cleanup_close_ int file = -EBADF, memory = -EBADF;
        bool own = streq(path, "-");
        int r;

        if (!own) {
                file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (file < 0)
                        return error_set(error, "Failed to open '%s': %s.", path,
                                         strerror(errno));
        }
        r = memory_new(&memory, error);
        if (r < 0)
                return r;
        r = copy_to_memory(own ? STDIN_FILENO : file, memory, own ? "standard input" : path, error);
        if (r < 0)
                return r;
        memory_seal(memory);
        request->stdin_fd = TAKE_FD(memory);
        return 0;
}

int request_set_stdin_data(Spec *request, const void *data, size_t size, sd_bus_error *error) {
        _cleanup_close_ int memory = -EBADF;
        int r;

        if (size > JOB_STDIN_MAX)
                return stdin_is_too_long(error);
        r = memory_new(&memory, error);
        if (r < 0)
                return r;
        r = write_all(memory, data, size);
        if (r < 0)
                return error_set(error, "Failed to store standard input for the job: %s.", strerror(-r));
        memory_seal(memory);
        request->stdin_fd = TAKE_FD(memory);
        return 0;
}
