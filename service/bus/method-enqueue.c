/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/stat.h>

#include "request.h"
#include "retry.h"
#include "spec-read.h"

#define DESCRIPTOR_COST (64U * 1024U) /* bytes */
#define LONG_INPUT (256U * 1024U)     /* bytes */

/* Charges arguments and environment, which are kept in memory, the standard input, which is temporarily read into
 * memory, and a fixed cost for its descriptor, which limits their number. */
static int charge(Request *request) {
        uint64_t size = spec_command_size(&request->spec);
        struct stat st;
        int r;

        if (request->spec.stdin_fd >= 0) {
                if (fstat(request->spec.stdin_fd, &st) < 0)
                        return -errno;
                request->spec.stdin_size = (uint64_t) st.st_size;
                size += DESCRIPTOR_COST + request->spec.stdin_size;
        }
        r = request_charge(request, size);
        return r < 0 ? r : 1;
}

/* A long input occupies the store. */
static int take_turn(Request *request) {
        bool is_long = request->spec.stdin_fd >= 0 && request->spec.stdin_size >= LONG_INPUT;

        return is_long ? request_take_turn(request) : 1;
}

static void on_enqueued(int r, const char *id, void *userdata) {
        _cleanup_free_ char *path = NULL;
        Request *request = userdata;
        Job *job;

        if (r >= 0) {
                job = core_find_unended(request->service->core, id);
                if (job)
                        job_object_follow(request->service, job, request->item.peer);
                path = job_object_path(id);
                r = path ? sd_bus_reply_method_return(request->call, "so", id, path) : -ENOMEM;
        }
        if (r < 0)
                (void) request_fail(request, r);
        else
                (void) request_free(request);
}

static int submit(Request *request) {
        return enqueue_job(request->service->core, &request->spec, request_owner(request), on_enqueued, request);
}

int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { charge, request_ask_permission, take_turn, submit };
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = spec_read(m, &request->spec, error);
        return r < 0 ? r : request_start(TAKE_PTR(request), steps);
}

/* --- Retry ----------------------------------------------------------------------------------------- */

static int check_ended(Request *request) {
        const JobRecord *record = request->found->record;

        if (record->uid != request_owner(request)) /* uid 0 can access jobs of all users */
                return request_refuse(request, -JOB_ERROR_NOT_OWNER, record->id, NULL);
        return record->sequence == 0 ? request_refuse(request, -JOB_ERROR_NOT_FINISHED, record->id, NULL) : 1;
}

static void on_work_read(int r, const StoredJob *stored, const void *encoded, size_t size, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Request *request = userdata;

        if (r == -ENOENT)
                r = -JOB_ERROR_COMMAND_NOT_KEPT;
        if (r >= 0)
                r = retry_complete_spec(&request->spec, stored, encoded, size, &error);
        if (r >= 0) {
                request_advance(request);
                return;
        }
        if (!sd_bus_error_is_set(&error))
                (void) job_error_set(&error, r, request->ids[0], NULL);
        (void) sd_bus_reply_method_error(request->call, &error);
        (void) request_free(request);
}

static int read_work(Request *request) {
        return store_read_work(request->service->core->store, request->ids[0], on_work_read, request);
}

int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { charge, request_ask_permission, REQUEST_FIND, check_ended, read_work, charge, submit };
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        if (r >= 0)
                r = spec_read_retry(m, &request->spec, error);
        return r < 0 ? r : request_start(TAKE_PTR(request), steps);
}
