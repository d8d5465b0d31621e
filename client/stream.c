/* SPDX-License-Identifier: Apache-2.0 */

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "clean.h"
#include "live.h"
#include "output.h"
#include "say.h"
#include "stream.h"
#include "terminal.h"

#define BUFFER_SIZE (64U * 1024U)
#define RAW_SIZE (BUFFER_SIZE / 3 - 3) /* what certainly fits when it is clean */
#define TURN_SIZE (1024U * 1024U) /* copied before other events have their turn */
#define REREAD_USEC (100 * USEC_PER_MSEC)
#define WATCH_AFTER_USEC (50 * USEC_PER_MSEC)

struct Stream {
        Client *client; /* not owned */
        OutputName name;
        char *id;
        uint64_t tail;
        Call *open;

        int source;
        off_t offset;
        sd_event_source *grown; /* a timer until it is watched, by inotify, or a timer where there is none */

        int target; /* not owned */
        size_t chunk; /* as much as the target takes without blocking when it is ready */
        sd_event_source *writable;
        sd_event_source *turn;

        bool ending;
        bool done;
        bool lost; /* nobody reads it */
        size_t begin, end; /* of what was read and not written */
        char buffer[BUFFER_SIZE];

        bool is_terminal; /* the target: what is written there is clean */
        Cleaner cleaner;
        char raw[RAW_SIZE];
};

static void stream_fail(Stream *s, int r, const char *what) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r != -ENOMEM)
                (void) error_set(&error, "cannot %s the %s of %s: %s: see 'codex-jobs logs %s'.", what, s->name.stream,
                                 s->id, strerror(-r), s->id);
        client_stop(s->client, r, &error);
}

/* Without stderr there is nobody to complain to; how the job ended still matters. */
static void target_fail(Stream *s, int r) {
        if (s->target == STDERR_FILENO && (r == -EBADF || r == -EPIPE)) {
                s->lost = true;
                s->done = true;
        } else
                stream_fail(s, r, "pass on");
}

/* ---- Writing ---- */

static bool target_is_ready(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) != 0; /* errors show when it is written to */
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_turn(sd_event_source *source, void *userdata);

static int pump_when_writable(Stream *s) {
        int r;

        if (!s->writable) {
                r = sd_event_add_io(client_event(s->client), &s->writable, s->target, EPOLLOUT, on_writable, s);
                if (r < 0)
                        return r;
        }
        return sd_event_source_set_enabled(s->writable, SD_EVENT_ONESHOT);
}

/* Lets other events have their turn. */
static int pump_later(Stream *s) {
        if (!s->turn)
                return sd_event_add_defer(client_event(s->client), &s->turn, on_turn, s);
        return sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
}

/* Writes what was read. Returns 1 when all of it is written, 0 when the target is not ready. */
static int flush_buffer(Stream *s) {
        while (s->begin < s->end) {
                ssize_t n;

                if (!target_is_ready(s->target))
                        return 0;
                if (s->is_terminal)
                        live_hide();
                n = write(s->target, s->buffer + s->begin, MIN(s->end - s->begin, s->chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0)
                        return -errno;
                if (s->is_terminal)
                        live_wrote(s->buffer + s->begin, (size_t) n);
                s->begin += (size_t) n;
        }
        s->begin = s->end = 0;
        return 1;
}

/* ---- Reading ---- */

/* Returns 1 with what was read, if it can be shown, in the buffer; 0 at the end of the file. */
static int fill_buffer(Stream *s) {
        ssize_t n;

        do
                n = pread(s->source, s->is_terminal ? s->raw : s->buffer, s->is_terminal ? RAW_SIZE : BUFFER_SIZE,
                          s->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0) {
                s->end = s->ending ? clean_end(&s->cleaner, s->buffer) : 0;
                return s->end > 0;
        }
        s->end = s->is_terminal ? clean(&s->cleaner, s->raw, (size_t) n, s->buffer) : (size_t) n;
        s->offset += n;
        return 1;
}

static void pump(Stream *s) {
        int r;

        if (s->lost)
                return;
        for (size_t copied = 0;; copied += s->end) {
                r = flush_buffer(s);
                if (r < 0) {
                        target_fail(s, r);
                        return;
                }
                if (r == 0 || copied >= TURN_SIZE)
                        break;
                r = fill_buffer(s);
                if (r < 0) {
                        stream_fail(s, r, "read");
                        return;
                }
                if (r == 0) {
                        s->done = s->ending;
                        return;
                }
        }
        r = r == 0 ? pump_when_writable(s) : pump_later(s);
        if (r < 0)
                stream_fail(s, r, "pass on");
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        pump(userdata);
        return 0;
}

static int on_turn(sd_event_source *source, void *userdata) {
        pump(userdata);
        return 0;
}

/* ---- Growth ---- */

static int on_grown(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        pump(userdata);
        return 0;
}

static int on_reread(sd_event_source *source, uint64_t usec, void *userdata) {
        Stream *s = userdata;
        int r;

        pump(s);
        r = sd_event_source_set_time_relative(source, REREAD_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r < 0)
                stream_fail(s, r, "watch");
        return 0;
}

/* A user has a limited number of inotify instances, often 128; whoever gets none reads again and again. */
static int watch_source(Stream *s) {
        sd_event *event = client_event(s->client);
        int r;

        r = sd_event_add_inotify_fd(event, &s->grown, s->source, IN_MODIFY, on_grown, s);
        if (r >= 0)
                return 0;
        return sd_event_add_time_relative(event, &s->grown, CLOCK_MONOTONIC, REREAD_USEC, REREAD_USEC / 10, on_reread,
                                          s);
}

static int on_watch_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Stream *s = userdata;
        int r;

        s->grown = sd_event_source_disable_unref(s->grown);
        r = watch_source(s);
        if (r < 0)
                stream_fail(s, r, "watch");
        else
                pump(s);
        return 0;
}

/* The kernel takes some 15 ms to close an inotify instance: a job that is over sooner is spared it. */
static int watch_source_soon(Stream *s) {
        return sd_event_add_time_relative(client_event(s->client), &s->grown, CLOCK_MONOTONIC, WATCH_AFTER_USEC,
                                          USEC_PER_MSEC, on_watch_due, s);
}

static int source_begin(Stream *s, sd_bus_message *reply) {
        int r;

        r = output_take_fd(reply, &s->source);
        if (r < 0)
                return r;
        if (s->tail != STREAM_ALL) {
                r = output_tail(s->source, s->tail, &s->offset);
                if (r < 0)
                        return r;
        }
        return s->ending ? 0 : watch_source_soon(s);
}

static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Stream *s = userdata;
        int r;

        s->open = call_free(s->open);
        if (error) {
                client_stop(s->client, -EREMOTEIO, error);
                return;
        }
        r = source_begin(s, reply);
        if (r < 0)
                stream_fail(s, r, "open");
        else
                pump(s);
}

int stream_finish(Stream *s, sd_bus_error *error) {
        int r;

        if (!s)
                return 0;
        s->ending = true;
        s->grown = sd_event_source_disable_unref(s->grown);
        if (s->source >= 0 && s->begin == s->end)
                pump(s);
        while (!s->done) {
                r = client_iterate(s->client, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- The object ---- */

int stream_new(Client *c, const char *id, const char *name, int target, uint64_t tail, Stream **ret) {
        _cleanup_(stream_freep) Stream *s = NULL;
        struct stat st;
        int r;

        s = malloc(sizeof(Stream));
        if (!s)
                return -ENOMEM;
        s->client = c;
        s->id = strdup(id);
        s->name = (OutputName) { .id = s->id, .stream = name };
        s->tail = tail;
        s->open = NULL;
        s->source = -EBADF;
        s->offset = 0;
        s->grown = s->writable = s->turn = NULL;
        s->target = target;
        s->ending = s->done = s->lost = false;
        s->begin = s->end = 0;
        s->is_terminal = isatty(target);
        s->cleaner = (Cleaner) { .ascii = !terminal_takes_utf8(target) };
        if (!s->id)
                return -ENOMEM;

        /* poll(2) promises of a pipe that one page fits. */
        s->chunk = fstat(target, &st) >= 0 && S_ISREG(st.st_mode) ? BUFFER_SIZE : 4096;
        r = call_new(c, &s->open, CALL_PATIENT, "OpenOutput", append_output, &s->name, on_opened, s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Stream *stream_free(Stream *s) {
        if (!s)
                return NULL;
        (void) call_free(s->open);
        (void) sd_event_source_disable_unref(s->grown);
        (void) sd_event_source_disable_unref(s->writable);
        (void) sd_event_source_disable_unref(s->turn);
        if (s->source >= 0)
                (void) close(s->source);
        free(s->id);
        free(s);
        return NULL;
}
