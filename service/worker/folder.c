/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Nobody else can write to the folders of a user, so the only obstacles are remains of killed workers of that user.
 * A folder is locked (flock(2)) while its worker is alive. */

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "worker.h"

#define DEPTH_MAX 32
#define BARRIER "BARRIER=1"
#define MAKE_TRIES 1000U
#define MOVE_TRIES 1000U

/* --- deleting -------------------------------------------------------------------------------------- */

/* A job may have removed the permissions of its user, which is ours. */
static int open_folder(int parent, const char *name) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int place = -EBADF;
        char path[64];

        if (fd >= 0 || errno != EACCES)
                return fd < 0 ? -errno : fd;
        place = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
        if (place < 0 || chmod(path, 0700) < 0)
                return -errno;
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Folders that are nested too deeply are moved to the top, under an unused name. */
static bool move_up(int parent, const char *name, int top) {
        for (unsigned i = 0; i < MOVE_TRIES; i++) {
                char to[32];

                (void) snprintf(to, sizeof(to), ".deep-%u", i);
                if (renameat(parent, name, top, to) == 0)
                        return true;
                if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
                        return false;
        }
        return false;
}

static bool empty(int folder, int top, unsigned depth);

/* Return whether something was moved up, which must still be deleted. */
static bool delete(int parent, const char *name, int top, unsigned depth) {
        _cleanup_close_ int fd = -EBADF;
        bool moved = false;

        if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
                return false;
        fd = open_folder(parent, name);
        if (fd >= 0 && depth < DEPTH_MAX)
                moved = empty(fd, top, depth + 1);
        else if (fd >= 0)
                return fchmod(fd, 0700) == 0 && move_up(parent, name, top);
        (void) unlinkat(parent, name, AT_REMOVEDIR);
        return moved;
}

static bool empty(int folder, int top, unsigned depth) {
        int fd = fchmod(folder, 0700) < 0 ? -EBADF : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        bool moved = false;

        while (dir && (entry = readdir(dir)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        moved |= delete(folder, entry->d_name, top, depth);
        return moved;
}

static void empty_all(int folder) {
        for (unsigned i = 0; i < MOVE_TRIES && empty(folder, folder, 0); i++)
                ;
}

/* Removes a name, whether of a file or of a folder with its content. */
static void remove_all(int parent, const char *name) {
        _cleanup_close_ int fd = open_folder(parent, name);

        if (fd >= 0)
                empty_all(fd);
        (void) unlinkat(parent, name, fd >= 0 ? AT_REMOVEDIR : 0);
}

/* --- making ---------------------------------------------------------------------------------------- */

static int open_locked(int parent, const char *name) {
        _cleanup_close_ int fd = open_folder(parent, name);

        if (fd < 0)
                return fd;
        return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : TAKE_FD(fd);
}

static void tidy(int parent) {
        int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                _cleanup_close_ int child = -EBADF;

                if (entry->d_name[0] == '.')
                        continue;
                child = open_locked(parent, entry->d_name);
                if (child >= 0)
                        remove_all(parent, entry->d_name);
        }
}

/* Between the first two steps, a worker that cleans up may consider it left behind; that does not last. */
static int make(int parent, const char *name) {
        for (unsigned i = 0; i < MAKE_TRIES; i++) {
                _cleanup_close_ int fd = -EBADF;
                struct stat st;

                if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
                        return -errno;
                fd = open_locked(parent, name);
                if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
                        empty_all(fd);
                        return TAKE_FD(fd);
                }
                if (fd == -ENOTDIR || fd == -ELOOP) /* not a folder */
                        (void) unlinkat(parent, name, 0);
                if (fd == -EWOULDBLOCK)
                        (void) usleep(USEC_PER_MSEC);
        }
        return -EBUSY;
}

static int open_socket(const Folder *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        int n;

        n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", f->path);
        if (n >= (int) sizeof(address.sun_path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        (void) chmod(address.sun_path, 0600);
        return TAKE_FD(fd);
}

static void set_path(const Folder *f, const char *variable, const char *name) {
        char path[sizeof(f->path) + 16];

        (void) snprintf(path, sizeof(path), "%s/%s", f->path, name);
        (void) setenv(variable, path, true);
}

/* With its parent: that of a user's service is gone if somebody has emptied $XDG_RUNTIME_DIR. */
static int make_folders(const char *path) {
        char parent[WORKER_PATH_SIZE], *end;

        if (mkdir(path, 0700) == 0 || errno == EEXIST)
                return 0;
        if (errno != ENOENT)
                return -errno;
        (void) snprintf(parent, sizeof(parent), "%s", path);
        end = strrchr(parent, '/');
        if (!end)
                return -ENOENT;
        *end = 0;
        if (mkdir(parent, 0755) < 0 && errno != EEXIST)
                return -errno;
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

void folder_open(Folder *f, const char *id, const WorkerTrailer *trailer) {
        *f = (Folder) { .id = id, .parent = -EBADF, .fd = -EBADF, .notify = -EBADF };
        (void) unsetenv("CODEX_JOB_RESULT"); /* its location in an older version */
        (void) unsetenv("NOTIFY_SOCKET");    /* it belongs to others */
        (void) snprintf(f->path, sizeof(f->path), "%s/%s", trailer->folders, id);
        if (make_folders(trailer->folders) < 0)
                return;
        f->parent = open(trailer->folders, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (f->parent < 0)
                return;
        if (trailer->flags & WORKER_TIDY)
                tidy(f->parent);
        f->fd = make(f->parent, id);
        if (f->fd < 0)
                return;
        set_path(f, "CODEX_JOB_RESULT", "result");
        f->notify = open_socket(f);
        if (f->notify >= 0)
                set_path(f, "NOTIFY_SOCKET", "notify");
}

void folder_close(Folder *f) {
        if (f->fd < 0)
                return;
        empty_all(f->fd);
        if (unlinkat(f->parent, f->id, AT_REMOVEDIR) < 0) /* something else is in its place */
                remove_all(f->parent, f->id);
        (void) close(TAKE_FD(f->fd));
}

/* --- notifications --------------------------------------------------------------------------------- */

/* The last STATUS= in the lines of a message. */
static size_t find_status(const char *message, size_t size, char text[static WORKER_TEXT_MAX]) {
        const char *end = message + size, *next;
        size_t found = SIZE_MAX;

        for (const char *line = message; line < end; line = next + 1) {
                size_t n;

                next = memchr(line, '\n', (size_t) (end - line)) ?: end;
                n = (size_t) (next - line);
                if (n < strlen("STATUS=") || memcmp(line, "STATUS=", strlen("STATUS=")) != 0)
                        continue;
                found = MIN(n - strlen("STATUS="), (size_t) WORKER_TEXT_MAX);
                memcpy(text, line + strlen("STATUS="), found);
        }
        return found;
}

/* Descriptors that are sent along are closed immediately, as BARRIER=1 requires, which says nothing else; there is
 * no buffer to receive them. */
int folder_read_notification(Folder *f, char text[static WORKER_TEXT_MAX], size_t *ret_size) {
        static char message[4097]; /* NUL-terminated */
        struct iovec vec = { message, sizeof(message) - 1 };
        struct msghdr header = { .msg_iov = &vec, .msg_iovlen = 1 };
        ssize_t n = recvmsg(f->notify, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0)
                return -errno;
        if (n >= (ssize_t) strlen(BARRIER) && n <= (ssize_t) strlen(BARRIER) + 1 && startswith(message, BARRIER))
                return 0;
        *ret_size = find_status(message, (size_t) n, text);
        return 1;
}

/* --- the result ------------------------------------------------------------------------------------ */

WorkerResult folder_read_result(Folder *f, char *text, uint64_t *ret_bytes, size_t *ret_size, int *ret_error) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        size_t n = 0;

        if (f->fd < 0 || fstatat(f->fd, "result", &st, AT_SYMLINK_NOFOLLOW) < 0)
                return WORKER_RESULT_NONE;
        *ret_bytes = S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        if (!S_ISREG(st.st_mode))
                return WORKER_RESULT_NO_FILE;
        if (*ret_bytes > WORKER_RESULT_SIZE_MAX)
                return WORKER_RESULT_TOO_LARGE;
        fd = openat(f->fd, "result", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        while (fd >= 0 && n < WORKER_RESULT_SIZE_MAX) {
                ssize_t m = read(fd, text + n, WORKER_RESULT_SIZE_MAX - n);

                if (m == 0) {
                        *ret_size = n;
                        return WORKER_RESULT_TAKEN; /* possibly empty, which is not a valid result: that is reported */
                }
                if (m < 0 && errno != EINTR)
                        break;
                n += (size_t) MAX(m, 0);
        }
        if (n == WORKER_RESULT_SIZE_MAX) {
                *ret_size = n;
                return WORKER_RESULT_TAKEN;
        }
        *ret_error = errno;
        return WORKER_RESULT_UNREADABLE;
}
