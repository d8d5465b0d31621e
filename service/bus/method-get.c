/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

#define STREAM_GROWTH ((OutputStream) _OUTPUT_STREAM_MAX) /* not a file: an eventfd */

static int reply_record(PendingCall *pending) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const LookupResult *found = pending->found;
        int r;

        if (found->job) {
                job_object_follow(pending->service, found->job, pending->item.peer);
                job_update_sizes(found->job);
                core_explain_wait(found->job);
        }
        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0)
                r = job_record_append(reply, found->record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) pending_free(pending);
        return MIN(r, 0);
}

int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, reply_record };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r < 0)
                return r;
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}

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
