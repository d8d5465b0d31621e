/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded into the service, for what a test cannot do to a machine: a disk that fails, and a clock that
 * jumps. In the folder $CHAOS_SHIM the file "eio" has every write and flush fail; the file "clock" holds the
 * seconds that the time of day is off. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define next(function) ((__typeof__(&(function))) dlsym(RTLD_NEXT, #function))

static int open_file(const char *name) {
        char path[4096];

        (void) snprintf(path, sizeof(path), "%s/%s", getenv("CHAOS_SHIM"), name);
        return open(path, O_RDONLY | O_CLOEXEC);
}

/* Whether the disk fails now, with errno set. */
static int fails(void) {
        int before = errno, fd = open_file("eio");

        errno = before;
        if (fd < 0)
                return 0;
        (void) close(fd);
        errno = EIO;
        return 1;
}

static long clock_offset(void) {
        int before = errno, fd = open_file("clock");
        char text[32] = "";

        if (fd >= 0) {
                (void) !read(fd, text, sizeof(text) - 1);
                (void) close(fd);
        }
        errno = before;
        return atol(text);
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

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = next(clock_gettime)(clock, ret);

        if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                ret->tv_sec += clock_offset();
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        int r = next(gettimeofday)(ret, zone);

        if (r == 0)
                ret->tv_sec += clock_offset();
        return r;
}
