/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <sys/eventfd.h>

#include "bus-names.h"
#include "request.h"
#include "worker-link.h"

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

/* Those who follow share it: nobody reads it, each waits for an edge. */
static int open_growth(const Found *found) {
        Job *job = found->job;

        int fd;

        if (!job || job->phase >= JOB_COLLECTING) { /* it has, for the last time */
                fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
                return fd < 0 ? -errno : fd;
        }
        if (job->phase == JOB_ACTIVE && !*job->secret)
                return -EOPNOTSUPP; /* its worker is of an older version */
        if (job->growth_fd < 0) {
                job->growth_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (job->growth_fd >= 0 && job->link)
                        worker_link_follow(job->link, job->growth_fd);
        }
        fd = fcntl(job->growth_fd, F_DUPFD_CLOEXEC, 3);
        return fd < 0 ? -errno : fd;
}

static int open_file(Manager *manager, const Found *found, OutputStream stream) {
        int fd = output_open_reader(manager->output, found->record->id, stream);

        return fd == -ENOENT ? open_missing(manager, found, stream) : fd;
}

static void on_output_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_close_ int fd = -EBADF;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        fd = request->stream == STREAM_GROWTH ? open_growth(found) : open_file(request->manager, found, request->stream);
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
