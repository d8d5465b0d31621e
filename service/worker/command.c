/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "worker.h"

#define PATH_MAX_ 4096

const char *failure_format(const Failure *f, const char *name, char text[static WORKER_TEXT_MAX]) {
        (void) snprintf(text, WORKER_TEXT_MAX, WORKER_CANNOT "%s %s: %s", f->what, name, strerror(f->error));
        return text;
}

static void fail(Failure *f, int status, int error, const char *what, const char *name) {
        f->exit_status = status;
        f->error = error;
        f->what = what;
        (void) snprintf(f->name, sizeof(f->name), "%s", name);
}

/* The first file that execvp(3) has tried, or would have, into path. Folders do not count. */
static bool find_in_path(const char *name, char path[static PATH_MAX_]) {
        const char *list = getenv("PATH") ?: "/bin:/usr/bin";
        struct stat st;

        for (const char *p = list, *end;; p = end + 1) {
                end = strchrnul(p, ':');
                if (snprintf(path, PATH_MAX_, "%.*s%s%s", (int) (end - p), p, end > p ? "/" : "", name) < PATH_MAX_ &&
                    stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
                        return true;
                if (!*end)
                        return false;
        }
}

/* Of a script whose interpreter is what could not be executed: names that, as it stands there. */
static bool find_interpreter(const char *path, char name[static 256]) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char line[240], *p = line + 2, *end;
        ssize_t n;

        n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
        if (n < 3 || line[0] != '#' || line[1] != '!')
                return false;
        line[n] = 0;
        p += strspn(p, " \t");
        end = p + strcspn(p, " \t\n");
        *end = 0;
        n = end - p;
        if (n == 0)
                return false;
        if (p[n - 1] == '\r') {
                p[n - 1] = 0;
                (void) snprintf(name, 256, "%s\\r (its first line ends with CR LF)", p);
        } else
                (void) snprintf(name, 256, "%s", p);
        return true;
}

/* A folder of PATH that cannot be searched has no command in it, as shells have it: execvp(3) would rather say that
 * access was denied. */
static void explain(const Description *d, int error, Failure *ret) {
        char path[PATH_MAX_], interpreter[256], name[256];
        const char *file = d->argv[0];

        if (!strchr(file, '/')) {
                if (!*file || !find_in_path(file, path)) {
                        fail(ret, 127, ENOENT, "execute", file);
                        return;
                }
                file = path;
        }
        if ((error == ENOENT || error == EACCES || error == ENOTDIR) && faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) == 0 &&
            find_interpreter(file, interpreter)) {
                (void) snprintf(name, sizeof(name), "%.120s of %.120s", interpreter, d->argv[0]);
                fail(ret, error == EACCES ? 126 : 127, error, "execute the interpreter", name);
        } else
                fail(ret, error == ENOENT || error == ENOTDIR ? 127 : 126, error, "execute", d->argv[0]);
}

/* In the child of vfork(2): what it leaves in *ret, its parent reads. */
static void execute(const Description *d, Failure *ret) {
        if (chdir(d->directory) < 0) {
                fail(ret, 126, errno, "enter the working directory", d->directory);
                return;
        }
        (void) execvp(d->argv[0], d->argv);
        explain(d, errno, ret);
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
        if (pid < 0) {
                int error = errno;

                fail(ret, 126, error, "start", d->argv[0]);
                return -error;
        }
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
