/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "order.h"

static_assert(sizeof(off_t) == sizeof(int64_t), "offsets have 64 bits");

#define LONG_SIZE 65536

/* ---- The streams ---- */

static int source_look(OrderSource *f) {
        struct stat st;

        if (f->fd < 0)
                return 0;
        if (fstat(f->fd, &st) < 0)
                return -errno;
        f->size = st.st_size;
        return 0;
}

/* Everything up to end that is wanted and was not returned yet. Returns whether there is anything. */
static bool source_take(Order *o, OrderPart part, OrderPart *ret) {
        OrderSource *f = &o->sources[part.stream];

        part.begin = MAX(part.begin, f->shown);
        part.end = MIN(part.end, f->limit);
        if (f->fd < 0 || part.begin >= part.end)
                return false;
        f->shown = part.end;
        o->last = part.stream;
        *ret = part;
        return true;
}

static bool source_take_up_to(Order *o, OutputOrderStream stream, off_t end, OrderPart *ret) {
        return source_take(o, (OrderPart) { .stream = stream, .end = end }, ret);
}

/* ---- Without the index ---- */

/* While one stream is empty there is no order of both. What was there of one before the other was looked at and found
 * empty was written before anything of the other. */
static int next_alone(Order *o, OrderPart *ret) {
        OrderSource *out = &o->sources[OUTPUT_ORDER_STDOUT], *err = &o->sources[OUTPUT_ORDER_STDERR];
        off_t early;
        int r;

        r = source_look(out);
        early = out->size;
        if (r >= 0)
                r = source_look(err);
        if (r >= 0)
                r = source_look(out);
        if (r < 0)
                return r;
        if (o->timed ? out->size > 0 || err->size > 0 : out->size > 0 && err->size > 0)
                o->index = ORDER_WANTED;
        if (o->timed)
                return 0;
        if (err->size == 0)
                return source_take_up_to(o, OUTPUT_ORDER_STDOUT, early, ret);
        return out->size == 0 && source_take_up_to(o, OUTPUT_ORDER_STDERR, err->size, ret);
}

/* In turns, so that neither has to wait for the end of the other; stdout first if both are complete. */
static int next_unordered(Order *o, OrderPart *ret) {
        OutputOrderStream first = o->ended ? OUTPUT_ORDER_STDOUT : !o->last;

        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++) {
                OutputOrderStream stream = i == 0 ? first : !first;
                int r;

                r = source_look(&o->sources[stream]);
                if (r < 0)
                        return r;
                if (source_take_up_to(o, stream, o->sources[stream].size, ret))
                        return 1;
        }
        return 0;
}

/* ---- The index ---- */

static int read_entries(Order *o) {
        ssize_t n;

        do
                n = pread(o->fd, o->entries, sizeof(o->entries), o->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        o->next = 0;
        o->n = (size_t) n / sizeof(OutputOrderEntry); /* without one of which only a part is there */
        o->offset += (off_t) (o->n * sizeof(OutputOrderEntry));
        return o->n > 0;
}

/* Takes the next entry, and those after it that are of the same stream and whose bytes, as far as is known, are
 * present. */
static int take_entries(Order *o) {
        const OutputOrderEntry *e = &o->entries[o->next];
        OrderSource *f;
        OrderPart part;
        off_t end;

        if (e->stream >= _OUTPUT_ORDER_STREAM_MAX)
                return -EBADMSG;
        f = &o->sources[e->stream];
        part = (OrderPart) { .stream = e->stream, .usec = e->usec, .begin = f->covered, .end = f->covered };
        do {
                e = &o->entries[o->next];
                if (e->stream != part.stream || e->size == 0 || __builtin_add_overflow(part.end, (off_t) e->size, &end))
                        break;
                if (end > f->size && part.end > part.begin)
                        break;
                part.end = end;
                o->next++;
        } while (!o->timed && o->next < o->n);
        if (part.end == part.begin)
                return -EBADMSG;
        f->covered = part.end;
        o->part = part;
        return 0;
}

/* What is there of the part: all of it, or the beginning of one that is long. Returns 0 if it is less. */
static int part_take(Order *o, OrderPart *ret) {
        OrderSource *f = &o->sources[o->part.stream];
        int r;

        *ret = o->part;
        if (f->fd >= 0 && o->part.end > f->size) {
                r = source_look(f);
                if (r < 0)
                        return r;
                ret->end = MIN(o->part.end, f->size);
                if (ret->end < o->part.end && ret->end - ret->begin < LONG_SIZE)
                        return 0;
        }
        o->part.begin = ret->end;
        return 1;
}

/* Reads the index at most once; after that, there may be more to skip than fits in one turn. */
static int next_ordered(Order *o, OrderPart *ret) {
        for (bool read = false;;) {
                OrderPart part;
                int r;

                if (o->part.begin == o->part.end) {
                        if (o->next == o->n) {
                                if (read) {
                                        *ret = (OrderPart) {};
                                        return 1;
                                }
                                r = read_entries(o);
                                if (r <= 0)
                                        return r;
                                read = true;
                        }
                        r = take_entries(o);
                        if (r < 0)
                                return r;
                }
                r = part_take(o, &part);
                if (r <= 0)
                        return r;
                if (source_take(o, part, ret))
                        return 1;
        }
}

static void close_index(Order *o) {
        if (o->fd >= 0)
                (void) close(TAKE_FD(o->fd));
        o->part.begin = o->part.end;
        o->index = ORDER_NONE;
}

/* ---- The walk ---- */

static bool all_is_shown(const Order *o) {
        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++)
                if (o->sources[i].shown < o->sources[i].limit)
                        return false;
        return true;
}

int order_next(Order *o, OrderPart *ret) {
        int r;

        if (o->index == ORDER_UNUSED) {
                r = next_alone(o, ret);
                if (r != 0)
                        return r;
        }
        if (o->ended && all_is_shown(o)) { /* a job that still runs adds to the index all the time */
                if (o->index != ORDER_UNUSED)
                        close_index(o);
                return 0;
        }
        if (o->index == ORDER_OPEN) {
                r = next_ordered(o, ret);
                if (r > 0) {
                        o->late = false;
                        return r;
                }
                if (r < 0 || o->ended || (o->late && o->part.begin < o->part.end))
                        close_index(o);
        }
        if (o->index != ORDER_NONE && !o->late)
                return 0;
        r = next_unordered(o, ret);
        if (r == 0)
                o->late = false;
        return r;
}

bool order_wants_index(const Order *o) {
        return o->index == ORDER_WANTED;
}

void order_set_index(Order *o, int fd) {
        o->index = fd < 0 ? ORDER_NONE : ORDER_OPEN;
        o->fd = fd;
}

int order_is_behind(Order *o) {
        if (o->index != ORDER_WANTED && o->index != ORDER_OPEN)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++) {
                OrderSource *f = &o->sources[i];
                int r = source_look(f);

                if (r < 0)
                        return r;
                if (f->size > f->shown)
                        return 1;
        }
        return o->part.begin < o->part.end;
}

void order_give_up(Order *o) {
        o->late = true;
}

int order_end(Order *o) {
        o->ended = true;
        o->late = false;
        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++) {
                OrderSource *f = &o->sources[i];
                int r = source_look(f);

                if (r < 0)
                        return r;
                f->limit = MIN(f->limit, f->size);
        }
        return 0;
}

bool order_is_over(const Order *o) {
        return o->ended && o->index != ORDER_WANTED;
}

/* ---- The object ---- */

void order_init(Order *o, bool timed) {
        o->timed = timed;
        o->ended = o->late = false;
        o->last = OUTPUT_ORDER_STDERR;
        o->index = ORDER_UNUSED;
        o->fd = -EBADF;
        o->offset = 0;
        o->next = o->n = 0;
        o->part = (OrderPart) {};
        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++)
                o->sources[i] = (OrderSource) { .fd = -EBADF, .limit = INT64_MAX };
}

void order_clear(Order *o) {
        for (size_t i = 0; i < ELEMENTSOF(o->sources); i++)
                closep(&o->sources[i].fd);
        closep(&o->fd);
}

int order_add(Order *o, OutputOrderStream stream, int fd, off_t begin, off_t end) {
        OrderSource *f = &o->sources[stream];
        int r;

        f->fd = fd;
        f->shown = begin;
        f->limit = end;
        r = source_look(f);
        if (r >= 0 && o->ended)
                f->limit = MIN(f->limit, f->size);
        return r;
}
