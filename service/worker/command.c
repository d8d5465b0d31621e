/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ctype.h>
#include <fcntl.h>
#include <link.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "worker.h"

#define PATH_MAX_ 4096
#define NAME_MAX_ 256

const char *failure_format(const Failure *f, const char *name, char text[static WORKER_TEXT_MAX]) {
        (void) snprintf(text, WORKER_TEXT_MAX, WORKER_CANNOT "%s %s: %s", f->what, name, strerror(f->error));
        for (char *p = text; *p; p++)
                if (iscntrl((unsigned char) *p))
                        *p = ' ';
        return text;
}

static void fail(Failure *f, int status, int error, const char *what, const char *name) {
        f->exit_status = status;
        f->error = error;
        f->what = what;
        (void) snprintf(f->name, sizeof(f->name), "%s", name);
}

/* Looks up a command as shells do: the first executable file of that name; if there is none, the first one that is
 * not executable. Folders that cannot be searched are skipped. */
static bool find_in_path(const char *name, char path[static PATH_MAX_]) {
        const char *list = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";
        char first[PATH_MAX_] = "";

        for (const char *p = list, *end;; p = end + 1) {
                struct stat st;

                end = strchrnul(p, ':');
                if (snprintf(path, PATH_MAX_, "%.*s%s%s", (int) (end - p), p, end > p ? "/" : "", name) < PATH_MAX_ &&
                    stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
                        if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
                                return true;
                        if (!*first)
                                (void) strcpy(first, path);
                }
                if (!*end)
                        break;
        }
        (void) strcpy(path, first);
        return *first;
}

/* The interpreter of a script, from its first line. */
static bool find_script_interpreter(char *line, char name[static NAME_MAX_]) {
        char *p = line + 2, *end;
        ssize_t n;

        p += strspn(p, " \t");
        end = p + strcspn(p, " \t\n");
        *end = 0;
        n = end - p;
        if (n == 0)
                return false;
        if (p[n - 1] == '\r') {
                p[n - 1] = 0;
                (void) snprintf(name, NAME_MAX_, "%s\\r (its first line ends with CR LF)", p);
        } else
                (void) snprintf(name, NAME_MAX_, "%s", p);
        return true;
}

/* The interpreter of a program, from its PT_INTERP, see elf(5). */
static bool find_loader(int fd, const void *data, size_t size, char name[static NAME_MAX_]) {
        ElfW(Ehdr) header;

        if (size < sizeof(header) || memcmp(data, ELFMAG, SELFMAG) != 0)
                return false;
        memcpy(&header, data, sizeof(header));
        for (unsigned i = 0; i < MIN(header.e_phnum, 64); i++) {
                ElfW(Phdr) part;

                if (pread(fd, &part, sizeof(part), (off_t) (header.e_phoff + i * sizeof(part))) != (ssize_t) sizeof(part))
                        return false;
                if (part.p_type != PT_INTERP)
                        continue;
                memset(name, 0, NAME_MAX_);
                return pread(fd, name, MIN(part.p_filesz, (size_t) NAME_MAX_ - 1), (off_t) part.p_offset) > 0 && *name;
        }
        return false;
}

/* The interpreter of an existing file, which it needs to be executed. */
static bool find_interpreter(const char *path, char name[static NAME_MAX_]) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char head[240];
        ssize_t n;

        n = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);
        if (n < 3)
                return false;
        head[n] = 0;
        return memcmp(head, "#!", 2) == 0 ? find_script_interpreter(head, name) : find_loader(fd, head, (size_t) n, name);
}

/* A file that the kernel does not recognize is a script for sh, unless its first line contains a NUL: data may follow. */
static bool is_script(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char head[128];
        ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
        const char *end = n > 0 ? memchr(head, '\n', (size_t) n) : NULL;

        return n >= 0 && !memchr(head, 0, end ? (size_t) (end - head) : (size_t) n) &&
                (n < 4 || memcmp(head, ELFMAG, SELFMAG) != 0);
}

static void execute_script(const Description *d, char *path) {
        size_t n = d->header.n_argv;
        char *argv[n + 2];

        argv[0] = (char[]) { "sh" };
        argv[1] = path;
        memcpy(argv + 2, d->argv + 1, n * sizeof(char *)); /* including the NULL */
        (void) execv("/bin/sh", argv);
}

static void explain(const Description *d, const char *path, int error, Failure *ret) {
        int status = error == ENOENT ? 127 : 126;
        char interpreter[NAME_MAX_], name[NAME_MAX_];
        struct stat st;

        if ((error == ENOENT || error == EACCES || error == ENOTDIR) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 &&
            find_interpreter(path, interpreter)) {
                (void) snprintf(name, sizeof(name), "%.120s of %.120s", interpreter, d->argv[0]);
                fail(ret, status, error, "execute the interpreter", name);
        } else
                fail(ret, status, error == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? EISDIR : error, "execute", d->argv[0]);
}

static bool set_limits(const Description *d, Failure *ret) {
        for (const WorkerLimit *l = d->limits; l < d->limits + d->n_limits; l++) {
                const ResourceLimit *known = resource_limit_of((int) l->resource);
                const char *name = known ? known->name : "?";
                char text[64];

                if (setrlimit((__rlimit_resource_t) l->resource, &(struct rlimit) { l->value, l->value }) == 0)
                        continue;
                if (l->value == RESOURCE_INFINITY)
                        (void) snprintf(text, sizeof(text), "%s to infinity", name);
                else
                        (void) snprintf(text, sizeof(text), "%s to %" PRIu64, name, l->value);
                fail(ret, 126, errno, "set the resource limit", text);
                return false;
        }
        return true;
}

/* In the child of vfork(2): the parent reads what it stores in *ret. */
static void execute(const Description *d, Failure *ret) {
        char found[PATH_MAX_], *path = d->argv[0];
        int error;

        if (chdir(d->directory) < 0) {
                fail(ret, 126, errno, "enter the working directory", d->directory);
                return;
        }
        if (!strchr(path, '/')) {
                if (!*path || !find_in_path(path, found)) {
                        fail(ret, 127, ENOENT, "execute", path);
                        return;
                }
                path = found;
        }
        if (!set_limits(d, ret))
                return;
        (void) execv(path, d->argv);
        error = errno;
        if (error == ENOEXEC && is_script(path))
                execute_script(d, path);
        explain(d, path, error, ret);
}

void command_become(const Description *d, Failure *ret) {
        _cleanup_close_ int fd = -EBADF;

        if (chdir(d->directory) < 0) {
                fail(ret, 126, errno, "enter the working directory", d->directory);
                return;
        }
        fd = description_open_stdin(d);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
                fail(ret, 126, fd < 0 ? -fd : errno, "set up standard input of", d->argv[0]);
                return;
        }
        execute(d, ret);
}

pid_t command_start(const Description *d, const int descriptors[static 3], const sigset_t *mask, Failure *ret) {
        pid_t pid;

        ret->exit_status = 0;
        pid = vfork(); /* NOLINT(bugprone-unsafe-functions): it shares *ret, and copies no page tables */
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) setsid();
                if (d->trailer.umask & WORKER_UMASK_GIVEN)
                        (void) umask(d->trailer.umask & 0777);
                for (int i = 0; i < 3; i++)
                        (void) dup2(descriptors[i], i);
                (void) sigprocmask(SIG_SETMASK, mask, NULL);
                execute(d, ret);
                _exit(ret->exit_status);
        }
        if (ret->exit_status == 0)
                return pid;
        (void) waitpid(pid, NULL, 0);
        return -ret->error;
}
