/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "child-walk.h"
#include "group-walk.h"
#include "job-id.h"
#include "pid-text.h"
#include "worker.h"

#define DESCRIBED_MAX 8

/* --- where the control group is -------------------------------------------------------------------- */

/* Reads a whole file in /proc or /sys, NUL-terminated. Returns its size or -errno. */
static ssize_t read_file(int folder, const char *name, char *text, size_t size) {
        _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
        size_t n = 0;
        ssize_t m;

        if (fd < 0)
                return -errno;
        while (n < size - 1 && (m = read(fd, text + n, size - 1 - n)) != 0) {
                if (m < 0)
                        return -errno;
                n += (size_t) m;
        }
        text[n] = 0;
        return (ssize_t) n;
}

/* The path of this process in the hierarchy with that controller ("": the unified one), see cgroups(7). */
static const char *find_path(char *list, const char *controller, char path[static PATH_MAX]) {
        size_t n = strlen(controller);

        for (char *line = list, *next; line && *line; line = next) {
                char *controllers = strchr(line, ':'), *end = controllers ? strchr(controllers + 1, ':') : NULL;

                next = strchr(line, '\n');
                if (!end || (next && end > next))
                        return NULL;
                if ((size_t) (end - controllers - 1) == n && strncmp(controllers + 1, controller, n) == 0) {
                        (void) snprintf(path, PATH_MAX, "%.*s", (int) (next ? next - end - 1 : PATH_MAX), end + 1);
                        return path;
                }
                next = next ? next + 1 : NULL;
        }
        return NULL;
}

/* Whether it is the control group of the job's unit. All of its processes get signals: if the worker was not started
 * by the service manager, it could be that of a login session, or of the whole host. */
static bool is_of_job(const char *group, const char *id) {
        const char *name = strrchr(group, '/');
        const char *p = name ? startswith(name + 1, JOB_UNIT_PREFIX) : NULL;

        p = p ? startswith(p, id) : NULL;
        return *id && p && streq(p, JOB_UNIT_SUFFIX);
}

/* Whether it is that of a step of Slurm, for which the limit of memory of a job on a cluster is set. */
static bool is_of_step(const char *group) {
        const char *job = strstr(group, "/job_");

        return job && strstr(job, "/step_");
}

/* A file or folder of the job's control group in the hierarchy that is mounted there. */
static int open_group(const char *id, const char *mount, const char *controller, const char *name, int flags) {
        char list[8192], group[PATH_MAX], path[2 * PATH_MAX];

        if (read_file(AT_FDCWD, "/proc/self/cgroup", list, sizeof(list)) < 0 || !find_path(list, controller, group))
                return -ENOENT;
        if (!is_of_job(group, id) && (!startswith(name, "memory.") || !is_of_step(group)))
                return -ENOENT;
        (void) snprintf(path, sizeof(path), "%s%s/%s", mount, group, name);
        return open(path, flags | O_CLOEXEC);
}

/* The hierarchy of the service manager: version 1 with or without version 2, then version 2 alone. */
void tree_open(Tree *t, const char *id) {
        static const struct {
                const char *mount;
                const char *controller;
        } places[] = {
                { "/sys/fs/cgroup/systemd", "name=systemd" },
                { "/sys/fs/cgroup", "" },
                { "/sys/fs/cgroup/unified", "" },
        };

        *t = (Tree) { .folder = -EBADF, .self = getpid() };
        for (size_t i = 0; i < ELEMENTSOF(places) && t->folder < 0; i++) {
                t->folder = open_group(id, places[i].mount, places[i].controller, ".", O_RDONLY | O_DIRECTORY);
                if (t->folder >= 0 && faccessat(t->folder, "cgroup.procs", R_OK, 0) < 0)
                        (void) close(TAKE_FD(t->folder));
        }
}

/* UINT64_MAX: there is no limit, or no such file. */
static uint64_t read_number(const char *group, const char *name) {
        char path[2 * PATH_MAX], text[32];

        (void) snprintf(path, sizeof(path), "%s/%s", group, name);
        if (read_file(AT_FDCWD, path, text, sizeof(text)) <= 0 || text[0] < '0' || text[0] > '9')
                return UINT64_MAX;
        return strtoull(text, NULL, 10);
}

/* From the group of this process to the root of a hierarchy. */
static bool find_full_in(const char *mount, const char *controller, char *list, const char *id, TreeLimit *ret) {
        char group[PATH_MAX], path[2 * PATH_MAX], *end;

        if (!find_path(list, controller, group))
                return false;
        for (; (end = strrchr(group, '/')) && end[1]; *end = 0) {
                (void) snprintf(path, sizeof(path), "%s%s", mount, group);
                ret->max = read_number(path, "pids.max");
                if (ret->max == UINT64_MAX || read_number(path, "pids.current") < ret->max)
                        continue;
                (void) snprintf(ret->name, sizeof(ret->name), "%.255s", end + 1);
                ret->of_job = is_of_job(group, id);
                return true;
        }
        return false;
}

bool tree_find_full(const char *id, TreeLimit *ret) {
        char list[8192];

        return read_file(AT_FDCWD, "/proc/self/cgroup", list, sizeof(list)) > 0 &&
                (find_full_in("/sys/fs/cgroup", "", list, id, ret) || find_full_in("/sys/fs/cgroup/pids", "pids", list, id, ret));
}

/* --- its processes --------------------------------------------------------------------------------- */

typedef struct Walk {
        const Tree *tree;
        GroupFound found;
        void *userdata;
} Walk;

static bool on_found(pid_t pid, void *userdata) {
        const Walk *w = userdata;

        return pid == w->tree->self || pid == w->tree->command || w->found(pid, w->userdata);
}

/* The command counts even if it has left the group. */
void tree_walk(const Tree *t, GroupFound found, void *userdata) {
        Walk w = { .tree = t, .found = found, .userdata = userdata };

        if (t->command != 0 && !found(t->command, userdata))
                return;
        if (t->folder >= 0)
                (void) group_walk(t->folder, on_found, &w);
        else if (t->on_node)
                (void) child_walk(on_found, &w);
}

typedef struct Signal {
        TreeCount count;
        int signal;
} Signal;

/* Like the service manager: SIGCONT lets stopped processes receive SIGTERM. */
static bool signal_one(pid_t pid, void *userdata) {
        Signal *s = userdata;

        if (kill(pid, s->signal) < 0) {
                if (errno != EPERM)
                        return true;
                if (s->count.n_denied++ == 0)
                        s->count.first = pid;
        } else if (s->signal == SIGTERM)
                (void) kill(pid, SIGCONT);
        s->count.n++;
        if (s->count.first == 0)
                s->count.first = pid;
        return true;
}

TreeCount tree_signal(Tree *t, int signal) {
        Signal s = { .signal = signal };

        tree_walk(t, signal_one, &s);
        return s.count;
}

/* --- naming them ----------------------------------------------------------------------------------- */

typedef struct Names {
        bool denied; /* only those that cannot be signalled, with their users */
        char *text;
        size_t size, n;
        unsigned n_named, n_more;
} Names;

static bool name_one(pid_t pid, void *userdata) {
        Names *names = userdata;

        if (names->denied && (kill(pid, 0) == 0 || errno != EPERM))
                return true;
        if (names->n_named == DESCRIBED_MAX) {
                names->n_more++;
                return true;
        }
        names->n = pid_text_append(pid, names->denied, names->text, names->size, names->n);
        names->n_named++;
        return true;
}

size_t tree_describe(Tree *t, bool denied, char *text, size_t size) {
        Names names = { .denied = denied, .text = text, .size = size };
        int n;

        tree_walk(t, name_one, &names);
        if (names.n_more > 0) {
                n = snprintf(text + names.n, size - names.n, " and %u more", names.n_more);
                names.n = MIN(names.n + (size_t) n, size - 1);
        }
        return names.n;
}

/* --- out of memory --------------------------------------------------------------------------------- */

int tree_open_oom(const char *id, bool *ret_polls) {
        int fd = open_group(id, "/sys/fs/cgroup", "", "memory.events", O_RDONLY);

        *ret_polls = fd >= 0;
        return fd >= 0 ? fd : open_group(id, "/sys/fs/cgroup/memory", "memory", "memory.oom_control", O_RDONLY);
}

uint64_t tree_count_oom_kills(int fd) {
        char text[512], *p;
        ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);

        if (n <= 0)
                return 0;
        text[n] = 0;
        p = strstr(text, "oom_kill ");
        return p ? strtoull(p + strlen("oom_kill "), NULL, 10) : 0;
}

/* SIGKILL is pending, or it has exited, see proc(5). */
bool tree_is_dying(pid_t pid) {
        char path[64], text[4096], *p;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", pid);
        if (read_file(AT_FDCWD, path, text, sizeof(text)) <= 0)
                return true;
        p = strstr(text, "\nState:\t");
        if (p && (p[8] == 'Z' || p[8] == 'X'))
                return true;
        for (const char *const *name = (const char *const[]) { "\nSigPnd:\t", "\nShdPnd:\t", NULL }; *name; name++) {
                p = strstr(text, *name);
                if (p && strtoull(p + strlen(*name), NULL, 16) & (UINT64_C(1) << (SIGKILL - 1)))
                        return true;
        }
        return false;
}
