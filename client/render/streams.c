/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>

#include "growth.h"
#include "mirror.h"
#include "outlet.h"
#include "say.h"
#include "streams.h"

#define TURN_SIZE (1024U * 1024U) /* copied before other events have their turn */
#define STEP_SIZE 4096U           /* the minimum cost of a step */
#define LAZY_USEC (20 * USEC_PER_MSEC)

/* The worker reports output immediately, and a restarting service is back after about this time. */
#define LATE_USEC USEC_PER_SEC

/* The streams come first. */
#define FILE_ORDER _OUTPUT_ORDER_STREAM_MAX
#define FILES_N (FILE_ORDER + 1)
static_assert(FILES_N <= GROWTH_FILES_MAX, "Growth must know all files");

static const char *const file_names[FILES_N] = { "stdout", "stderr", "order" };

/* A file of the job. Its descriptor belongs to the order. */
typedef struct File {
        Streams *streams;
        OutputName name;
        Call *open;
        Mirror *mirror; /* where the connection passes no descriptors */
        bool mirrored; /* it was read once */
} File;

struct Streams {
        Client *client; /* not owned */
        char *id;
        uint64_t tail;
        StreamRange ranges[_OUTPUT_ORDER_STREAM_MAX];
        File files[FILES_N];
        unsigned n_opening; /* streams that are not open yet */
        Order order;

        Growth growth;
        sd_event_source *late;
        bool came; /* something, since that was set */
        sd_event_source *turn;

        const char *only;
        sd_event_source *lazy; /* until they are asked for */
        bool finishing; /* what there is now is all that is wanted */
        bool ending;    /* it is here */
        bool done;

        OrderPart part; /* to be read */
        Outlet outlet;
        sd_event_source *writable[_OUTPUT_ORDER_STREAM_MAX];
};

static void streams_fail(Streams *s, int r, const char *what) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r != -ENOMEM)
                (void) error_set(&error, "Failed to %s output of %s: %s. See 'codex-jobs logs %s'.", what, s->id,
                                 strerror(-r), s->id);
        client_stop(s->client, r, &error);
}

/* ---- Copying ---- */

/* Fills the outlet with the next output for one target. Returns 1, perhaps with nothing, if it counts as a step; 0 if
 * there is nothing now. */
static int fill(Streams *s) {
        do {
                ssize_t n;
                int r;

                if (s->part.begin == s->part.end) {
                        r = order_next(&s->order, &s->part);
                        if (r == 0 && outlet_is_empty(&s->outlet))
                                return order_is_over(&s->order) && outlet_end(&s->outlet);
                        if (r <= 0)
                                return r < 0 ? r : 1;
                        s->came = true;
                }
                if (s->part.begin == s->part.end || !outlet_has_room(&s->outlet, s->part.stream))
                        return 1;
                n = outlet_read(&s->outlet, &s->part, s->order.sources[s->part.stream].fd);
                if (n < 0)
                        return (int) n;
                s->part.begin = n > 0 ? s->part.begin + n : s->part.end; /* that much is not there any more */
        } while (!outlet_is_empty(&s->outlet));
        return 1;
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_turn(sd_event_source *source, void *userdata);

static int pump_when_writable(Streams *s) {
        OutletTarget *t = s->outlet.target;
        sd_event_source **writable = &s->writable[t - s->outlet.targets];
        int r;

        if (!*writable) {
                r = sd_event_add_io(client_event(s->client), writable, t->fd, EPOLLOUT, on_writable, s);
                if (r < 0)
                        return r;
        }
        return sd_event_source_set_enabled(*writable, SD_EVENT_ONESHOT);
}

/* Lets other events have their turn. */
static int pump_later(Streams *s) {
        if (!s->turn)
                return sd_event_add_defer(client_event(s->client), &s->turn, on_turn, s);
        return sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
}

static int rest(Streams *s);

/* What was written is discarded. */
static void release_mirrors(Streams *s) {
        for (size_t i = 0; i < ELEMENTSOF(s->files); i++) {
                bool reading = s->part.begin < s->part.end && s->part.stream == i;

                if (s->files[i].mirror)
                        mirror_release(s->files[i].mirror, reading         ? s->part.begin :
                                                           i == FILE_ORDER ? s->order.offset :
                                                                             s->order.sources[i].shown);
        }
}

static void pump(Streams *s) {
        int r;

        if (s->n_opening > 0)
                return;
        for (size_t copied = 0; copied < TURN_SIZE; copied += MAX(s->outlet.end, STEP_SIZE)) {
                r = outlet_flush(&s->outlet);
                if (r > 0) {
                        r = fill(s);
                        if (r > 0)
                                continue;
                        if (r < 0) {
                                streams_fail(s, r, "read");
                                return;
                        }
                        release_mirrors(s);
                        r = rest(s);
                } else if (r == 0)
                        r = pump_when_writable(s);
                if (r < 0)
                        streams_fail(s, r, "write");
                return;
        }
        release_mirrors(s);
        r = pump_later(s);
        if (r < 0)
                streams_fail(s, r, "write");
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        pump(userdata);
        return 0;
}

static int on_turn(sd_event_source *source, void *userdata) {
        pump(userdata);
        return 0;
}

/* ---- Nothing more now ---- */

static int ask_for_order(Streams *s);

static int on_late(sd_event_source *source, uint64_t usec, void *userdata) {
        Streams *s = userdata;

        s->late = sd_event_source_disable_unref(s->late);
        if (!s->came)
                order_give_up(&s->order);
        pump(s);
        return 0;
}

/* Waits, for a limited time, until the index describes what is there. */
static int wait_for_order(Streams *s) {
        int r;

        if (s->late)
                return 0;
        r = order_is_behind(&s->order);
        if (r <= 0)
                return r;
        s->came = false;
        return sd_event_add_time_relative(client_event(s->client), &s->late, CLOCK_MONOTONIC, LATE_USEC,
                                          10 * USEC_PER_MSEC, on_late, s);
}

static int rest(Streams *s) {
        int r;

        if (order_is_over(&s->order)) {
                s->done = true;
                return 0;
        }
        if (order_wants_index(&s->order)) {
                r = ask_for_order(s);
                if (r < 0)
                        return r;
        }
        return s->ending ? 0 : wait_for_order(s);
}

static void on_grown(void *userdata) {
        pump(userdata);
}

static void on_growth_failed(int r, void *userdata) {
        streams_fail(userdata, r, "watch");
}

static void watch_no_more(Streams *s) {
        growth_stop(&s->growth);
        s->late = sd_event_source_disable_unref(s->late);
}

/* ---- Opening ---- */

static int take_stream(Streams *s, OutputOrderStream stream, int file) {
        off_t begin = (off_t) s->ranges[stream].begin, end = (off_t) s->ranges[stream].end;
        _cleanup_close_ int fd = file;
        int r;

        if (s->tail != STREAM_ALL) {
                r = output_tail(fd, s->tail, &begin);
                if (r < 0)
                        return r;
        }
        r = order_add(&s->order, stream, TAKE_FD(fd), begin, end);
        if (r < 0 || --s->n_opening > 0 || s->ending || s->files[stream].mirror)
                return r;
        return growth_start(&s->growth);
}

static void on_stream_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        File *f = userdata;
        Streams *s = f->streams;
        int fd, r;

        f->open = call_free(f->open);
        if (error) {
                client_stop(s->client, -EREMOTEIO, error);
                return;
        }
        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = take_stream(s, (OutputOrderStream) (f - s->files), fd);
        if (r < 0)
                streams_fail(s, r, "open");
        else
                pump(s);
}

/* An older service has no such file, nor has a job that an older one started. */
static void on_order_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        File *f = userdata;
        Streams *s = f->streams;
        int fd, r;

        f->open = call_free(f->open);
        if (error || output_take_fd(reply, &fd) < 0)
                fd = -EBADF;
        order_set_index(&s->order, fd);
        r = growth_opened(&s->growth, FILE_ORDER);
        if (r < 0)
                streams_fail(s, r, "watch");
        else
                pump(s);
}

/* ---- Without descriptors ---- */

static int take_mirror(File *f) {
        Streams *s = f->streams;
        int fd;

        f->mirrored = true;
        fd = fcntl(mirror_fd(f->mirror), F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        if (f != &s->files[FILE_ORDER])
                return take_stream(s, (OutputOrderStream) (f - s->files), fd);
        order_set_index(&s->order, fd);
        return 0;
}

static void on_mirror_changed(const sd_bus_error *error, void *userdata) {
        File *f = userdata;
        Streams *s = f->streams;
        int r;

        if (error && (f != &s->files[FILE_ORDER] || f->mirrored)) {
                client_stop(s->client, -EREMOTEIO, error);
                return;
        }
        if (error) {
                f->mirror = mirror_free(f->mirror);
                order_set_index(&s->order, -EBADF);
        } else if (!f->mirrored) {
                r = take_mirror(f);
                if (r < 0) {
                        streams_fail(s, r, "open");
                        return;
                }
        }
        pump(s);
}

static void on_output_grew(const char *id, const char *stream, void *userdata) {
        Streams *s = userdata;

        for (size_t i = 0; i < ELEMENTSOF(s->files); i++)
                if (s->files[i].mirror)
                        mirror_grew(s->files[i].mirror, id, stream);
}

/* A file that has what is before the first byte to read, or a hole. */
static int file_begin(File *f, const StreamRange *range, int *ret, sd_bus_error *error) {
        Streams *s = f->streams;
        const OutputWant want = { .lines = s->tail };

        if (s->tail != STREAM_ALL)
                return output_open(s->client, &f->name, &want, ret, error);
        *ret = output_new();
        if (*ret < 0)
                return *ret;
        return ftruncate(*ret, (off_t) range->begin) < 0 ? -errno : 0;
}

static int file_mirror(File *f, sd_bus_error *error) {
        Streams *s = f->streams;
        size_t i = (size_t) (f - s->files);
        uint64_t end = i == FILE_ORDER ? UINT64_MAX : s->ranges[i].end;
        int fd = -EBADF, r;

        r = i == FILE_ORDER ? 0 : file_begin(f, &s->ranges[i], &fd, error);
        if (r >= 0)
                r = client_watch_output(s->client, on_output_grew, s);
        if (r < 0) {
                closep(&fd);
                return r;
        }
        r = mirror_new(s->client, &f->name, fd, end, on_mirror_changed, f, &f->mirror);
        if (r >= 0 && s->finishing)
                mirror_finish(f->mirror);
        return r;
}

/* Runs the event loop until everything is here that there is now. */
static int fetch_rest(Streams *s, sd_bus_error *error) {
        s->finishing = true;
        for (size_t i = 0; i < ELEMENTSOF(s->files); i++)
                if (s->files[i].mirror)
                        mirror_finish(s->files[i].mirror);
        for (size_t i = 0; i < ELEMENTSOF(s->files);) {
                int r;

                if (!s->files[i].mirror || mirror_is_complete(s->files[i].mirror)) {
                        i++;
                        continue;
                }
                r = client_iterate(s->client, error);
                if (r < 0)
                        return r;
                i = 0;
        }
        return 0;
}

/* ---- Opening and ending ---- */

static int file_open(File *f, call_done_t done) {
        if (!client_passes_descriptors(f->streams->client))
                return file_mirror(f, NULL);
        return call_new(f->streams->client, &f->open, CALL_PATIENT, "OpenOutput", append_output, &f->name, done, f);
}

static int ask_for_order(Streams *s) {
        File *f = &s->files[FILE_ORDER];

        return f->open || f->mirror ? 0 : file_open(f, on_order_opened);
}

static int open_streams(Streams *s);

int streams_finish(Streams *s, sd_bus_error *error) {
        int r;

        if (!s)
                return 0;
        r = s->lazy ? open_streams(s) : 0;
        if (r < 0)
                return r;
        r = fetch_rest(s, error);
        if (r < 0)
                return r;
        s->ending = true;
        watch_no_more(s);
        r = order_end(&s->order);
        if (r < 0)
                streams_fail(s, r, "read");
        else
                pump(s);
        while (!s->done) {
                r = client_iterate(s->client, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- The object ---- */

static int open_streams(Streams *s) {
        s->lazy = sd_event_source_disable_unref(s->lazy);
        for (size_t i = 0; i < _OUTPUT_ORDER_STREAM_MAX; i++) {
                int r;

                if (s->only && !streq(s->only, file_names[i]))
                        continue;
                s->n_opening++;
                r = file_open(&s->files[i], on_stream_opened);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int on_lazy(sd_event_source *source, uint64_t usec, void *userdata) {
        Streams *s = userdata;
        int r;

        r = open_streams(s);
        if (r < 0)
                streams_fail(s, r, "open");
        return 0;
}

int streams_new(Client *c, const char *id, const StreamOptions *options, Streams **ret) {
        _cleanup_(streams_freep) Streams *s = NULL;
        int r;

        s = calloc(1, sizeof(Streams));
        if (!s)
                return -ENOMEM;
        s->client = c;
        order_init(&s->order, options->timestamps);
        s->id = strdup(id);
        if (!s->id)
                return -ENOMEM;
        s->tail = options->tail;
        s->only = options->only;
        for (size_t i = 0; i < ELEMENTSOF(s->ranges); i++)
                s->ranges[i] = options->ranges ? options->ranges[i] : (StreamRange) { 0, ORDER_TO_END };
        for (size_t i = 0; i < ELEMENTSOF(s->files); i++)
                s->files[i] = (File) { .streams = s, .name = { s->id, file_names[i] } };
        s->growth = (Growth) {
                .client = c,
                .name = { s->id, "growth" }, /* not a file: an eventfd */
                .fds = { &s->order.sources[0].fd, &s->order.sources[1].fd, &s->order.fd },
                .grown = on_grown,
                .failed = on_growth_failed,
                .userdata = s,
        };
        outlet_init(&s->outlet, STDOUT_FILENO, options->only ? STDOUT_FILENO : STDERR_FILENO, options->timestamps);
        if (options->lazy)
                r = sd_event_add_time_relative(client_event(c), &s->lazy, CLOCK_MONOTONIC, LAZY_USEC, USEC_PER_MSEC,
                                               on_lazy, s);
        else
                r = open_streams(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Streams *streams_free(Streams *s) {
        if (!s)
                return NULL;
        watch_no_more(s);
        (void) sd_event_source_disable_unref(s->lazy);
        (void) sd_event_source_disable_unref(s->turn);
        for (size_t i = 0; i < ELEMENTSOF(s->writable); i++)
                (void) sd_event_source_disable_unref(s->writable[i]);
        (void) client_watch_output(s->client, NULL, NULL);
        for (size_t i = 0; i < ELEMENTSOF(s->files); i++) {
                (void) call_free(s->files[i].open);
                (void) mirror_free(s->files[i].mirror);
        }
        order_clear(&s->order);
        free(s->id);
        free(s);
        return NULL;
}
