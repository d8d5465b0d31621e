/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "service.h"

#define READERS_MAX 64U /* connections of a user that wait for output of the same job */
#define TELL_USEC (50 * USEC_PER_MSEC)
#define LOOK_USEC USEC_PER_SEC /* for a job of an older worker, which does not tell */

#define NOT_AWAITED UINT64_MAX

struct Reader {
        LIST_ENTRY(Reader) entry;
        PeerItem item;
        Readers *readers;
        uint64_t offsets[OUTPUT_RESULT]; /* of each stream: what the peer has read */
};

static void stop_if_unused(Readers *readers) {
        if (!LIST_EMPTY(&readers->list))
                return;
        readers->growth = sd_event_source_disable_unref(readers->growth);
        readers->timer = sd_event_source_disable_unref(readers->timer);
}

static void reader_free(Reader *reader) {
        peer_remove(&reader->item);
        LIST_REMOVE(reader, entry);
        free(reader);
}

static void on_drop(PeerItem *item, bool stopping) {
        Reader *reader = CONTAINER_OF(item, Reader, item);
        Readers *readers = reader->readers;

        reader_free(reader);
        stop_if_unused(readers);
}

/* ---- Telling ---- */

static void tell(const Reader *reader, OutputStream stream) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const JobRecord *record = &reader->readers->job->record;
        Service *service = reader->readers->service;
        Receivers receivers = {};
        int r;

        r = sd_bus_message_new_signal(service->bus, &m, JOBS_PATH, JOBS_INTERFACE, "OutputGrew");
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", record->id, output_stream_to_string(stream));
        if (r >= 0)
                r = receivers_add(&receivers, reader->item.peer->name);
        if (r >= 0)
                signals_send(service->signals, record->uid, m, &receivers);
}

/* Returns whether it waits for nothing more. Without sizes it is told of each stream. */
static bool tell_reader(Reader *reader, const uint64_t *sizes) {
        bool done = true;

        for (int i = 0; i < OUTPUT_RESULT; i++) {
                uint64_t *offset = &reader->offsets[i];

                if (*offset == NOT_AWAITED)
                        continue;
                if (sizes && sizes[i] <= *offset) {
                        done = false;
                        continue;
                }
                tell(reader, (OutputStream) i);
                *offset = NOT_AWAITED;
        }
        return done;
}

static void tell_all(Readers *readers, const uint64_t *sizes) {
        Reader *reader, *next;

        for (reader = LIST_FIRST(&readers->list); reader; reader = next) {
                next = LIST_NEXT(reader, entry);
                if (tell_reader(reader, sizes))
                        reader_free(reader);
        }
        stop_if_unused(readers);
}

static int set_timer(Readers *readers, uint64_t usec);

static int look(Readers *readers) {
        uint64_t sizes[OUTPUT_RESULT];

        for (int i = 0; i < OUTPUT_RESULT; i++)
                sizes[i] = output_size(readers->service->core->output, readers->job->record.id, (OutputStream) i);
        (void) sd_event_now(sd_bus_get_event(readers->service->bus), CLOCK_MONOTONIC, &readers->told_usec);
        tell_all(readers, sizes);
        return LIST_EMPTY(&readers->list) || readers->growth ? 0 : set_timer(readers, readers->told_usec + LOOK_USEC);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Readers *readers = userdata;

        readers->timer = sd_event_source_disable_unref(readers->timer);
        return look(readers);
}

static int set_timer(Readers *readers, uint64_t usec) {
        if (readers->timer)
                return 0;
        return sd_event_add_time(sd_bus_get_event(readers->service->bus), &readers->timer, CLOCK_MONOTONIC, usec, 1, on_timer,
                                 readers);
}

static int on_growth(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Readers *readers = userdata;
        uint64_t now = 0;

        if (readers->timer)
                return 0;
        (void) sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now);
        if (readers->told_usec == 0 || now >= readers->told_usec + TELL_USEC)
                return look(readers);
        return set_timer(readers, readers->told_usec + TELL_USEC);
}

/* ---- Waiting ---- */

/* Clients that take descriptors share the eventfd: it is not read, each edge is an event. The first one may be of output that
 * was read before. */
static int watch_growth(Readers *readers) {
        sd_event *event = sd_bus_get_event(readers->service->bus);
        int fd, r;

        fd = job_open_growth(readers->job);
        if (fd == -EOPNOTSUPP) {
                uint64_t now;

                r = sd_event_now(event, CLOCK_MONOTONIC, &now);
                return r < 0 ? r : set_timer(readers, now + LOOK_USEC);
        }
        if (fd < 0)
                return fd;
        r = sd_event_add_io(event, &readers->growth, fd, EPOLLIN | EPOLLET, on_growth, readers);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return sd_event_source_set_io_fd_own(readers->growth, true);
}

static Reader *find(const Readers *readers, const Peer *peer) {
        Reader *reader;

        LIST_FOREACH(reader, &readers->list, entry)
                if (reader->item.peer == peer)
                        return reader;
        return NULL;
}

/* Tells the one of that user that has waited longest, if there are too many: it may read again. */
static void make_room(Readers *readers, const User *user) {
        Reader *reader, *oldest = NULL;
        unsigned n = 0;

        LIST_FOREACH(reader, &readers->list, entry)
                if (reader->item.peer->user == user) {
                        oldest = reader;
                        n++;
                }
        if (n < READERS_MAX)
                return;
        (void) tell_reader(oldest, NULL);
        reader_free(oldest);
}

static Reader *reader_new(Readers *readers, Peer *peer) {
        Reader *reader;

        make_room(readers, peer->user);
        reader = calloc(1, sizeof(*reader));
        if (!reader)
                return NULL;
        reader->readers = readers;
        for (int i = 0; i < OUTPUT_RESULT; i++)
                reader->offsets[i] = NOT_AWAITED;
        peer_add(peer, &reader->item, on_drop);
        LIST_INSERT_HEAD(&readers->list, reader, entry);
        return reader;
}

int readers_wait(Readers *readers, Peer *peer, OutputStream stream, uint64_t offset) {
        Reader *reader = find(readers, peer) ?: reader_new(readers, peer);
        int r;

        if (!reader)
                return -ENOMEM;
        reader->offsets[stream] = offset;
        if (readers->growth || readers->timer)
                return 0;
        r = watch_growth(readers);
        if (r < 0) {
                reader_free(reader);
                stop_if_unused(readers);
        }
        return r;
}

void readers_end(Readers *readers) {
        tell_all(readers, NULL);
}

void readers_init(Readers *readers, Service *service, Job *job) {
        *readers = (Readers) { .service = service, .job = job };
        LIST_INIT(&readers->list);
}

void readers_clear(Readers *readers) {
        while (!LIST_EMPTY(&readers->list))
                reader_free(LIST_FIRST(&readers->list));
        stop_if_unused(readers);
}
