/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Moves the output of a job from its pipes to its files. The pipes are in packet mode (O_DIRECT, see pipe(2)), in which each
 * write keeps its size, and their order is determined by writes.c. A stream that is written much, and alone, is spliced
 * instead of copied.
 *
 * Each packet takes a page, so a pipe has room for fewer small writes than an ordinary one. That matters to a program that
 * writes without blocking and drops what does not fit, as Node.js does when it exits: its pipe becomes an ordinary one as soon
 * as that is known, and before, if it has threads when it first writes. */

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "output-order.h"
#include "worker.h"

#define PAGE 4096U
#define ROOM (512U * 1024U) /* size of a pipe, which has a packet a page, and of a buffer */
#define LOOKS_MAX 16
#define SPLICE_AFTER (64 * 1024) /* consecutive bytes of one stream */

/* The user has too many pipes for a large one, see pipe-user-pages-soft in pipe(7). */
static void make_plain(Stream *s) {
        s->plain = true;
        (void) fcntl(s->end, F_SETFL, 0);
}

static int open_stream(Pump *p, unsigned i, bool packets, int ret_ends[static 2]) {
        Stream *s = &p->streams[i];
        struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };
        int ends[2];

        if (pipe2(ends, O_CLOEXEC | (packets ? O_DIRECT : 0)) < 0)
                return -errno;
        s->pipe = ends[0];
        ret_ends[i] = ends[1];
        s->end = packets ? fcntl(ends[1], F_DUPFD_CLOEXEC, 3) : -EBADF;
        if (fcntl(s->pipe, F_SETPIPE_SZ, ROOM) < 0 && packets)
                make_plain(s);
        s->buffer = malloc(ROOM);
        if (!s->buffer)
                return -ENOMEM;
        if (fcntl(s->pipe, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->pipe, &event) < 0)
                return -errno;
        /* splice(2) does not support files opened for appending; nobody else writes to this one. It has what earlier
         * attempts have written. */
        (void) fcntl(s->file, F_SETFL, 0);
        (void) lseek(s->file, 0, SEEK_END);
        return 0;
}

static int open_both(Pump *p, int ret_ends[static 2]) {
        int r = 0;

        for (unsigned i = 0; i < ELEMENTSOF(p->streams) && r >= 0; i++)
                r = open_stream(p, i, true, ret_ends);
        if (r < 0)
                return r;
        if (pipe2(p->spool, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        for (unsigned i = 0; i < ELEMENTSOF(p->streams) && fcntl(p->spool[1], F_SETPIPE_SZ, 2 * ROOM) < 0; i++)
                make_plain(&p->streams[i]);
        (void) writes_open(&p->writes); /* without it, the order is unknown */
        for (unsigned i = 0; i < ELEMENTSOF(p->streams); i++)
                writes_watch(&p->writes, i, p->streams[i].pipe, true);
        return 0;
}

/* What earlier attempts have written counts, too. */
static uint64_t still_allowed(uint64_t max) {
        uint64_t taken = 0;
        struct stat st;

        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
                if (fstat(fd, &st) == 0)
                        taken += (uint64_t) st.st_size;
        return max > 0 ? MAX(max - MIN(taken, max), UINT64_C(1)) : 0;
}

int pump_open(Pump *p, int epoll, const WorkerTrailer *trailer, int ret_ends[static 2]) {
        int r;

        *p = (Pump) {
                .streams = { { .pipe = -EBADF, .end = -EBADF, .file = STDOUT_FILENO },
                             { .pipe = -EBADF, .end = -EBADF, .file = STDERR_FILENO } },
                .epoll = epoll,
                .writes = { .signals = -EBADF },
                .spool = { -EBADF, -EBADF },
                .order = -EBADF,
                .followers = { -EBADF, -EBADF, -EBADF, -EBADF },
                .max = still_allowed(trailer->output_max),
        };
        ret_ends[0] = ret_ends[1] = -EBADF;
        if (!(trailer->flags & WORKER_MERGE_OUTPUT))
                return open_both(p, ret_ends);
        r = open_stream(p, 0, false, ret_ends);
        if (r < 0)
                return r;
        ret_ends[1] = fcntl(ret_ends[0], F_DUPFD_CLOEXEC, 3);
        return ret_ends[1] < 0 ? -errno : 0;
}

/* --- the order ------------------------------------------------------------------------------------- */

bool pump_is_dirty(const Pump *p) {
        return (p->n_entries > 0 && p->order >= 0) || (p->grown && p->n_followers > 0);
}

/* An entry after one that could not be written would cover the wrong bytes. */
static void flush_order(Pump *p) {
        size_t size = p->n_entries * sizeof(OutputOrderEntry);

        if (p->n_entries == 0 || p->order < 0)
                return;
        if (write(p->order, p->entries, size) != (ssize_t) size)
                p->order_lost = true;
        p->n_entries = 0;
}

/* Followers wait for an edge and read nothing; one that writes to the eventfd cannot block the others. */
static void notify(int follower) {
        struct pollfd both = { .fd = follower, .events = POLLIN | POLLOUT };
        uint64_t one = 1, count;

        /* The flags are shared with followers, who may have cleared O_NONBLOCK. */
        if (poll(&both, 1, 0) <= 0)
                return;
        if (!(both.revents & POLLOUT) && (both.revents & POLLIN))
                (void) !read(follower, &count, sizeof(count));
        (void) !write(follower, &one, sizeof(one));
}

static void notify_followers(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->followers) && p->grown; i++)
                if (p->followers[i] >= 0)
                        notify(p->followers[i]);
        p->grown = false;
}

void pump_flush(Pump *p) {
        flush_order(p);
        notify_followers(p);
}

void pump_set_follower(Pump *p, int fd) {
        int *place = &p->followers[p->n_followers++ % ELEMENTSOF(p->followers)];

        closep(place);
        *place = fd;
        p->grown = true; /* possibly grown before it was set */
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

/* After a lost part of a stream nothing more is written: a file ends where its disk failed. */
static void lose(Pump *p, Stream *s, int error) {
        if (p->error == 0)
                p->error = error;
        s->lost = true;
        s->buffered = 0;
}

static void cannot_write(Pump *p, Stream *s, int error) {
        if (error == ENOSPC || error == EDQUOT)
                s->blocked = error;
        else
                lose(p, s, error);
}

/* Number of bytes that may still be stored. */
static size_t room(const Pump *p) {
        size_t taken = 0;

        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++)
                taken += p->streams[i].size + p->streams[i].buffered;
        return p->max > 0 ? p->max - taken : SIZE_MAX;
}

/* The many signals would cost more than the order of its writes is worth. */
static void splice_from_now(Pump *p, unsigned stream) {
        Stream *s = &p->streams[stream];

        if (s->is_spliced || s->streak < SPLICE_AFTER)
                return;
        s->is_spliced = true;
        writes_watch(&p->writes, stream, s->pipe, false);
}

static void copy_from_now(Pump *p, unsigned stream) {
        Stream *s = &p->streams[stream];

        s->streak = 0;
        if (!s->is_spliced)
                return;
        s->is_spliced = false;
        writes_watch(&p->writes, stream, s->pipe, true);
}

static void account(Pump *p, unsigned stream, size_t size) {
        if (size == 0)
                return;
        p->grown = true;
        add_entry(p, stream, size);
}

/* Returns the number of bytes written from the buffer, at most max. */
static size_t write_buffer(Pump *p, Stream *s, size_t max) {
        size_t done = 0, all = MIN(s->buffered, max);

        while (done < all && !s->lost && !s->blocked) {
                ssize_t n = write(s->file, s->buffer + done, all - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        cannot_write(p, s, n < 0 ? errno : EIO);
                else
                        done += (size_t) n;
        }
        s->size += done;
        s->written += done;
        if (s->buffered > 0 && done > 0) {
                s->buffered -= done;
                memmove(s->buffer, s->buffer + done, s->buffered);
        }
        return done;
}

/* Adds written pieces to the order, up to the first one that is incomplete, except in a stream that is lost. */
static void account_pieces(Pump *p) {
        for (; p->next_piece < p->n_pieces; p->next_piece++) {
                Piece *piece = &p->pieces[p->next_piece];
                Stream *s = &p->streams[piece->stream];
                size_t n = MIN(piece->size, s->written);

                account(p, piece->stream, n);
                s->written -= n;
                piece->size -= n;
                if (piece->size > 0 && !s->lost)
                        return;
        }
        free(TAKE_PTR(p->pieces));
        p->n_pieces = p->next_piece = 0;
}

/* Bytes of the first pieces, as far as they are of one stream. */
static size_t first_run(const Pump *p, unsigned *ret_stream) {
        size_t n = 0;

        for (size_t i = p->next_piece; p->pieces && i < p->n_pieces; i++) {
                const Piece *piece = &p->pieces[i];

                if (n > 0 && piece->size > 0 && piece->stream != *ret_stream)
                        break;
                if (piece->size > 0)
                        *ret_stream = piece->stream;
                n += piece->size;
        }
        return n;
}

/* Writes what was read: on a full disk, repeatedly. As long as one of the files is empty, readers do not wait for the index,
 * and take what is in the other one for what was written first: so no more than that is there by then. */
static size_t write_pieces(Pump *p) {
        bool is_any_empty = p->streams[0].size == 0 || p->streams[1].size == 0;
        unsigned first = 0;
        size_t n = first_run(p, &first), moved;

        p->streams[0].blocked = p->streams[1].blocked = 0;
        moved = write_buffer(p, &p->streams[first], is_any_empty ? n : SIZE_MAX);
        moved += write_buffer(p, &p->streams[!first], SIZE_MAX);
        moved += write_buffer(p, &p->streams[first], SIZE_MAX);
        account_pieces(p);
        return moved;
}

/* Splices a stream with much data. Returns the number of bytes, 0 if they must be copied. */
static size_t move_many(Pump *p, unsigned stream, size_t size) {
        Stream *s = &p->streams[stream];
        size_t moved = 0, max;
        ssize_t n = 1;

        while (n > 0 && (max = MIN(size - moved, room(p))) > 0) {
                n = splice(s->pipe, NULL, s->file, NULL, max, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
                if (n > 0) {
                        s->size += (size_t) n;
                        account(p, stream, (size_t) n);
                        moved += (size_t) n;
                } else if (n < 0 && errno == EINVAL)
                        s->cannot_splice = true;
                else if (n < 0 && errno != EAGAIN && errno != EINTR)
                        cannot_write(p, s, errno);
        }
        return moved;
}

static size_t available(const Stream *s) {
        int n = 0;

        return s->pipe >= 0 && ioctl(s->pipe, FIONREAD, &n) >= 0 ? (size_t) n : 0;
}

static bool set_packets(const Stream *s, int flags, bool on) {
        return fcntl(s->end, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/* Sets the mode for what the command writes next; it may change it, too, which then remains. Returns whether what the pipe
 * contains is in packets. */
static bool has_packets(Stream *s) {
        int flags = s->end >= 0 && !s->plain ? fcntl(s->end, F_GETFL) : 0;

        if (flags < 0)
                return false;
        if (flags & O_NONBLOCK)
                s->plain = set_packets(s, flags, false);
        else if (s->paused)
                (void) set_packets(s, flags, true);
        s->paused = false;
        return flags & O_DIRECT;
}

bool pump_has_output(const Pump *p) {
        return p->streams[0].size > 0 || p->streams[1].size > 0;
}

void pump_pause_packets(Pump *p) {
        for (unsigned i = 0; i < ELEMENTSOF(p->streams); i++) {
                Stream *s = &p->streams[i];
                int flags = s->end >= 0 && s->size == 0 && available(s) == 0 ? fcntl(s->end, F_GETFL) : 0;

                if (flags > 0 && flags & O_DIRECT)
                        s->paused = set_packets(s, flags, false);
        }
}

/* A packet each; what was written to a pipe opened by name has none. Returns the number of bytes. */
static size_t read_packets(Pump *p, unsigned stream, size_t size) {
        Stream *s = &p->streams[stream];
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(p->spool[0], s->buffer + done, size - done);

                if (n <= 0)
                        break;
                writes_add_packet(&p->writes, stream, (size_t) n);
                done += (size_t) n;
        }
        return done;
}

static size_t read_bytes(Stream *s, size_t size) {
        ssize_t n = size > 0 ? read(s->pipe, s->buffer, MIN(size, (size_t) ROOM)) : 0;

        return n > 0 ? (size_t) n : 0;
}

/* A read(2) returns one packet. From the pipes of the command it would let a writer that waits go on, and wait again: so all are
 * taken at once, last from the pipe that its writer waits for. */
static void read_both(Pump *p, size_t size[static 2]) {
        const unsigned streams[] = { p->writes.waits[0], !p->writes.waits[0] };
        ssize_t n;

        for (unsigned i = 0; i < ELEMENTSOF(streams); i++) {
                Stream *s = &p->streams[streams[i]];

                if (size[streams[i]] == 0 || !s->packets)
                        continue;
                n = splice(s->pipe, NULL, p->spool[1], NULL, MIN(size[streams[i]], (size_t) ROOM), SPLICE_F_NONBLOCK);
                s->packets = n > 0;
                if (n > 0)
                        size[streams[i]] = (size_t) n;
        }
        for (unsigned i = 0; i < ELEMENTSOF(streams); i++) {
                size_t *of_stream = &size[streams[i]];
                Stream *s = &p->streams[streams[i]];

                *of_stream = s->packets ? read_packets(p, streams[i], *of_stream) : read_bytes(s, *of_stream);
        }
}

/* Truncates the pieces to what may be stored; the rest is discarded, latest writes first. */
static void cut_pieces(Pump *p, size_t size[static 2]) {
        size_t left = room(p);

        size[0] = size[1] = 0;
        for (size_t i = 0; p->pieces && i < p->n_pieces; i++) {
                Piece *piece = &p->pieces[i];

                p->is_over |= piece->size > left;
                piece->size = p->streams[piece->stream].lost ? 0 : MIN(piece->size, left);
                size[piece->stream] += piece->size;
                left -= piece->size;
        }
}

/* Copies little data, or data of both streams. */
static size_t copy(Pump *p, size_t size[static 2]) {
        size_t moved;

        read_both(p, size);
        moved = size[0] + size[1];
        p->n_pieces = writes_divide(&p->writes, (const char *const[]) { p->streams[0].buffer, p->streams[1].buffer ?: "" }, size,
                                    &p->pieces);
        for (unsigned i = 0; i < 2 && !p->pieces; i++)
                if (size[i] > 0)
                        lose(p, &p->streams[i], ENOMEM);
        cut_pieces(p, size);
        for (unsigned i = 0; i < 2; i++)
                p->streams[i].buffered = size[i];
        (void) write_pieces(p);
        return moved;
}

/* A stream that has just had much data is spliced also after a pause. */
static void note_streaks(Pump *p, const size_t found[static 2], size_t moved) {
        size_t before = p->last_moved;

        p->last_moved = moved;
        if (moved == 0 && before >= SPLICE_AFTER)
                return;
        for (unsigned i = 0; i < 2; i++) {
                Stream *s = &p->streams[i];

                if (found[i] == 0 || found[!i] > 0 || s->blocked) {
                        copy_from_now(p, i);
                        continue;
                }
                s->streak = (uint32_t) MIN(s->streak + moved, (size_t) ROOM);
                splice_from_now(p, i);
        }
}

/* Sizes at a common point in time: when the second had this size, the first had no more than its own. */
static void look_at_both(const Pump *p, size_t size[static 2]) {
        size_t before;
        unsigned n = 0;

        size[0] = available(&p->streams[0]);
        do {
                before = size[0];
                size[1] = available(&p->streams[1]);
                size[0] = available(&p->streams[0]);
        } while (size[0] != before && ++n < LOOKS_MAX);
}

/* Returns whether one is full that was not before, or the reverse. */
static bool look_whether_full(Pump *p) {
        bool has_changed = false;

        for (unsigned i = 0; i < ELEMENTSOF(p->streams); i++) {
                struct pollfd end = { .fd = p->streams[i].end, .events = POLLOUT };
                bool is_full = end.fd >= 0 && poll(&end, 1, 0) == 0;

                has_changed |= p->writes.is_full[i] != is_full;
                p->writes.is_full[i] = is_full;
        }
        return has_changed;
}

static void look_at_writers(Pump *p) {
        unsigned n = 0;

        for (unsigned i = 0; i < ELEMENTSOF(p->streams); i++) {
                int room = p->streams[i].end >= 0 ? fcntl(p->streams[i].end, F_GETPIPE_SZ) : 0;

                p->writes.n_slots[i] = room > 0 ? (size_t) room / PAGE : 0;
        }
        writes_after(&p->writes);
        do
                writes_look(&p->writes);
        while (look_whether_full(p) && ++n < LOOKS_MAX);
}

/* Moves what is in both pipes now. Returns the number of bytes. */
static size_t move(Pump *p) {
        size_t size[2], found[2], moved = 0;

        writes_before(&p->writes);
        look_at_both(p, size);
        memcpy(found, size, sizeof(found));
        if (size[0] + size[1] == 0) {
                writes_forget(&p->writes);
                note_streaks(p, found, 0);
                return 0;
        }
        for (unsigned i = 0; i < 2; i++)
                p->streams[i].packets = size[i] > 0 && has_packets(&p->streams[i]);
        look_at_writers(p);
        for (unsigned i = 0; i < 2 && moved == 0; i++)
                if (p->streams[i].is_spliced && !p->streams[i].cannot_splice && !p->streams[i].lost && room(p) > 0)
                        moved = move_many(p, i, size[i]);
        if (moved == 0)
                moved = copy(p, size);
        note_streaks(p, found, moved);
        return moved;
}

/* As long as a disk is full nothing more is read, of either stream. */
uint64_t pump_move(Pump *p) {
        size_t rest = write_pieces(p), moved = pump_is_blocked(p) ? 0 : move(p);

        p->pending = moved > 0 && !pump_is_blocked(p);
        return rest + moved;
}

/* No more than fits into the pipes: unknown remaining processes of the job may keep writing. */
void pump_drain(Pump *p) {
        uint64_t most = 0, moved = 0, n;

        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++)
                if (p->streams[i].pipe >= 0)
                        most += (uint64_t) MAX(fcntl(p->streams[i].pipe, F_GETPIPE_SZ), 0);
        do {
                n = pump_move(p);
                moved += n;
        } while (p->pending && moved < most);
        pump_flush(p);
}

bool pump_is_blocked(const Pump *p) {
        return p->streams[0].blocked || p->streams[1].blocked;
}

void pump_give_up(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++)
                if (p->streams[i].blocked)
                        lose(p, &p->streams[i], p->streams[i].blocked);
        account_pieces(p);
}

void pump_close(Pump *p) {
        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++) {
                Stream *s = &p->streams[i];

                closep(&s->pipe);
                closep(&s->end);
                s->pipe = s->end = -EBADF;
                if (s->size > 0 && fdatasync(s->file) < 0 && p->error == 0)
                        p->error = errno;
        }
        p->pending = false;
}

void pump_free(Pump *p) {
        closep(&p->spool[0]);
        closep(&p->spool[1]);
        closep(&p->order);
        free(p->entries);
        free(p->pieces);
        for (size_t i = 0; i < ELEMENTSOF(p->streams); i++)
                free(p->streams[i].buffer);
        writes_free(&p->writes);
}
