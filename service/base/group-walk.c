/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "group-walk.h"
#include "macro.h"

/* One descriptor per level. A job can create groups below its own to hide processes in. */
#define DEPTH_MAX 400

/* 0 stands for a process of another PID namespace. */
static bool walk_file(int folder, GroupFound found, void *userdata) {
        _cleanup_close_ int fd = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        char text[4096];
        pid_t pid = 0;
        ssize_t n;

        while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
                for (ssize_t i = 0; i < n; i++)
                        if (text[i] >= '0' && text[i] <= '9')
                                pid = pid * 10 + (text[i] - '0');
                        else {
                                if (pid > 1 && !found(pid, userdata))
                                        return false;
                                pid = 0;
                        }
        return true;
}

static bool walk(int folder, GroupFound found, void *userdata, unsigned depth) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;

        if (!walk_file(folder, found, userdata)) {
                (void) close(folder);
                return false;
        }
        dir = fdopendir(folder);
        if (!dir) {
                (void) close(folder);
                return true;
        }
        while ((entry = readdir(dir))) {
                int child;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth == DEPTH_MAX)
                        continue;
                child = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child >= 0 && !walk(child, found, userdata, depth + 1))
                        return false;
        }
        return true;
}

bool group_walk(int folder, GroupFound found, void *userdata) {
        int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || walk(fd, found, userdata, 0);
}
