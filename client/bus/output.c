/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "output.h"
#include "read-write.h"

#define COPY_SIZE ((off_t) 65536)

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

static int open_file(Client *c, const OutputName *name, int *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        OutputName argument = *name;
        int r;

        r = call_wait(c, CALL_PATIENT, "OpenOutput", append_output, &argument, &reply, error);
        if (r < 0)
                return r;
        return output_take_fd(reply, ret);
}

/* ---- Without descriptors ---- */

int append_part(sd_bus_message *m, void *output_part) {
        const OutputPart *part = output_part;

        return sd_bus_message_append(m, "sstt", part->name.id, part->name.stream, part->offset, part->max);
}

int output_take_part(sd_bus_message *reply, OutputPart *part, int fd, OutputState *ret) {
        const void *data;
        int complete, r;
        size_t n;

        r = sd_bus_message_read_array(reply, 'y', &data, &n);
        if (r >= 0)
                r = sd_bus_message_read(reply, "tb", &ret->size, &complete);
        if (r < 0)
                return r;
        ret->complete = complete;
        if (n > part->max || ret->size > INT64_MAX)
                return -EBADMSG;
        r = write_at(fd, data, n, (off_t) part->offset);
        part->offset += n;
        return r;
}

int output_new(void) {
        int fd = memfd_create("codex-jobs-output", MFD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int read_part(Client *c, OutputPart *part, int fd, OutputState *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = call_wait(c, CALL_PATIENT, "ReadOutput", append_part, part, &reply, error);
        return r < 0 ? r : output_take_part(reply, part, fd, ret);
}

static int copy_range(Client *c, const OutputName *name, int fd, uint64_t begin, uint64_t end, sd_bus_error *error) {
        OutputPart part = { .name = *name, .offset = begin };

        while (part.offset < end) {
                uint64_t before = part.offset;
                OutputState state;
                int r;

                part.max = end - before;
                r = read_part(c, &part, fd, &state, error);
                if (r < 0)
                        return r;
                if (part.offset == before) /* it was truncated */
                        break;
        }
        return 0;
}

static int find_tail(int fd, uint64_t n, off_t begin, off_t *ret);

/* From the end on, until the file has so many lines. */
static int copy_lines(Client *c, const OutputName *name, int fd, off_t size, uint64_t lines, sd_bus_error *error) {
        off_t begin = size, found;
        int r = 0;

        while (r == 0 && begin > 0 && lines > 0) {
                off_t end = begin;

                begin = MAX(end - COPY_SIZE, (off_t) 0);
                r = copy_range(c, name, fd, (uint64_t) begin, (uint64_t) end, error);
                if (r >= 0)
                        r = find_tail(fd, lines, begin, &found);
        }
        return MIN(r, 0);
}

static int copy_stream(Client *c, const OutputName *name, const OutputWant *want, int fd, sd_bus_error *error) {
        OutputPart part = { .name = *name, .offset = UINT64_MAX };
        uint64_t head, tail;
        OutputState state;
        int r;

        r = read_part(c, &part, fd, &state, error);
        if (r >= 0 && ftruncate(fd, (off_t) state.size) < 0)
                r = -errno;
        if (r < 0)
                return r;
        head = MIN(want->head, state.size);
        tail = MIN(want->tail, state.size - head);
        r = copy_range(c, name, fd, 0, head, error);
        if (r >= 0)
                r = copy_range(c, name, fd, state.size - tail, state.size, error);
        return r < 0 ? r : copy_lines(c, name, fd, (off_t) state.size, want->lines, error);
}

int output_open(Client *c, const OutputName *name, const OutputWant *want, int *ret, sd_bus_error *error) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (client_passes_descriptors(c))
                return open_file(c, name, ret, error);
        fd = output_new();
        if (fd < 0)
                return fd;
        r = copy_stream(c, name, want, fd, error);
        if (r >= 0)
                *ret = TAKE_FD(fd);
        return r;
}

/* ---- Reading ---- */

static int file_size(int fd, off_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = st.st_size;
        return 0;
}

/* What is before begin is not looked at. Returns 1; 0 with begin if there are not so many. */
static int find_tail(int fd, uint64_t n, off_t begin, off_t *ret) {
        char buffer[16384];
        uint64_t lines = 0;
        off_t size = 0, end;
        int r;

        r = file_size(fd, &size);
        if (r < 0)
                return r;
        if (n == 0) {
                *ret = size;
                return 1;
        }
        for (end = size; end > begin;) {
                size_t part = (size_t) MIN(end - begin, (off_t) sizeof(buffer));
                ssize_t got = read_at(fd, buffer, part, end - (off_t) part);

                if (got < 0)
                        return (int) got;
                for (size_t i = (size_t) got; i-- > 0;) {
                        off_t behind = end - (off_t) part + (off_t) i + 1;

                        /* A newline at the end of the file does not start another line. */
                        if (buffer[i] == '\n' && behind < size && ++lines == n) {
                                *ret = behind;
                                return 1;
                        }
                }
                end -= (off_t) part;
        }
        *ret = begin;
        return 0;
}

int output_tail(int fd, uint64_t n, off_t *ret) {
        return MIN(find_tail(fd, n, 0, ret), 0);
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
