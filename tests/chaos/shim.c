/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Preloaded into the service and its workers, for what a test cannot do to a machine: a disk that fails, and a clock that
 * jumps. Files in the folder $CHAOS_SHIM have it do that. In the service: "eio" has every write and flush of the store
 * fail; "kill" holds after how many of them the process dies, once; "clock" the seconds that the time of day is off. In a
 * worker: "worker-eio" has every write and flush of the output fail; with "worker-no-splice" splice(2) does not work. Other
 * programs, as the commands of jobs, are left alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define next(function) ((__typeof__(&(function))) dlsym(RTLD_NEXT, #function))

static char folder[PATH_MAX];

/* A worker forgets its environment. */
__attribute__((constructor)) static void find_folder(void) {
        const char *path = getenv("CHAOS_SHIM");

        (void) snprintf(folder, sizeof(folder), "%s", path ? path : "");
}

static int is_program(const char *name) {
        return *folder && strcmp(program_invocation_short_name, name) == 0;
}

static int is_worker(void) {
        return is_program("codex-jobs-worker");
}

static const char *locate(const char *name, char path[static PATH_MAX]) {
        return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX ? path : "";
}

static int open_file(const char *name) {
        char path[PATH_MAX];

        return open(locate(name, path), O_RDONLY | O_CLOEXEC);
}

static long read_number(const char *name, long otherwise) {
        int before = errno, fd = is_program("codex-jobsd") ? open_file(name) : -1;
        char text[32] = "";

        if (fd >= 0) {
                (void) !read(fd, text, sizeof(text) - 1);
                (void) close(fd);
        }
        errno = before;
        return fd >= 0 ? atol(text) : otherwise;
}

static void die_in_time(void) {
        static long done;
        char path[PATH_MAX];
        long after = read_number("kill", -1);

        if (after < 0 || done++ < after)
                return;
        (void) unlink(locate("kill", path));
        (void) kill(getpid(), SIGKILL);
}

/* Whether a file is there, with this error set. */
static int is_set(const char *name, int error) {
        int before = errno, fd = open_file(name);

        errno = before;
        if (fd < 0)
                return 0;
        (void) close(fd);
        errno = error;
        return 1;
}

/* Whether the disk fails now, with errno set. */
static int fails(void) {
        if (is_worker())
                return is_set("worker-eio", EIO);
        if (!is_program("codex-jobsd"))
                return 0;
        die_in_time();
        return is_set("eio", EIO);
}

int fsync(int fd) {
        return fails() ? -1 : next(fsync)(fd);
}

int fdatasync(int fd) {
        return fails() ? -1 : next(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
        return fails() ? -1 : next(pwrite)(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
        return fails() ? -1 : next(pwrite64)(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
        struct stat st;

        if (is_worker() && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fails())
                return -1;
        return next(write)(fd, data, size);
}

ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t size, unsigned flags) {
        struct stat st;

        if (is_worker() && fstat(to, &st) == 0 && S_ISREG(st.st_mode) && (fails() || is_set("worker-no-splice", EINVAL)))
                return -1;
        return next(splice)(from, from_offset, to, to_offset, size, flags);
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = next(clock_gettime)(clock, ret);

        if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                ret->tv_sec += read_number("clock", 0);
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        int r = next(gettimeofday)(ret, zone);

        if (r == 0)
                ret->tv_sec += read_number("clock", 0);
        return r;
}
