/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The order in which a job wrote to its two streams. Pipes preserve neither the order between them nor where one write(2) ends
 * and the next starts. But the kernel sends a signal for each write to a process that asks for it (O_ASYNC and F_SETSIG,
 * fcntl(2)), and realtime signals are queued in order, with the descriptor that they concern. So the stream of each write is
 * known, but not its size.
 *
 * Programs write lines. If there are as many lines as writes, each write was one line; otherwise the lines are spread evenly
 * over the writes, which is right for programs that write every line in two parts, or several lines at a time. The pipes are
 * ordinary ones. */

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/signalfd.h>

#include "worker.h"

#define BATCH 32
#define MUCH (56U * 1024U) /* bytes: a pipe accepts no more if its pages are partly filled */
#define WRITES_STEP 512U
#define PARTS_OF_LINE 4U /* if there are more, each is taken for a byte or a few */
#define WRITES_MAX (64U * 1024U) /* as many as a pipe has bytes */

static int signal_of_writes(void) {
        return SIGRTMIN + 4;
}

int writes_open(Writes *w) {
        sigset_t set;

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
                w->n = w->n_early = w->n_full = 0;
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
        w->n_full = w->n;
}

void writes_forget(Writes *w) {
        for (size_t i = 0; i < w->n_early; i++)
                w->late[w->streams[i]] = 0;
        w->n -= w->n_early;
        if (w->n > 0)
                memmove(w->streams, w->streams + w->n_early, w->n);
        w->n_early = w->n_full = 0;
        w->was_full[0] = w->was_full[1] = false;
}

/* --- bytes ----------------------------------------------------------------------------------------- */

/* The data of one stream, while it is divided into its writes. */
typedef struct Share {
        const char *begin, *p, *end;
        size_t n_lines, n_writes;
        size_t line, write; /* number of those divided so far */
        size_t n_ignored;   /* writes of earlier data */
        size_t n_repeated;  /* that follow another one of the same write */
        bool dots;          /* parts of lines, as of a progress bar */
        size_t left;        /* writes still to be taken from the queue */
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

/* No process can write to it any more: closing it causes a signal, too, which may be still to come. */
static bool has_ended(int pipe) {
        struct pollfd p = { .fd = pipe };

        return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

/* Parts of lines, the same number of each, or the same number of lines in each write; otherwise the certain writes. */
static size_t number_of_writes(size_t n_lines, size_t min, size_t max) {
        for (size_t n = MAX(min, 1U); n <= max; n++)
                if (n % n_lines == 0 || n_lines % n == 0)
                        return n;
        return min > 0 ? min : max;
}

/* The number of writes in this data: certainly those signalled before the pipes were looked at, possibly those
 * since. The signal of a write may arrive a little after its data: then it is the first of the next ones. A write
 * that waits for space in the pipe is signalled when it starts to wait and when it returns, with nothing in between. */
static void share_count(Share *s, Writes *w, unsigned stream) {
        size_t early = 0, all = 0, full = 0, repeated = 0, n = s->n_lines, late = w->late[stream];

        for (size_t i = 0; i < w->n; i++)
                if (w->streams[i] == stream) {
                        early += i < w->n_early;
                        full += i < w->n_full;
                        repeated += is_repeated(w, i);
                        all++;
                }
        if (n > 0 || early > 0)
                w->late[stream] = n == all + 1;
        if (s->end - s->begin > MUCH)
                early = all = full; /* it may be full: the last one possibly waits */
        else if (!w->was_full[stream])
                repeated = 0;
        early -= early > 0 && early != n && has_ended(w->pipes[stream]);
        w->was_full[stream] = s->end - s->begin > MUCH;
        s->n_writes = n;
        if (early <= n && n <= all)
                return;
        if (n == 0)
                s->n_writes = early;
        else if (early > 0 && early - late <= n && n <= all - late)
                s->n_ignored = late;
        else if (early > n && early - n <= repeated)
                s->n_repeated = early - n;
        else if (!(w->lost && n > all) && (n != all + 1 || n <= 2)) /* otherwise the last ones were not signalled */
                s->n_writes = number_of_writes(n, early, all);
}

static void share_init(Share *s, Writes *w, unsigned stream, const char *text, size_t size) {
        *s = (Share) { .begin = text, .p = text, .end = text + size, .n_lines = count_lines(text, text + size) };
        share_count(s, w, stream);
        s->left = s->n_writes;
        s->dots = s->n_writes > PARTS_OF_LINE * s->n_lines || (s->n_lines == 1 && text[size - 1] != '\n');
}

/* The estimated size of its next write. */
static size_t share_next(Share *s) {
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
                else if (s->left == 0)
                        w->streams[n_kept++] = w->streams[i]; /* of later data */
                else
                        bytes = share_next(s);
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
}
