/* SPDX-License-Identifier: Apache-2.0 */

/* The order in which a job wrote to its two streams is kept. Each write(2) to a pipe in packet mode (O_DIRECT, see
 * pipe(2)) stands by itself in it, and a pipe of one page holds one of them: the next write to the same stream waits until
 * that is read. So never more than one of each stream is there, and the ready list of epoll, which is first in, first out
 * for edge-triggered descriptors, says which came first. A stream that has the floor for a long time is given a wide
 * pipe, so that it need not wait for us. */

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include "output-order.h"
#include "worker.h"

#define PAGE 4096
#define BLOCK 512 /* a full disk takes a multiple of it at least */
#define WIDE (1024 * 1024)
#define WIDE_AFTER (64 * 1024) /* bytes in a row of one stream */
#define TURN (4 * 1024 * 1024) /* bytes moved before other events have their turn */

static int open_stream(Pump *p, unsigned i, bool packets, int ret_ends[static 2]) {
        Stream *s = &p->streams[i];
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };
        int ends[2];

        if (pipe2(ends, O_CLOEXEC | (packets ? O_DIRECT : 0)) < 0)
                return -errno;
        s->pipe = ends[0];
        ret_ends[i] = ends[1];
        s->end = packets ? fcntl(ends[1], F_DUPFD_CLOEXEC, 3) : -EBADF;
        s->packets = packets;
        s->wide = !packets;
        if (packets)
                (void) fcntl(s->pipe, F_SETPIPE_SZ, PAGE);
        if (fcntl(s->pipe, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->pipe, &event) < 0)
                return -errno;
        /* splice(2) takes no file that is opened to append; nobody else writes to this one. */
        (void) fcntl(s->file, F_SETFL, 0);
        return 0;
}

int pump_open(Pump *p, int epoll, const WorkerTrailer *trailer, int ret_ends[static 2]) {
        int r;

        *p = (Pump) {
                .streams = { { .pipe = -EBADF, .end = -EBADF, .file = STDOUT_FILENO },
                             { .pipe = -EBADF, .end = -EBADF, .file = STDERR_FILENO } },
                .epoll = epoll,
                .order = -EBADF,
                .followers = { -EBADF, -EBADF, -EBADF, -EBADF },
                .max = trailer->output_max,
        };
        ret_ends[0] = ret_ends[1] = -EBADF;
        r = open_stream(p, 0, !(trailer->flags & WORKER_MERGE_OUTPUT), ret_ends);
        if (r < 0)
                return r;
        if (!(trailer->flags & WORKER_MERGE_OUTPUT))
                return open_stream(p, 1, true, ret_ends);
        ret_ends[1] = fcntl(ret_ends[0], F_DUPFD_CLOEXEC, 3);
        return ret_ends[1] < 0 ? -errno : 0;
}

/* --- the order ------------------------------------------------------------------------------------- */

bool pump_is_dirty(const Pump *p) {
        return (p->n_entries > 0 && p->order >= 0) || (p->grown && p->n_followers > 0) || p->streams[0].has_moved ||
                p->streams[1].has_moved;
}

/* An entry behind one that could not be written would tell of other bytes. */
static void flush_order(Pump *p) {
        size_t size = p->n_entries * sizeof(OutputOrderEntry);

        if (p->n_entries == 0 || p->order < 0)
                return;
        if (write(p->order, p->entries, size) != (ssize_t) size)
                p->order_lost = true;
        p->n_entries = 0;
}

/* Followers wait for an edge and read nothing; one that writes to it itself cannot keep the others from being told. */
static void tell(int follower) {
        struct pollfd both = { .fd = follower, .events = POLLIN | POLLOUT };
        uint64_t one = 1, count;

        /* Its flags are shared with those who follow, who may have taken O_NONBLOCK away. */
        if (poll(&both, 1, 0) <= 0)
                return;
        if (!(both.revents & POLLOUT) && (both.revents & POLLIN))
                (void) !read(follower, &count, sizeof(count));
        (void) !write(follower, &one, sizeof(one));
}

static void tell_followers(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->followers) && p->grown; i++)
                if (p->followers[i] >= 0)
                        tell(p->followers[i]);
        p->grown = false;
}

/* A command may have made its pipe larger: then there is more in it than the events were about. */
static void look_at_size(Stream *s) {
        if (s->has_moved && !s->wide && fcntl(s->pipe, F_GETPIPE_SZ) > PAGE)
                s->wide = s->pending = true;
        s->has_moved = false;
}

void pump_flush(Pump *p) {
        flush_order(p);
        tell_followers(p);
        look_at_size(&p->streams[0]);
        look_at_size(&p->streams[1]);
}

void pump_set_follower(Pump *p, int fd) {
        int *place = &p->followers[p->n_followers++ % ELEMENTSOF(p->followers)];

        closep(place);
        *place = fd;
        p->grown = true; /* before it came, perhaps */
}

void pump_set_order(Pump *p, int fd) {
        if (p->order < 0)
                p->order = fd;
        else
                (void) close(fd);
}

static bool more_entries(Pump *p) {
        size_t n = p->n_allocated + PUMP_ENTRIES;
        OutputOrderEntry *bigger;

        if (n > PUMP_ENTRIES_MAX)
                return false;
        bigger = reallocarray(p->entries, n, sizeof(OutputOrderEntry));
        if (!bigger)
                return false;
        p->entries = bigger;
        p->n_allocated = n;
        return true;
}

static void add_entry(Pump *p, unsigned stream, size_t size) {
        OutputOrderEntry *last = p->n_entries > 0 ? &p->entries[p->n_entries - 1] : NULL;
        uint64_t usec = realtime_usec();

        if (p->order_lost)
                return;
        if (last && last->stream == stream && usec - last->usec < USEC_PER_MSEC && last->size < UINT32_MAX - size) {
                last->size += (uint32_t) size;
                return;
        }
        if (p->n_entries >= PUMP_ENTRIES)
                flush_order(p);
        if ((!p->entries || p->n_entries == p->n_allocated) && !more_entries(p))
                p->order_lost = true; /* from here on */
        else
                p->entries[p->n_entries++] = (OutputOrderEntry) { .usec = usec, .size = (uint32_t) size, .stream = stream };
}

/* --- moving bytes ---------------------------------------------------------------------------------- */

/* What is lost of one stream leaves nothing behind it: a file ends where its disk failed. */
static void lose(Pump *p, Stream *s, int error) {
        if (p->error == 0)
                p->error = error;
        s->lost = true;
}

static bool is_full(int error) {
        return error == ENOSPC || error == EDQUOT;
}

/* Throws away what is in the pipe. */
static ssize_t discard(const Stream *s) {
        char bytes[PAGE];

        return read(s->pipe, bytes, sizeof(bytes));
}

/* For a file system that cannot splice: what was read waits in a buffer until it is written. */
static ssize_t copy(Stream *s, size_t max) {
        ssize_t n;

        if (!s->buffer)
                s->buffer = malloc(PAGE);
        if (!s->buffer) {
                errno = ENOMEM;
                return -1;
        }
        if (s->buffered == 0) {
                n = read(s->pipe, s->buffer, MIN((size_t) PAGE, max));
                if (n <= 0)
                        return n;
                s->buffered = (size_t) n;
        }
        n = write(s->file, s->buffer, MIN(s->buffered, max));
        if (n <= 0)
                return -1;
        s->buffered -= (size_t) n;
        memmove(s->buffer, s->buffer + n, s->buffered);
        return n;
}

/* Moves at most max bytes. Returns what splice(2) does: 0 when all ends are closed, EAGAIN when there is nothing. */
static ssize_t move(Pump *p, Stream *s, size_t max) {
        ssize_t n = -1;

        if (s->lost)
                return discard(s);
        errno = EINVAL;
        if (s->buffered == 0)
                n = splice(s->pipe, NULL, s->file, NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && errno == EINVAL)
                n = copy(s, max);
        if (n >= 0 || errno == EAGAIN || errno == EINTR)
                return n;
        if (is_full(errno)) {
                s->blocked = errno;
                return -1;
        }
        lose(p, s, errno);
        return discard(s);
}

/* How much may still be written. */
static size_t room(const Pump *p) {
        return p->max > 0 ? p->max - p->streams[0].size - p->streams[1].size : SIZE_MAX;
}

/* A program that writes without blocking, as those of libuv do, may throw away what does not fit at once: it has more room
 * from now on, and the order of what it writes is as exact as we are quick. */
static void look_at_flags(Stream *s) {
        int flags = s->packets && s->end >= 0 ? fcntl(s->end, F_GETFL) : 0;

        if (flags < 0 || !(flags & O_NONBLOCK) || fcntl(s->end, F_SETFL, flags & ~O_DIRECT) < 0)
                return;
        s->packets = false;
        s->wide = true;
        (void) fcntl(s->pipe, F_SETPIPE_SZ, WIDE);
}

static void widen(Stream *s) {
        if (!s->wide && s->streak >= WIDE_AFTER && fcntl(s->pipe, F_SETPIPE_SZ, WIDE) >= 0)
                s->wide = true;
}

/* Fails where there is more in it already. */
static void narrow(Stream *s) {
        s->streak = 0;
        if (s->wide && s->packets && fcntl(s->pipe, F_SETPIPE_SZ, PAGE) >= 0)
                s->wide = false;
}

static void account(Pump *p, unsigned stream, size_t size) {
        Stream *s = &p->streams[stream];

        s->streak = MIN(s->streak + (uint32_t) MIN(size, (size_t) WIDE), (uint32_t) WIDE);
        narrow(&p->streams[!stream]);
        if (s->lost)
                return;
        s->size += size;
        p->grown = true;
        add_entry(p, stream, size);
}

/* The disk was full perhaps, and has taken the first part of a packet: what is left of it is no event of its own. Nor is a
 * packet that came while the one before it waited in the buffer. */
static void look_again(Pump *p, unsigned stream) {
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = stream };

        (void) epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->streams[stream].pipe, &event);
}

/* At most one packet of a narrow pipe, and all that there is of a wide one; but no more than turn. A packet of which only a
 * part may be written is not left half. */
static uint64_t pump_some(Pump *p, unsigned stream, bool all, uint64_t turn) {
        Stream *s = &p->streams[stream];
        uint64_t moved = 0;
        size_t left;
        ssize_t n;

        s->pending = false;
        s->blocked = 0;
        look_at_flags(s);
        do {
                size_t max;

                left = room(p);
                max = MIN(left, s->wide ? (size_t) WIDE : (size_t) PAGE);

                n = left > 0 ? move(p, s, max) : discard(s);
                if (n <= 0)
                        break;
                if (left == 0)
                        p->is_over = true;
                else
                        account(p, stream, (size_t) n);
                moved += (uint64_t) n;
                s->has_moved = true;
        } while ((s->wide || all || (size_t) n == left) && moved < turn);
        s->pending = s->blocked || s->buffered > 0 || (n > 0 && s->wide);
        if (n > 0 && !s->pending && (s->buffer || s->size % BLOCK == 0))
                look_again(p, stream);
        if (n <= 0 && !s->blocked && moved < WIDE_AFTER)
                narrow(s);
        else
                widen(s);
        return moved;
}

uint64_t pump_stream(Pump *p, unsigned stream) {
        return pump_some(p, stream, false, TURN);
}

/* No more than fits into a pipe: where it is not seen what the job has left, that may go on to write. */
void pump_drain(Pump *p) {
        for (unsigned i = 0; i < ELEMENTSOF(p->streams); i++)
                if (p->streams[i].pipe >= 0)
                        (void) pump_some(p, i, true, (uint64_t) MAX(fcntl(p->streams[i].pipe, F_GETPIPE_SZ), PAGE));
        pump_flush(p);
}

void pump_give_up(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++)
                if (p->streams[i].blocked)
                        lose(p, &p->streams[i], p->streams[i].blocked);
}

void pump_close(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++) {
                Stream *s = &p->streams[i];

                closep(&s->pipe);
                closep(&s->end);
                s->pipe = s->end = -EBADF;
                s->pending = false;
                if (s->size > 0 && fdatasync(s->file) < 0 && p->error == 0)
                        p->error = errno;
        }
}

void pump_free(Pump *p) {
        closep(&p->order);
        free(p->entries);
}
