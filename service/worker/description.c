/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "worker.h"

/* Variables that the service manager sets for the worker, and that would be wrong for the command. */
static const char *const not_inherited[] = {
        "NOTIFY_SOCKET", "SYSTEMD_EXEC_PID", "CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "WATCHDOG_PID", "WATCHDOG_USEC",
        "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
};

/* systemd sets these for a unit with User=, and for units of a user's manager, but not for a unit of root. */
static void set_user_variables(void) {
        const struct passwd *user;

        if (getenv("HOME"))
                return;
        user = getpwuid(getuid());
        if (!user)
                return;
        (void) setenv("HOME", user->pw_dir, false);
        (void) setenv("USER", user->pw_name, false);
        (void) setenv("LOGNAME", user->pw_name, false);
        (void) setenv("SHELL", user->pw_shell, false);
}

static int map(Description *d) {
        struct stat st;

        if (fstat(STDIN_FILENO, &st) < 0)
                return -errno;
        if (st.st_size < (off_t) sizeof(SpecHeader))
                return -EBADMSG;
        d->map = mmap(NULL, (size_t) st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, STDIN_FILENO, 0);
        if (d->map == MAP_FAILED)
                return -errno;
        d->map_size = (size_t) st.st_size;
        memcpy(&d->header, d->map, sizeof(d->header));
        if (d->header.magic != SPEC_MAGIC || d->header.n_argv == 0 ||
            d->header.strings_size > d->map_size - sizeof(d->header))
                return -EBADMSG;
        return 0;
}

/* The trailer is what remains after the standard input and the limits before it, if the size matches. */
static void find_trailer(Description *d) {
        uint64_t input = d->header.stdin_size == SPEC_NO_STDIN ? 0 : d->header.stdin_size;
        uint64_t rest = d->map_size - sizeof(d->header) - d->header.strings_size;
        WorkerTrailer *t = &d->trailer;
        const char *p = d->map + d->map_size - sizeof(*t);
        size_t size;

        if (rest < sizeof(*t))
                return;
        memcpy(t, p, sizeof(*t));
        d->n_limits = MIN(t->flags >> WORKER_LIMITS_SHIFT & WORKER_LIMITS_MASK, (uint32_t) RESOURCE_LIMITS_N);
        size = d->n_limits * sizeof(WorkerLimit);
        d->has_trailer = t->magic == WORKER_TRAILER_MAGIC && rest - sizeof(*t) == input + size;
        if (!d->has_trailer) {
                *t = (WorkerTrailer) {};
                d->n_limits = 0;
                return;
        }
        memcpy(d->limits, p - size, size);
        t->channel[sizeof(t->channel) - 1] = t->folders[sizeof(t->folders) - 1] = 0;
}

int description_load(Description *ret, const char *id) {
        Description *d = ret;
        char *p, *end;
        int r;

        *d = (Description) { .id = id };
        r = map(d);
        if (r < 0)
                return r;
        p = d->map + sizeof(d->header);
        end = p + d->header.strings_size;
        d->argv = calloc((size_t) d->header.n_argv + 1, sizeof(char *));
        d->directory = spec_next_string(&p, end);
        if (!d->argv)
                return -ENOMEM;
        if (!d->directory)
                return -EBADMSG;
        for (uint32_t i = 0; i < d->header.n_argv; i++) {
                d->argv[i] = spec_next_string(&p, end);
                if (!d->argv[i])
                        return -EBADMSG;
        }
        d->environment = p;
        for (uint32_t i = 0; i < d->header.n_environment; i++)
                if (!spec_next_string(&p, end))
                        return -EBADMSG;
        d->environment_end = p;
        if (p != end)
                return -EBADMSG;
        find_trailer(d);
        set_user_variables();
        if (*d->directory)
                return 0;
        d->directory = d->home = strdup(getenv("HOME") ?: "/"); /* not that of the job's environment */
        return d->home ? 0 : -ENOMEM;
}

static int set_slot(const Description *d) {
        uint32_t slot = d->trailer.umask >> WORKER_SLOT_SHIFT;
        char text[16];

        if (slot == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%" PRIu32, slot - 1);
        return setenv("CODEX_JOB_SLOT", text, true) < 0 ? -errno : 0;
}

int description_set_environment(const Description *d) {
        char *p = d->environment, attempt[16];
        int r;

        for (size_t i = 0; i < ELEMENTSOF(not_inherited) && d->has_trailer; i++)
                (void) unsetenv(not_inherited[i]);
        while (p < d->environment_end)
                if (putenv(spec_next_string(&p, d->environment_end)) != 0)
                        return -errno;
        (void) snprintf(attempt, sizeof(attempt), "%" PRIu32, d->trailer.flags >> WORKER_ATTEMPT_SHIFT);
        if (d->trailer.flags >> WORKER_ATTEMPT_SHIFT > 0 && setenv("CODEX_JOB_ATTEMPT", attempt, true) < 0)
                return -errno;
        r = set_slot(d);
        if (r < 0)
                return r;
        return d->has_trailer && setenv("PWD", d->directory, true) < 0 ? -errno : 0;
}

/* A new memfd, so that /dev/stdin opens the data and not the description. */
int description_open_stdin(const Description *d) {
        off_t offset = (off_t) (sizeof(d->header) + d->header.strings_size);
        uint64_t left = d->header.stdin_size;
        _cleanup_close_ int fd = -EBADF;

        if (left == SPEC_NO_STDIN) {
                fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                return fd < 0 ? -errno : TAKE_FD(fd);
        }
        fd = memfd_create("codex-job-stdin", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        while (left > 0) {
                ssize_t n = sendfile(fd, STDIN_FILENO, &offset, left);

                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                left -= (uint64_t) n;
        }
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

void description_bound_files(const WorkerTrailer *t) {
        rlim_t max = t->output_max + WORKER_ORDER_ROOM;

        if (t->output_max > 0)
                (void) setrlimit(RLIMIT_FSIZE, &(struct rlimit) { max, max });
}

/* environ points into it. */
void description_drop(Description *d) {
        environ = NULL;
        if (d->map && d->map != MAP_FAILED)
                (void) munmap(d->map, d->map_size);
        (void) close(STDIN_FILENO);
        d->map = NULL;
        free(d->argv);
        free(d->home);
        d->argv = NULL;
        d->directory = d->home = NULL;
}
