/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"

#define STREAM_GROWTH ((OutputStream) _OUTPUT_STREAM_MAX) /* no file: an eventfd */

static void on_get_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (found->job) {
                job_object_follow(request->service, found->job, request->call);
                job_update_sizes(found->job);
        }
        r = sd_bus_message_new_method_return(request->call, &reply);
        if (r >= 0)
                r = job_record_append(reply, found->record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r < 0)
                (void) request_unavailable(request->call, r);
}

int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_get_found);
}

static void on_output_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_close_ int fd = -EBADF;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        fd = request->stream == STREAM_GROWTH ?
                     job_open_growth(found->job) :
                     job_open_output(request->service->core, found->job, found->record, request->stream);
        if (fd < 0)
                (void) request_unavailable(request->call, fd);
        else
                (void) sd_bus_reply_method_return(request->call, "h", fd);
}

int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error) {
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
        return request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_output_found);
}
