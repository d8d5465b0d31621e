/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "spool.h"

#define DEPTH_MAX 64

const char *const spool_streams[SPOOL_STREAMS] = { "out", "err", "order" };

/* A folder that nobody else can change. */
static int open_own(int parent, const char *name) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) == 0 && st.st_uid == getuid() && (st.st_mode & 077) == 0)
                return fd;
        (void) close(fd);
        return -EPERM;
}

static int open_parent(Spool *s, const char *id, bool make, const char **ret_failed) {
        _cleanup_close_ int root = open(SPOOL_ROOT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        char name[24];

        *s = (Spool) { .id = id, .parent = -EBADF, .fd = -EBADF };
        *ret_failed = SPOOL_ROOT;
        if (root < 0)
                return errno == ENOENT ? -ENOLINK : -errno; /* not that of the job */
        (void) snprintf(name, sizeof(name), "%u", getuid());
        if (snprintf(s->path, sizeof(s->path), "%s/%s/%s", SPOOL_ROOT, name, id) >= (int) sizeof(s->path))
                return -ENAMETOOLONG;
        if (make && mkdirat(root, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        s->parent = open_own(root, name);
        return MIN(s->parent, 0);
}

int spool_claim(Spool *s, const char *id, const char **ret_failed) {
        int r;

        r = open_parent(s, id, true, ret_failed);
        if (r < 0)
                return r;
        if (mkdirat(s->parent, id, 0700) < 0)
                return -errno;
        s->fd = open_own(s->parent, id);
        if (s->fd < 0)
                return s->fd;
        return flock(s->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int spool_open(Spool *s, const char *id, const char **ret_failed) {
        int r;

        r = open_parent(s, id, false, ret_failed);
        if (r < 0)
                return r;
        s->fd = open_own(s->parent, id);
        return MIN(s->fd, 0);
}

bool spool_is_dead(const Spool *s) {
        _cleanup_close_ int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
}

int spool_put(const Spool *s, const char *name, const void *data, size_t size, bool durable) {
        _cleanup_close_ int fd = -EBADF;
        char part[32];

        (void) snprintf(part, sizeof(part), ".%s", name);
        fd = openat(s->fd, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (write(fd, data, size) != (ssize_t) size)
                return -ENOSPC;
        if (durable && fsync(fd) < 0)
                return -errno;
        if (renameat(s->fd, part, s->fd, name) < 0)
                return -errno;
        return durable && fsync(s->fd) < 0 ? -errno : 0;
}

ssize_t spool_get(const Spool *s, const char *name, void *data, size_t max) {
        _cleanup_close_ int fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, data, max);
        return n < 0 ? -errno : n;
}

static void remove_all(int parent, const char *name, unsigned depth) {
        DIR *dir;
        struct dirent *entry;
        int fd;

        if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
                return;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        dir = fd < 0 || depth == DEPTH_MAX ? NULL : fdopendir(fd);
        if (!dir) {
                closep(&fd);
                return;
        }
        (void) fchmod(fd, 0700);
        while ((entry = readdir(dir)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        remove_all(fd, entry->d_name, depth + 1);
        (void) closedir(dir);
        (void) unlinkat(parent, name, AT_REMOVEDIR);
}

void spool_remove(Spool *s) {
        remove_all(s->parent, s->id, 0);
}
