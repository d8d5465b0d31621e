/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

#define STREAM_GROWTH ((OutputStream) _OUTPUT_STREAM_MAX) /* not a file: an eventfd */

static int reply_record(Request *request) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const LookupResult *found = request->found;
        int r;

        if (found->job) {
                job_object_follow(request->service, found->job, request->item.peer);
                job_update_sizes(found->job);
        }
        r = sd_bus_message_new_method_return(request->call, &reply);
        if (r >= 0)
                r = job_record_append(reply, found->record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) request_free(request);
        return MIN(r, 0);
}

int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { REQUEST_FIND, reply_record };
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        if (r < 0)
                return r;
        request->action = POLKIT_READ_ALL;
        return request_start(TAKE_PTR(request), steps);
}

static int reply_output(Request *request) {
        const LookupResult *found = request->found;
        _cleanup_close_ int fd = -EBADF;

        fd = request->stream == STREAM_GROWTH ? job_open_growth(found->job) :
                                                job_open_output(request->service->core, found->job, found->record, request->stream);
        if (fd < 0)
                return fd;
        (void) sd_bus_reply_method_return(request->call, "h", fd);
        (void) request_free(request);
        return 0;
}

int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { REQUEST_FIND, reply_output };
        _cleanup_(request_freep) Request *request = NULL;
        const char *stream;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 's', &stream);
        if (r < 0)
                return r;
        request->stream = streq(stream, "growth") ? STREAM_GROWTH : output_stream_from_string(stream);
        if (request->stream < 0)
                return invalid(error, "The stream must be stdout, stderr, order or growth.");
        request->action = POLKIT_READ_ALL;
        return request_start(TAKE_PTR(request), steps);
}
