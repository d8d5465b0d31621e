/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The order in which a job wrote to its two streams. Pipes do not preserve the order between them. But the kernel sends a
 * signal for each write to a process that asks for it (O_ASYNC and F_SETSIG, fcntl(2)), and realtime signals are queued
 * in order, with the descriptor that they concern. So the stream of each write is known.
 *
 * Its size is that of a packet, as long as the pipe is in packet mode: each write of up to a page is one, a longer one fills
 * pages but for its last. In other data the sizes are estimated from the lines: if there are as many of them as writes, each
 * write was one line; otherwise the lines are spread evenly over the writes, which is right for programs that write every
 * line in two parts, or several lines at a time. */

#include <fcntl.h>
#include <sched.h>
#include <sys/signalfd.h>

#include "worker.h"

#define BATCH 32
#define PAGE 4096U
#define NOWHERE SIZE_MAX
#define WRITES_STEP 512U
#define PARTS_OF_LINE 4U /* if there are more, each is taken for a byte or a few */
#define WRITES_MAX (64U * 1024U) /* if there are more, the order of these is given up */

static int signal_of_writes(void) {
        return SIGRTMIN + 4;
}

int writes_open(Writes *w) {
        sigset_t set;

        w->wait_at[0] = w->wait_at[1] = NOWHERE;
        (void) sigemptyset(&set);
        (void) sigaddset(&set, signal_of_writes());
        (void) sigaddset(&set, SIGIO);
        w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return w->signals < 0 ? -errno : 0;
}

/* The flags are not shared with the command, which has the other end. */
void writes_watch(Writes *w, unsigned stream, int pipe, bool on) {
        if (w->signals < 0)
                return;
        w->pipes[stream] = pipe;
        (void) fcntl(pipe, F_SETSIG, signal_of_writes());
        (void) fcntl(pipe, F_SETOWN, getpid());
        (void) fcntl(pipe, F_SETFL, O_NONBLOCK | (on ? O_ASYNC : 0));
}

static bool more_room(Writes *w) {
        size_t n = MAX(2 * w->n_allocated, (size_t) WRITES_STEP);
        uint8_t *bigger = n > WRITES_MAX ? NULL : realloc(w->streams, n);

        if (!bigger)
                return false;
        w->streams = bigger;
        w->n_allocated = n;
        return true;
}

/* SIGIO is sent if no more of the signals can be queued. Other processes may send both signals to the worker:
 * ssi_code identifies theirs. */
static void add(Writes *w, const struct signalfd_siginfo *signal) {
        if (signal->ssi_signo == SIGIO) {
                w->lost = true;
                return;
        }
        if (signal->ssi_code <= 0)
                return;
        if (w->n == w->n_allocated && !more_room(w))
                w->n = w->n_early = w->n_seen = 0;
        if (w->n < w->n_allocated)
                w->streams[w->n++] = signal->ssi_fd == w->pipes[1];
}

static void read_signals(Writes *w) {
        struct signalfd_siginfo signals[BATCH];
        ssize_t n;

        if (w->signals < 0)
                return;
        do {
                n = read(w->signals, signals, sizeof(signals));
                for (ssize_t i = 0; i < n / (ssize_t) sizeof(signals[0]); i++)
                        add(w, &signals[i]);
        } while (n == (ssize_t) sizeof(signals));
}

void writes_before(Writes *w) {
        read_signals(w);
        w->n_early = w->n;
}

void writes_after(Writes *w) {
        read_signals(w);
        w->n_seen = w->n;
}

/* The last signal is of the writer that waits, if there is one. */
void writes_look(Writes *w) {
        read_signals(w);
        for (unsigned i = 0; i < 2; i++)
                w->waits[i] = w->n > 0 && w->streams[w->n - 1] == i;
}

void writes_forget(Writes *w) {
        for (size_t i = 0; i < w->n_early; i++)
                w->late[w->streams[i]] = 0;
        w->n -= w->n_early;
        if (w->n > 0)
                memmove(w->streams, w->streams + w->n_early, w->n);
        w->n_early = w->n_seen = 0;
        w->wait_at[0] = w->wait_at[1] = NOWHERE;
        w->waited[0] = w->waited[1] = false;
        w->run[0] = w->run[1] = 0;
}

void writes_add_packet(Writes *w, unsigned stream, size_t size) {
        size_t n = MAX(2 * w->n_packets_allocated[stream], (size_t) WRITES_STEP);

        if (w->n_packets[stream] == w->n_packets_allocated[stream]) {
                uint32_t *bigger = reallocarray(w->packets[stream], n, sizeof(uint32_t));

                if (!bigger)
                        return; /* then it does not fit to the data, and is estimated */
                w->packets[stream] = bigger;
                w->n_packets_allocated[stream] = n;
        }
        w->packets[stream][w->n_packets[stream]++] = (uint32_t) size;
}

/* --- bytes ----------------------------------------------------------------------------------------- */

/* The data of one stream, while it is divided into its writes. */
typedef struct Share {
        const char *begin, *p, *end;
        const uint32_t *packets;  /* sizes of the writes; NULL: they are estimated from lines */
        size_t n_lines, n_writes;
        size_t line, write;       /* numbers of those divided so far */
        size_t early, seen, all;  /* signals: certainly of this data or earlier, possibly, and all */
        size_t repeated;          /* signals that follow one of the same stream */
        size_t n_ignored;         /* signals of earlier data */
        size_t n_repeated;        /* signals that follow another one of the same write */
        size_t waiter;            /* a write that was signalled twice, or NOWHERE */
        size_t left;              /* writes still to be taken from the queue */
        bool dots;                /* parts of lines, as of a progress bar */
} Share;

static const char *end_of_line(const char *p, const char *end) {
        const char *newline = memchr(p, '\n', (size_t) (end - p));

        return newline ? newline + 1 : end;
}

static size_t count_lines(const char *p, const char *end) {
        size_t n = 0;

        for (; p < end; n++)
                p = end_of_line(p, end);
        return n;
}

static bool is_repeated(const Writes *w, size_t i) {
        return i > 0 && w->streams[i - 1] == w->streams[i];
}

/* Parts of lines, the same number of each, or the same number of lines in each write; otherwise the certain writes. */
static size_t number_of_writes(size_t n_lines, size_t min, size_t max) {
        for (size_t n = MAX(min, 1U); n <= max; n++)
                if (n % n_lines == 0 || n_lines % n == 0)
                        return n;
        return min > 0 ? min : max;
}

/* Certainly of this data are those signalled before the pipes were looked at, possibly those until after that. */
static void share_signals(Share *s, const Writes *w, unsigned stream) {
        for (size_t i = 0; i < w->n; i++)
                if (w->streams[i] == stream) {
                        s->early += i < w->n_early;
                        s->seen += i < w->n_seen;
                        s->repeated += is_repeated(w, i);
                        s->all++;
                }
}

/* Whether the signal number n of the stream is directly followed by another one of it. */
static bool is_doubled(const Writes *w, unsigned stream, size_t n) {
        size_t i = 0;

        for (; i < w->n && (w->streams[i] != stream || n > 0); i++)
                n -= w->streams[i] == stream;
        return i + 1 < w->n && w->streams[i + 1] == stream;
}

/* Joins the packets of each write that was longer than a page: it fills pages but for its last. A write that fills exactly
 * "pages" of them ends there; 0: none does. Returns the number of writes. */
static size_t join_packets(const uint32_t *packets, size_t n, size_t pages, size_t *run, uint32_t *sizes) {
        size_t n_writes = 0;

        for (size_t i = 0; i < n; i++) {
                uint32_t size = packets[i];

                if (*run == 0 || i == 0)
                        n_writes++;
                if (sizes)
                        sizes[n_writes - 1] = size + (*run == 0 || i == 0 ? 0 : sizes[n_writes - 1]);
                *run = size < PAGE || *run + 1 == pages ? 0 : *run + 1;
        }
        return n_writes;
}

/* The write with the packet that did not fit into the full pipe. Of one that did in part, that part was a write of its own. */
static size_t find_waiter(const Writes *w, unsigned stream, size_t pages) {
        size_t run = w->run[stream], at = w->wait_at[stream];

        if (at >= w->n_packets[stream] || (at == 0 && run > 0))
                return NOWHERE;
        return join_packets(w->packets[stream], at + 1, pages, &run, NULL) - 1;
}

/* Whether the signals are those of n writes, of which that one possibly waited: it was signalled when it started to wait, and
 * again when it returned, with nothing in between if there is one writer. The signal of the last write may arrive a
 * little after its data: then it is the first of the next ones. There may be one more, "next", of a write that waits now. */
static bool are_writes(Share *s, Writes *w, unsigned stream, size_t n, size_t waiter, bool next) {
        size_t late = w->late[stream], sum = n + late, most = sum + next;
        bool fits = s->early <= most && sum <= s->seen + 1;
        bool has_waited = waiter != NOWHERE && s->early <= most + 1 && sum + 1 <= s->seen + 1;

        if (fits && has_waited)
                has_waited = w->waited[stream] && is_doubled(w, stream, late + waiter);
        if (!fits && !has_waited)
                return false;
        s->n_ignored = MIN(late, s->all);
        s->waiter = has_waited ? waiter : NOWHERE;
        s->n_writes = n;
        w->late[stream] = sum + has_waited > s->all;
        return true;
}

/* Whether the pipe was full when it had got this data. */
static bool fills_pipe(const Writes *w, unsigned stream) {
        size_t n = w->n_packets[stream];

        return n == w->n_slots[stream] || n == w->wait_at[stream];
}

static bool share_pages(Share *s, Writes *w, unsigned stream, size_t pages) {
        uint32_t *packets = w->packets[stream];
        size_t run = w->run[stream], n = w->n_packets[stream], n_writes, waiter = find_waiter(w, stream, pages);
        bool is_full = fills_pipe(w, stream);

        n_writes = join_packets(packets, n, pages, &run, NULL);
        if (!are_writes(s, w, stream, n_writes, waiter, is_full && run == 0))
                return false;
        run = w->run[stream];
        (void) join_packets(packets, n, pages, &run, packets);
        w->run[stream] = is_full ? run : 0;
        w->pages[stream] = pages;
        s->packets = packets;
        return true;
}

/* How many pages the writes of a program fill exactly, as do those of buffered output, is remembered. */
static bool share_packets(Share *s, Writes *w, unsigned stream) {
        const size_t pages[] = { w->pages[stream], 0, 1, 2, 4, 8, 16 };
        size_t sum = 0;

        for (size_t i = 0; i < w->n_packets[stream]; i++)
                sum += w->packets[stream][i];
        for (size_t i = 0; i < ELEMENTSOF(pages) && sum > 0 && sum == (size_t) (s->end - s->begin); i++)
                if (share_pages(s, w, stream, pages[i]))
                        return true;
        if (s->end > s->begin)
                w->run[stream] = 0;
        return false;
}

static void share_estimate(Share *s, Writes *w, unsigned stream) {
        size_t early = s->early, all = s->all, n = s->n_lines, late = w->late[stream];

        if (n > 0 || early > 0)
                w->late[stream] = n == all + 1;
        s->n_writes = n;
        if (early <= n && n <= all)
                return;
        if (n == 0)
                s->n_writes = early;
        else if (early > 0 && early - late <= n && n <= all - late)
                s->n_ignored = late;
        else if (early > n && (w->waited[stream] || w->is_full[stream]) && early - n <= s->repeated)
                s->n_repeated = early - n;
        else if (!(w->lost && n > all) && (n != all + 1 || n <= 2)) /* otherwise the last ones were not signalled */
                s->n_writes = number_of_writes(n, early, all);
}

/* The packet after those that fit into the pipe possibly did not, if it was full before they were read. */
static void note_waiter(Writes *w, unsigned stream) {
        size_t n = w->n_packets[stream];
        bool is_full = fills_pipe(w, stream);

        if (n == 0 && !w->is_full[stream])
                return;
        w->waited[stream] = (w->waits[stream] && w->is_full[stream]) || (is_full && w->waited[stream]);
        w->wait_at[stream] = is_full ? 0 : w->n_slots[stream] - MIN(n, w->n_slots[stream]);
        w->n_packets[stream] = 0;
}

static void share_init(Share *s, Writes *w, unsigned stream, const char *text, size_t size) {
        *s = (Share) { .begin = text, .p = text, .end = text + size, .n_lines = count_lines(text, text + size), .waiter = NOWHERE };
        share_signals(s, w, stream);
        if (!share_packets(s, w, stream)) {
                share_estimate(s, w, stream);
                s->dots = s->n_writes > PARTS_OF_LINE * s->n_lines || (s->n_lines == 1 && text[size - 1] != '\n');
        }
        s->left = s->n_writes;
        note_waiter(w, stream);
}

static size_t share_packet(Share *s) {
        s->left--;
        s->p += s->packets[s->write];
        return s->packets[s->write++];
}

/* The estimated size of its next write. */
static size_t share_lines(Share *s) {
        size_t n = s->dots ? (size_t) (s->end - s->begin) : s->n_lines;
        size_t until = (++s->write * n + s->n_writes - 1) / s->n_writes;
        const char *begin = s->p;

        s->left--;
        if (s->dots)
                s->p = s->begin + until;
        for (; !s->dots && s->line < until; s->line++)
                s->p = end_of_line(s->p, s->end);
        return (size_t) (s->p - begin);
}

static size_t share_rest(Share *s, unsigned stream, Piece *ret) {
        if (s->p == s->end)
                return 0;
        *ret = (Piece) { stream, (size_t) (s->end - s->p) };
        s->p = s->end;
        return 1;
}

/* Lets a writer run that may not have caused its signal yet. */
static void listen_for_late(Writes *w, const char *const text[static 2], const size_t size[static 2]) {
        size_t signalled[2] = {};

        read_signals(w);
        for (size_t i = 0; i < w->n; i++)
                signalled[w->streams[i]]++;
        for (unsigned i = 0; i < 2; i++)
                if (count_lines(text[i], text[i] + size[i]) > signalled[i]) {
                        (void) sched_yield();
                        read_signals(w);
                }
}

/* A stream without a signal has written much, and comes first. */
size_t writes_divide(Writes *w, const char *const text[static 2], const size_t size[static 2], Piece **ret) {
        Piece *pieces;
        Share shares[2];
        size_t n = 0, n_kept = 0;

        listen_for_late(w, text, size);
        pieces = calloc(w->n + 2, sizeof(Piece));
        if (!pieces)
                return 0;
        for (unsigned i = 0; i < 2; i++)
                share_init(&shares[i], w, i, text[i], size[i]);
        for (unsigned i = 0; i < 2; i++)
                if (shares[i].n_writes == 0)
                        n += share_rest(&shares[i], i, &pieces[n]);
        for (size_t i = 0; i < w->n; i++) {
                Share *s = &shares[w->streams[i]];
                size_t bytes = 0;

                if (s->n_ignored > 0)
                        s->n_ignored--;
                else if (s->n_repeated > 0 && is_repeated(w, i))
                        s->n_repeated--;
                else if (s->write == s->waiter)
                        s->waiter = NOWHERE;
                else if (s->left > 0)
                        bytes = s->packets ? share_packet(s) : share_lines(s);
                else
                        w->streams[n_kept++] = w->streams[i]; /* of later data */
                if (bytes > 0)
                        pieces[n++] = (Piece) { w->streams[i], bytes };
        }
        for (unsigned i = 0; i < 2; i++)
                n += share_rest(&shares[i], i, &pieces[n]);
        w->n = n_kept;
        w->lost = false;
        *ret = pieces;
        return n;
}

void writes_free(Writes *w) {
        closep(&w->signals);
        free(w->streams);
        free(w->packets[0]);
        free(w->packets[1]);
}
