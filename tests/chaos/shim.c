/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded into the service, for what a test cannot do to a machine: a disk that fails, and a clock that
 * jumps. In the folder $CHAOS_SHIM the file "eio" has every write and flush fail; the file "kill" holds after
 * how many of them the process dies, once; the file "clock" the seconds that the time of day is off. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define next(function) ((__typeof__(&(function))) dlsym(RTLD_NEXT, #function))

static const char *locate(const char *name, char path[static PATH_MAX]) {
        (void) snprintf(path, PATH_MAX, "%s/%s", getenv("CHAOS_SHIM"), name);
        return path;
}

static int open_file(const char *name) {
        char path[PATH_MAX];

        return open(locate(name, path), O_RDONLY | O_CLOEXEC);
}

static long read_number(const char *name, long otherwise) {
        int before = errno, fd = open_file(name);
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

/* Whether the disk fails now, with errno set. */
static int fails(void) {
        int before = errno, fd;

        die_in_time();
        fd = open_file("eio");
        errno = before;
        if (fd < 0)
                return 0;
        (void) close(fd);
        errno = EIO;
        return 1;
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
                ret->tv_sec += read_number("clock", 0);
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
        int r = next(gettimeofday)(ret, zone);

        if (r == 0)
                ret->tv_sec += read_number("clock", 0);
        return r;
}
