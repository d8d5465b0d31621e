/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"

static void on_get_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (found->job) {
                job_bus_follow(found->job, request->call);
                ending_update_sizes(found->job);
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

/* The files are made when a job starts: one that waits gets them now, so that what it writes can be followed; of one that
 * never ran, or has no order, there is nothing to read. */
static int open_missing(Manager *manager, const Found *found, OutputStream stream) {
        const JobRecord *record = found->record;
        int r;

        if (found->job && found->job->phase < JOB_COLLECTING) {
                r = output_create(manager->output, record->id);
                return r < 0 ? r : output_open_reader(manager->output, record->id, stream);
        }
        if ((stream == OUTPUT_STDOUT && record->stdout_bytes > 0) || (stream == OUTPUT_STDERR && record->stderr_bytes > 0))
                return -ENOENT;
        return output_open_empty();
}

static void on_output_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_close_ int fd = -EBADF;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        fd = output_open_reader(request->manager->output, found->record->id, request->stream);
        if (fd == -ENOENT)
                fd = open_missing(request->manager, found, request->stream);
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
        request->stream = output_stream_from_string(stream);
        if (request->stream < 0)
                return sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, "The stream must be \"stdout\", \"stderr\" or \"order\".");
        return request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_output_found);
}
