/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "child-walk.h"
#include "macro.h"

#define TRIES_MAX 8 /* a parent that exits meanwhile hands its children on */

typedef struct Process {
        pid_t pid, parent;
        bool found;
} Process;

typedef struct Processes {
        Process *list; /* owned, by pid */
        size_t n, allocated;
} Processes;

/* The number after the name, which may contain anything, see proc(5). */
static pid_t read_parent(int proc, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        char path[32], text[512], *p;
        ssize_t n;

        (void) snprintf(path, sizeof(path), "%.16s/stat", name);
        fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return -1;
        text[n] = 0;
        p = strrchr(text, ')');
        return p && strlen(p) > 4 && p[2] != 'Z' && p[2] != 'X' ? (pid_t) strtol(p + 3, NULL, 10) : -1;
}

static int add(Processes *all, pid_t pid, pid_t parent) {
        if (all->n == all->allocated) {
                size_t n = MAX(2 * all->allocated, 256U);
                Process *bigger = reallocarray(all->list, n, sizeof(Process));

                if (!bigger)
                        return -ENOMEM;
                all->list = bigger;
                all->allocated = n;
        }
        all->list[all->n++] = (Process) { .pid = pid, .parent = parent };
        return 0;
}

static int compare(const void *a, const void *b) {
        return ((const Process *) a)->pid - ((const Process *) b)->pid;
}

static int list_all(Processes *all) {
        _cleanup_closedir_ DIR *dir = opendir("/proc");
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return -errno;
        all->n = 0;
        while (r >= 0 && (entry = readdir(dir))) {
                pid_t parent;

                if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
                        continue;
                parent = read_parent(dirfd(dir), entry->d_name);
                if (parent >= 0)
                        r = add(all, (pid_t) strtol(entry->d_name, NULL, 10), parent);
        }
        if (r >= 0 && all->n > 0)
                qsort(all->list, all->n, sizeof(Process), compare);
        return r;
}

/* Returns whether all parents were seen. Zombies are not: their children have another parent already. */
static bool mark(Processes *all) {
        bool changed = true, is_whole = true;
        pid_t self = getpid();

        while (changed) {
                changed = false;
                is_whole = true;
                for (Process *p = all->list; p < all->list + all->n; p++) {
                        Process key = { .pid = p->parent };
                        const Process *parent = p->parent == 0 ? NULL : bsearch(&key, all->list, all->n, sizeof(Process), compare);

                        is_whole = is_whole && (parent || p->parent == 0);
                        if (p->found || !parent || (parent->pid != self && !parent->found))
                                continue;
                        p->found = changed = true;
                }
        }
        return is_whole;
}

int child_walk(GroupFound found, void *userdata) {
        Processes all = {};
        int r = 0;

        for (unsigned i = 0; i < TRIES_MAX; i++) {
                r = list_all(&all);
                if (r < 0 || mark(&all))
                        break;
        }
        for (size_t i = 0; i < all.n && r >= 0; i++)
                if (all.list[i].found && !found(all.list[i].pid, userdata))
                        break;
        free(all.list);
        return r;
}
