/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>

#include "output.h"

int append_output(sd_bus_message *m, void *output_name) {
        const OutputName *name = output_name;

        return sd_bus_message_append(m, "ss", name->id, name->stream);
}

int output_take_fd(sd_bus_message *reply, int *ret) {
        int fd, r;

        r = sd_bus_message_read_basic(reply, 'h', &fd);
        if (r < 0)
                return r;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message owns the first */
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

int output_open(Client *c, const OutputName *name, int *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        OutputName argument = *name;
        int r;

        r = call_wait(c, CALL_PATIENT, "OpenOutput", append_output, &argument, &reply, error);
        if (r < 0)
                return r;
        return output_take_fd(reply, ret);
}

/* Reads exactly size bytes if the file has them. Returns how many, or a negative errno. */
static ssize_t read_at(int fd, char *buffer, size_t size, off_t offset) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, buffer + done, size - done, offset + (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }
        return (ssize_t) done;
}

static int file_size(int fd, off_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = st.st_size;
        return 0;
}

int output_tail(int fd, uint64_t n, off_t *ret) {
        char buffer[16384];
        uint64_t lines = 0;
        off_t size = 0, end;
        int r;

        r = file_size(fd, &size);
        if (r < 0)
                return r;
        if (n == 0) {
                *ret = size;
                return 0;
        }
        for (end = size; end > 0;) {
                size_t part = (size_t) MIN(end, (off_t) sizeof(buffer));
                ssize_t got = read_at(fd, buffer, part, end - (off_t) part);

                if (got < 0)
                        return (int) got;
                for (size_t i = (size_t) got; i-- > 0;) {
                        off_t behind = end - (off_t) part + (off_t) i + 1;

                        /* A newline at the end of the file does not start another line. */
                        if (buffer[i] == '\n' && behind < size && ++lines == n) {
                                *ret = behind;
                                return 0;
                        }
                }
                end -= (off_t) part;
        }
        *ret = 0;
        return 0;
}

int output_read(int fd, off_t offset, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        ssize_t n;
        off_t size = 0;
        int r;

        r = file_size(fd, &size);
        if (r < 0)
                return r;
        if (offset > size)
                offset = size;
        max = (size_t) MIN((off_t) max, size - offset);
        data = malloc(max + 1);
        if (!data)
                return -ENOMEM;
        n = read_at(fd, data, max, offset);
        if (n < 0)
                return (int) n;
        data[n] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = (size_t) n;
        return 0;
}
