/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "descriptor.h"

/* Keeps one end and closes the other: who reads from it finds the end, who writes is told so. */
static int take_end(const int fds[static 2], int end) {
        (void) close(fds[1 - end]);
        return fds[end];
}

static int new_pipe(Random *random) {
        int fds[2];

        return pipe2(fds, O_CLOEXEC) < 0 ? -errno : take_end(fds, (int) random_below(random, 2));
}

static int new_socket(Random *random) {
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
        int fds[2];

        if (socketpair(AF_UNIX, random_pick(random, types) | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        return take_end(fds, 0);
}

/* Its other end is itself: reading from it waits for ever. */
static int new_fifo(Random *random) {
        char path[64];
        int fd;

        (void) snprintf(path, sizeof(path), "/tmp/fuzz-bus-%d", (int) getpid());
        if (mkfifo(path, 0600) < 0)
                return -errno;
        fd = open(path, O_RDWR | O_CLOEXEC);
        (void) unlink(path);
        return fd;
}

static int new_file(Random *random) {
        static const char *const paths[] = {
                "/", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/etc/passwd", "/proc/self/mem",
                "/proc/self/status", "/proc/sys/kernel/ostype", "/sys/kernel", "/tmp", "/run/dbus/system_bus_socket",
        };
        static const int flags[] = { O_RDONLY, O_RDWR, O_WRONLY, O_PATH, O_RDONLY | O_DIRECTORY };

        return open(random_pick(random, paths), random_pick(random, flags) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int new_unnamed(Random *random) {
        return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int new_event(Random *random) {
        static const int flags[] = { EFD_CLOEXEC, EFD_CLOEXEC | EFD_NONBLOCK, EFD_CLOEXEC | EFD_SEMAPHORE };

        switch (random_below(random, 3)) {
        case 0:
                return eventfd(1, random_pick(random, flags));
        case 1:
                return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        default:
                return epoll_create1(EPOLL_CLOEXEC);
        }
}

/* What the service takes: small or at its bound, with and without content, sealed and not. */
static int new_memory(Random *random) {
        static const off_t sizes[] = { 0, 0, 1, 4095, 100000, 1 << 20, 16 << 20, (16 << 20) + 1, INT64_C(1) << 40, INT64_MAX };
        static const int seals[] = {
                0, F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW | F_SEAL_SHRINK,
                F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
        };
        /* The large ones cost the disk of the store their size, where they are taken. */
        off_t size = random_once_in(random, 20) ? random_pick(random, sizes) : (off_t) random_below(random, 5000);
        int fd;

        fd = memfd_create("fuzz-bus", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        if (ftruncate(fd, size) >= 0 && size > 0)
                (void) !pwrite(fd, "input\n", 6, 0);
        (void) lseek(fd, random_below(random, 10), SEEK_SET);
        (void) fcntl(fd, F_ADD_SEALS, random_pick(random, seals));
        return fd;
}

int descriptor_new(Random *random) {
        static int (*const sorts[])(Random *random) = {
                new_memory, new_memory, new_memory, new_pipe, new_socket, new_fifo, new_file, new_file, new_unnamed, new_event,
        };
        int fd = random_pick(random, sorts)(random);

        return fd >= 0 ? fd : memfd_create("fuzz-bus", MFD_CLOEXEC);
}
