/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "pending-call.h"

#define STREAM_GROWTH ((OutputStream) _OUTPUT_STREAM_MAX) /* not a file: an eventfd */
#define READ_MAX (256U * 1024U)

/* ---- OpenOutput ---- */

static int reply_output(PendingCall *pending) {
        const LookupResult *found = pending->found;
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = pending->stream == STREAM_GROWTH ? job_open_growth(found->job) :
                                                job_open_output(pending->service->core, found->job, found->record, pending->stream);
        if (fd < 0)
                return fd;
        r = sd_bus_reply_method_return(pending->call, "h", fd);
        if (r < 0) /* also if too many descriptors of this user are in flight, see unix(7) */
                return r;
        (void) pending_free(pending);
        return 0;
}

int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, reply_output };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        const char *stream;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 's', &stream);
        if (r < 0)
                return r;
        pending->stream = streq(stream, "growth") ? STREAM_GROWTH : output_stream_from_string(stream);
        if (pending->stream < 0)
                return invalid(error, "The stream must be stdout, stderr, order or growth.");
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}

/* ---- ReadOutput ---- */

typedef struct Part {
        uint64_t offset;
        uint64_t size; /* of the whole stream */
        size_t n;
        char *data;
} Part;

static int read_part(int fd, uint64_t max, Part *part) {
        struct stat st;
        ssize_t n;

        if (fstat(fd, &st) < 0)
                return -errno;
        part->size = (uint64_t) st.st_size;
        if (part->offset >= part->size || max == 0)
                return 0;
        part->data = malloc(READ_MAX);
        if (!part->data)
                return -ENOMEM;
        do
                n = pread(fd, part->data, (size_t) MIN(max, (uint64_t) READ_MAX), (off_t) part->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        part->n = (size_t) n;
        part->size = MAX(part->size, part->offset + part->n); /* it may have grown meanwhile */
        return 0;
}

static int send_part(const PendingCall *pending, const Part *part, bool complete) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', part->data, part->n);
        if (r >= 0)
                r = sd_bus_message_append(reply, "tb", part->size, complete);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* A client that has read all there is so far is notified of more. */
static int wait_for_more(const PendingCall *pending, const Part *part) {
        JobObject *object;

        if (!pending->found->job || !pending->item.peer || part->offset + part->n < part->size)
                return 0;
        object = job_object_get(pending->service, pending->found->job);
        return object ? readers_wait(&object->readers, pending->item.peer, pending->stream, part->size) : -ENOMEM;
}

static int reply_part(PendingCall *pending) {
        const LookupResult *found = pending->found;
        Part part = { .offset = pending->offset };
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = job_open_output(pending->service->core, found->job, found->record, pending->stream);
        r = fd < 0 ? fd : read_part(fd, pending->max, &part);
        if (r >= 0)
                r = wait_for_more(pending, &part);
        if (r >= 0)
                r = send_part(pending, &part, !found->job);
        free(part.data);
        if (r >= 0)
                (void) pending_free(pending);
        return MIN(r, 0);
}

int method_read_output(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        /* The turn comes first: the job that is found may have ended when it comes. */
        static const PendingStep steps[] = { pending_take_turn, REQUEST_FIND, reply_part };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        const char *stream;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r >= 0)
                r = sd_bus_message_read(m, "stt", &stream, &pending->offset, &pending->max);
        if (r < 0)
                return r;
        pending->stream = output_stream_from_string(stream);
        if (pending->stream < 0)
                return invalid(error, "The stream must be stdout, stderr or order.");
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}
