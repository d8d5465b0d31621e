/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "frame.h"
#include "read-write.h"

#define ROOM (256U * 1024U)

static const struct {
        unsigned n;
        char type;
        bool has_data; /* the last number is its size */
} types[] = {
        { 2, 'H', false }, { 3, 'O', true },  { 1, 'M', true },  { 0, 'B', false }, { 2, 'X', true },
        { 3, 'S', true },  { 0, 'T', false }, { 0, 'P', false }, { 0, 'G', false },
};

/* Room for need more bytes. */
static int make_room(FrameBuffer *b, size_t need) {
        char *bigger;

        if (b->begin > 0 && b->allocated - b->end < need) {
                memmove(b->data, b->data + b->begin, b->end - b->begin);
                b->end -= b->begin;
                b->begin = 0;
        }
        if (b->allocated - b->end >= need)
                return 0;
        if (b->end + need > FRAME_DATA_MAX + 2 * ROOM)
                return -EBADMSG;
        bigger = realloc(b->data, MAX(2 * b->allocated, b->end + need));
        if (!bigger)
                return -ENOMEM;
        b->data = bigger;
        b->allocated = MAX(2 * b->allocated, b->end + need);
        return 0;
}

ssize_t frame_fill(FrameBuffer *b, int fd) {
        ssize_t n;
        int r;

        r = make_room(b, ROOM);
        if (r < 0)
                return r;
        do
                n = read(fd, b->data + b->end, b->allocated - b->end);
        while (n < 0 && errno == EINTR);
        if (n > 0)
                b->end += (size_t) n;
        return n < 0 ? -errno : n;
}

static bool read_number(const char **p, uint64_t *ret) {
        char *end;

        if (**p != ' ' || (*p)[1] < '0' || (*p)[1] > '9')
                return false;
        errno = 0;
        *ret = strtoull(*p + 1, &end, 10);
        *p = end;
        return errno == 0;
}

static int read_line(const char *line, Frame *f, bool *ret_data) {
        const char *p = line + 1;
        size_t i = 0;

        while (i < ELEMENTSOF(types) && types[i].type != *line)
                i++;
        if (i == ELEMENTSOF(types))
                return -EBADMSG;
        f->type = *line;
        *ret_data = types[i].has_data;
        for (f->n = 0; f->n < types[i].n; f->n++)
                if (!read_number(&p, &f->numbers[f->n]))
                        return -EBADMSG;
        if (f->type == 'H' && *p == ' ') {
                (void) snprintf(f->word, sizeof(f->word), "%s", p + 1);
                return 0;
        }
        return *p ? -EBADMSG : 0;
}

int frame_next(FrameBuffer *b, Frame *ret) {
        size_t n = b->end - b->begin, used;
        const char *begin, *newline;
        char line[FRAME_LINE_MAX];
        bool has_data;
        int r;

        if (n == 0)
                return 0;
        begin = b->data + b->begin;
        newline = memchr(begin, '\n', MIN(n, sizeof(line)));
        if (!newline)
                return n >= sizeof(line) ? -EBADMSG : 0;
        used = (size_t) (newline - begin);
        memcpy(line, begin, used);
        line[used++] = 0;
        *ret = (Frame) {};
        r = read_line(line, ret, &has_data);
        if (r < 0)
                return r;
        if (has_data) {
                ret->size = ret->numbers[ret->n - 1];
                if (ret->size > FRAME_DATA_MAX)
                        return -EBADMSG;
                if (n < used + ret->size + 1)
                        return 0;
                ret->data = begin + used;
                if (ret->data[ret->size] != '\n')
                        return -EBADMSG;
                used += ret->size + 1;
        }
        b->begin += used;
        return 1;
}

void frame_free(FrameBuffer *b) {
        free(b->data);
        *b = (FrameBuffer) {};
}

int frame_write(int fd, const char *line, const void *data, size_t size) {
        char head[FRAME_LINE_MAX + 1];
        int n = snprintf(head, sizeof(head), "%s\n", line), r;

        r = write_all(fd, head, (size_t) n);
        if (r >= 0 && data)
                r = write_all(fd, data, size);
        return r >= 0 && data ? write_all(fd, "\n", 1) : r;
}
