/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "read-write.h"

int write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                struct pollfd ready = { .fd = fd, .events = POLLOUT };
                ssize_t n = write(fd, p, size);

                if (n >= 0) {
                        p += n;
                        size -= (size_t) n;
                } else if (errno == EAGAIN)
                        (void) poll(&ready, 1, -1);
                else if (errno != EINTR)
                        return -errno;
        }
        return 0;
}

int write_at(int fd, const void *data, size_t size, off_t offset) {
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, (const char *) data + done, size - done, offset + (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        return 0;
}

ssize_t read_at(int fd, void *buffer, size_t size, off_t offset) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, (char *) buffer + done, size - done, offset + (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                done += n > 0 ? (size_t) n : 0;
        }
        return (ssize_t) done;
}
