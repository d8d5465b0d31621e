/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What the command wrote to a filter, as in a shell script with "exec > >(tee log)", is not output of the job yet when the
 * command exits. A filter has more to do as long as a pipe that it reads contains data, or has no writer any more: then it
 * is about to see the end of its input, and to exit. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "worker.h"

typedef struct Search {
        Readers readers;
        int probe[2]; /* a pipe */
} Search;

/* tee(2) copies and takes nothing: 0 is the end of the data, EAGAIN means that there are writers. */
static bool has_more(int pipe, int probe[static 2]) {
        ssize_t n = tee(pipe, probe[1], 1, SPLICE_F_NONBLOCK);
        char byte;

        if (n > 0)
                (void) !read(probe[0], &byte, 1);
        return n >= 0;
}

/* The mode of a link in /proc tells how the descriptor was opened; nothing but a pipe is opened here. */
static bool look_at(Search *s, int folder, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        struct stat link, file;
        int unread = 0;

        if (fstatat(folder, name, &link, AT_SYMLINK_NOFOLLOW) < 0 || !(link.st_mode & S_IRUSR) ||
            fstatat(folder, name, &file, 0) < 0 || !S_ISFIFO(file.st_mode))
                return false;
        fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || !has_more(fd, s->probe))
                return false;
        if (ioctl(fd, FIONREAD, &unread) >= 0)
                s->readers.unread += (uint64_t) unread;
        return true;
}

/* Descriptors of other users' processes are not to be seen. */
static bool on_process(pid_t pid, void *userdata) {
        Search *s = userdata;
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        bool has_more = false;
        char path[32];
        int folder;

        (void) snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        dir = opendir(path);
        folder = dir ? dirfd(dir) : -EBADF;
        while (folder >= 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        has_more |= look_at(s, folder, entry->d_name);
        if (has_more && s->readers.first == 0)
                s->readers.first = pid;
        return true;
}

Readers readers_find(const Tree *t) {
        Search s = {};

        if (pipe2(s.probe, O_CLOEXEC | O_NONBLOCK) < 0)
                return s.readers;
        tree_walk(t, on_process, &s);
        (void) close(s.probe[0]);
        (void) close(s.probe[1]);
        return s.readers;
}
