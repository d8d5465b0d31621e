/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <poll.h>
#include <sys/stat.h>

#include "live.h"
#include "outlet.h"
#include "stamp.h"
#include "terminal.h"

#define ROOM_MIN 64U /* to read less is not worth it */

/* ---- In ---- */

/* The number of bytes that certainly fit into the buffer after conversion for the target. */
static size_t room(const Outlet *o, const OutletTarget *t) {
        size_t n = OUTLET_SIZE - o->end;

        if (o->timestamps)
                n /= STAMPED_SIZE(1);
        if (t->is_terminal)
                n = n > CLEAN_SIZE(0) ? (n - CLEAN_SIZE(0)) / (CLEAN_SIZE(1) - CLEAN_SIZE(0)) : 0;
        return n;
}

bool outlet_has_room(const Outlet *o, OutputOrderStream stream) {
        const OutletTarget *t = &o->targets[stream];

        return outlet_is_empty(o) || t->lost || (t == o->target && room(o, t) >= ROOM_MIN);
}

/* Puts n bytes into the buffer; NULL: those that the cleaner held back. */
static void put(Outlet *o, uint64_t usec, const char *data, size_t n) {
        OutletTarget *t = o->target;
        char *to = o->buffer + o->end;

        if (t->is_terminal) {
                char *cleaned = o->timestamps ? o->cleaned : to;

                n = data ? clean(&t->cleaner, data, n, cleaned) : clean_end(&t->cleaner, cleaned);
                data = cleaned;
        }
        o->end += o->timestamps ? stamp(&t->amid, usec, data, n, to) : n;
}

ssize_t outlet_read(Outlet *o, const OrderPart *part, int fd) {
        OutletTarget *t = &o->targets[part->stream];
        bool as_it_is = !t->is_terminal && !o->timestamps;
        char *to = as_it_is ? o->buffer + o->end : o->raw;
        ssize_t n;

        if (t->lost)
                return part->end - part->begin;
        do
                n = pread(fd, to, (size_t) MIN((off_t) room(o, t), part->end - part->begin), part->begin);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        o->target = t;
        put(o, part->usec, to, (size_t) n);
        return n;
}

bool outlet_end(Outlet *o) {
        for (size_t i = 0; i < ELEMENTSOF(o->targets) && o->end == 0; i++) {
                o->target = &o->targets[i];
                if (o->target->is_terminal && !o->target->lost)
                        put(o, 0, NULL, 0);
        }
        return o->end > 0;
}

/* ---- Out ---- */

bool outlet_is_empty(const Outlet *o) {
        return o->end == 0;
}

static bool is_ready(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) != 0; /* errors show when it is written to */
}

static int write_buffer(Outlet *o) {
        const OutletTarget *t = o->target;

        while (o->begin < o->end) {
                ssize_t n;

                if (!is_ready(t->fd))
                        return 0;
                if (t->is_terminal)
                        live_hide();
                n = write(t->fd, o->buffer + o->begin, MIN(o->end - o->begin, t->chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return -errno;
                live_wrote(t->fd, o->buffer + o->begin, (size_t) n);
                o->begin += (size_t) n;
        }
        return 1;
}

/* Errors of stderr itself cannot be reported; the exit status is still wanted. */
int outlet_flush(Outlet *o) {
        int r = write_buffer(o);

        if ((r == -EBADF || r == -EPIPE) && o->target->fd == STDERR_FILENO) {
                o->target->lost = true;
                r = 1;
        }
        if (r > 0)
                o->begin = o->end = 0;
        return r;
}

/* ---- The object ---- */

static OutletTarget target_of(int fd) {
        struct stat st;

        return (OutletTarget) {
                .fd = fd,
                /* poll(2) promises of a pipe that one page fits. */
                .chunk = fstat(fd, &st) >= 0 && S_ISREG(st.st_mode) ? OUTLET_SIZE : 4096,
                .is_terminal = isatty(fd),
                .cleaner.ascii = !terminal_takes_utf8(fd),
        };
}

void outlet_init(Outlet *o, int out, int err, bool timestamps) {
        o->timestamps = timestamps;
        o->targets[OUTPUT_ORDER_STDOUT] = target_of(out);
        o->targets[OUTPUT_ORDER_STDERR] = target_of(err);
        o->target = o->targets;
        o->begin = o->end = 0;
}
