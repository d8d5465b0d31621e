/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <limits.h>
#include <poll.h>

#include "json-build.h"
#include "json-text.h"
#include "wire.h"

#define READ_SIZE 65536U
#define KEEP_SIZE 65536U          /* of the line buffer, between two lines */
#define QUEUE_PAUSE (1U << 20)    /* no more is read beyond this much that waits to be written */
#define PARSER_DEPTH 64           /* json_text_compact_object() allows less */

typedef struct Line {
        struct Line *next;
        size_t size;
        bool may_be_dropped;
        char text[];
} Line;

struct Wire {
        WireEvents events;
        int in, out;
        sd_event_source *reader;
        sd_event_source *writer; /* NULL: it can always be written */

        char *line; /* as far as it has been read, and a NUL */
        size_t size, allocated;
        bool skipping; /* the rest of a line that is too long */

        Line *first, *last; /* to be written */
        size_t queued;      /* their bytes */
        size_t written;     /* bytes of the first */
};

/* ---- Reading ---- */

static void parse_line(Wire *w) {
        _cleanup_json_ json_object *message = NULL;
        _cleanup_free_ char *text = NULL;
        json_tokener *tokener;
        size_t space = strspn(w->line, " \t\r");

        if (space == w->size)
                return;
        if (w->line[space] == '[') {
                w->events.malformed(CODE_REQUEST, "Batches are not supported: send one message per line",
                                    w->events.userdata);
                return;
        }
        text = json_text_compact_object(w->line, w->size);
        tokener = text ? json_tokener_new_ex(PARSER_DEPTH) : NULL;
        if (tokener) {
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
                message = json_tokener_parse_ex(tokener, text, (int) strlen(text) + 1);
                json_tokener_free(tokener);
        }
        if (message)
                w->events.message(message, w->events.userdata);
        else
                w->events.malformed(CODE_PARSE, "Not a JSON object in UTF-8 with at most 32 levels",
                                    w->events.userdata);
}

static void line_clear(Wire *w) {
        w->size = 0;
        if (w->allocated <= KEEP_SIZE)
                return;
        free(w->line);
        w->line = NULL;
        w->allocated = 0;
}

static int line_append(Wire *w, const char *data, size_t n) {
        size_t wanted;
        char *line;

        if (w->skipping)
                return 0;
        if (n >= WIRE_LINE_MAX || w->size + n >= WIRE_LINE_MAX) {
                w->skipping = true;
                line_clear(w);
                w->events.malformed(CODE_REQUEST, "The message is longer than 4 MiB", w->events.userdata);
                return 0;
        }
        wanted = w->size + n + 1;
        if (!w->line || wanted > w->allocated) {
                wanted = MAX(wanted, 2 * w->allocated);
                line = realloc(w->line, wanted);
                if (!line)
                        return -ENOMEM;
                w->line = line;
                w->allocated = wanted;
        }
        if (n > 0)
                (void) memcpy(w->line + w->size, data, n);
        w->size += n;
        w->line[w->size] = 0;
        return 0;
}

int wire_take(Wire *w, const char *data, size_t n) {
        int r;

        while (n > 0) {
                const char *end = memchr(data, '\n', n);
                size_t part = end ? (size_t) (end - data) : n;

                r = line_append(w, data, part);
                if (r < 0)
                        return r;
                data += part;
                n -= part;
                if (!end)
                        break;
                if (!w->skipping)
                        parse_line(w);
                w->skipping = false;
                line_clear(w);
                data++;
                n--;
        }
        return 0;
}

/* A line without its end is none: the other side was interrupted. */
static int on_readable(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Wire *w = userdata;
        char data[READ_SIZE];
        ssize_t n = read(w->in, data, sizeof(data));
        int r;

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        r = n < 0 ? -errno : n > 0 ? wire_take(w, data, (size_t) n) : 0;
        if (n <= 0 || r < 0) {
                (void) sd_event_source_set_enabled(w->reader, SD_EVENT_OFF);
                w->events.ended(r, false, w->events.userdata);
        } else if (w->queued > QUEUE_PAUSE)
                (void) sd_event_source_set_enabled(w->reader, SD_EVENT_OFF);
        return 0;
}

/* For a file, which can always be read. */
static int on_turn(sd_event_source *s, void *userdata) {
        return on_readable(s, -EBADF, 0, userdata);
}

/* ---- Writing ---- */

/* Neither of the descriptors is made non-blocking, since others may share them: if something can be written, then as
 * much as this without waiting. */
static ssize_t write_some(Wire *w, const Line *line) {
        struct pollfd p = { .fd = w->out, .events = POLLOUT };
        ssize_t n;

        if (poll(&p, 1, 0) <= 0)
                return 0;
        n = write(w->out, line->text + w->written, MIN(line->size - w->written, (size_t) PIPE_BUF));
        return n >= 0 ? n : errno == EINTR || errno == EAGAIN ? 0 : -errno;
}

static void drop_first(Wire *w) {
        Line *line = w->first;

        w->first = line->next;
        if (!w->first)
                w->last = NULL;
        w->queued -= line->size;
        w->written = 0;
        free(line);
}

static void flush(Wire *w) {
        ssize_t n = 1;

        while (w->first && n > 0) {
                n = write_some(w, w->first);
                if (n < 0) {
                        w->events.ended((int) n, true, w->events.userdata);
                        break;
                }
                w->written += (size_t) n;
                if (w->written == w->first->size)
                        drop_first(w);
        }
        if (w->writer)
                (void) sd_event_source_set_io_events(w->writer, w->first && n >= 0 ? EPOLLOUT : 0);
        if (w->reader && n >= 0 && w->queued <= QUEUE_PAUSE)
                (void) sd_event_source_set_enabled(w->reader, SD_EVENT_ON);
}

static int on_writable(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Wire *w = userdata;

        if (revents & (EPOLLERR | EPOLLHUP)) {
                (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
                w->events.ended(-EPIPE, true, w->events.userdata);
        } else
                flush(w);
        return 0;
}

/* The first may be written in part. */
static void drop_notices(Wire *w) {
        Line *before = w->first, *line;

        while (before && (line = before->next)) {
                if (!line->may_be_dropped) {
                        before = line;
                        continue;
                }
                before->next = line->next;
                if (w->last == line)
                        w->last = before;
                w->queued -= line->size;
                free(line);
        }
}

int wire_send(Wire *w, json_object *message, bool may_be_dropped) {
        const char *text;
        size_t size;
        Line *line;

        text = json_object_to_json_string_length(message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
                                                 &size);
        line = text ? malloc(sizeof(Line) + size + 1) : NULL;
        if (!line)
                return -ENOMEM;
        *line = (Line) { .size = size + 1, .may_be_dropped = may_be_dropped };
        (void) memcpy(line->text, text, size);
        line->text[size] = '\n';
        if (w->last)
                w->last->next = line;
        else
                w->first = line;
        w->last = line;
        w->queued += line->size;
        if (w->queued > WIRE_QUEUE_MAX)
                drop_notices(w);
        if (w->queued > WIRE_QUEUE_MAX)
                w->events.ended(-ENOBUFS, true, w->events.userdata);
        else
                flush(w);
        return 0;
}

/* ---- The object ---- */

int wire_new(sd_event *event, int in, int out, const WireEvents *events, Wire **ret) {
        _cleanup_(wire_freep) Wire *w = NULL;
        int r;

        w = malloc(sizeof(Wire));
        if (!w)
                return -ENOMEM;
        *w = (Wire) { .events = *events, .in = in, .out = out };
        r = sd_event_add_io(event, &w->reader, in, EPOLLIN, on_readable, w);
        if (r == -EPERM) {
                r = sd_event_add_defer(event, &w->reader, on_turn, w);
                if (r >= 0)
                        r = sd_event_source_set_enabled(w->reader, SD_EVENT_ON);
        }
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &w->writer, out, 0, on_writable, w);
        if (r < 0 && r != -EPERM)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

Wire *wire_free(Wire *w) {
        if (!w)
                return NULL;
        (void) sd_event_source_disable_unref(w->reader);
        (void) sd_event_source_disable_unref(w->writer);
        while (w->first)
                drop_first(w);
        free(w->line);
        free(w);
        return NULL;
}
