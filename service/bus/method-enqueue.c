/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/stat.h>

#include "bus-names.h"
#include "job-error.h"
#include "permission.h"
#include "request.h"
#include "retry.h"
#include "spec-read.h"

#define DESCRIPTOR_COST (64U * 1024U) /* bytes */
#define LONG_INPUT (256U * 1024U)     /* bytes */

static void on_enqueued(int r, const char *id, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ char *path = NULL;
        Job *job;

        if (r >= 0) {
                job = core_find_unended(request->service->core, id);
                if (job)
                        job_object_follow(request->service, job, request->call);
                path = job_object_path(id);
                r = path ? sd_bus_reply_method_return(request->call, "so", id, path) : -ENOMEM;
        }
        if (r == -EKEYREJECTED)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_KEY_CONFLICT,
                                                  "This IdempotencyKey was already used for a different request.");
        else if (r == -EDQUOT)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "Limit of stored jobs or stored output reached (MaxStoredPerUser=, "
                                                  "MaxStoredBytesPerUser=).");
        else if (r == -JOB_ERROR_USER_QUEUE_FULL || r == -JOB_ERROR_QUEUE_FULL)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "Limit of queued jobs reached (MaxQueuedPerUser=, MaxQueued=), and no job has this "
                                                  "IdempotencyKey.");
        else if (r == -EPIPE)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "Option Stdin was truncated while it was read; nothing was recorded.");
        else if (r < 0)
                (void) request_unavailable(request->call, r);
}

/* Charged are the arguments and the environment, which wait in memory, and the standard input, which is read into it
 * for a moment; and for its descriptor, so that there are never too many. */
static int charge(Request *request) {
        uint64_t size = spec_command_size(&request->spec);
        struct stat st;

        if (request->spec.stdin_fd >= 0) {
                if (fstat(request->spec.stdin_fd, &st) < 0)
                        return -errno;
                request->spec.stdin_size = (uint64_t) st.st_size;
                size += DESCRIPTOR_COST + request->spec.stdin_size;
        }
        return request_charge(request, size);
}

static int submit_enqueue(Request *request, sd_bus_error *error) {
        Core *core = request->service->core;
        int r;

        r = enqueue_job(core, &request->spec, request_owner(request), on_enqueued, request);
        if (r == -JOB_ERROR_STDIN_TOO_LARGE)
                return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                         "Option Stdin exceeds %u bytes.", JOB_STDIN_MAX);
        if (r == -JOB_ERROR_USER_QUEUE_FULL)
                return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                         "Limit of %" PRIu32 " queued jobs reached (MaxQueuedPerUser=).", core->config.max_queued_user);
        if (r == -JOB_ERROR_QUEUE_FULL)
                return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                         "Limit of %" PRIu32 " queued jobs of all users reached (MaxQueued=).",
                                         core->config.max_queued);
        return r;
}

static int enqueue_in_turn(Request *request) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = submit_enqueue(request, &error);
        if (r >= 0 || !sd_bus_error_is_set(&error))
                return r;
        (void) sd_bus_reply_method_error(request->call, &error);
        (void) request_free(request);
        return 0;
}

/* With permission. A long input keeps the store busy. */
static int go_on_enqueue(Request *request) {
        bool is_long = request->spec.stdin_fd >= 0 && request->spec.stdin_size >= LONG_INPUT;

        return is_long ? request_take_turn(request, enqueue_in_turn) : enqueue_in_turn(request);
}

int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = spec_read(m, &request->spec, error);
        if (r < 0)
                return r;
        r = charge(request);
        if (r >= 0)
                r = permission_ask(request, go_on_enqueue);
        if (r < 0)
                return request_set_unavailable(error, r);
        TAKE_PTR(request);
        return 1;
}

/* --- Retry ----------------------------------------------------------------------------------------- */

static int enqueue_again(Request *request, const StoredJob *stored, const void *encoded, size_t size, sd_bus_error *error) {
        int r;

        r = retry_complete_spec(&request->spec, stored, encoded, size, error);
        if (r >= 0)
                r = charge(request);
        return r < 0 ? r : submit_enqueue(request, error);
}

static void on_work_read(int r, const StoredJob *stored, const void *encoded, size_t size, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(request_freep) Request *request = userdata;

        if (r == -ENOENT) {
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "The command of job %s was too long to be stored for Retry.", request->ids[0]);
                return;
        }
        if (r >= 0)
                r = request->service->core->stopping ? -ESHUTDOWN : enqueue_again(request, stored, encoded, size, &error);
        if (r >= 0)
                TAKE_PTR(request);
        else if (sd_bus_error_is_set(&error))
                (void) sd_bus_reply_method_error(request->call, &error);
        else
                (void) request_unavailable(request->call, r);
}

static void on_retry_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (found->record->uid != request_owner(request)) { /* uid 0 finds the jobs of all */
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_NOT_PERMITTED,
                                                  "Job %s belongs to another user; only its owner can retry it.", found->record->id);
                return;
        }
        if (found->record->sequence == 0) {
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "Job %s has not finished.", found->record->id);
                return;
        }
        r = request_set_found(request, found, n);
        if (r >= 0)
                r = store_read_work(request->service->core->store, request->ids[0], on_work_read, request);
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

static int go_on_retry(Request *request) {
        (void) request_lookup(request, NULL, on_retry_found);
        return 0;
}

int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        if (r >= 0)
                r = spec_read_retry(m, &request->spec, error);
        if (r < 0)
                return r;
        r = charge(request);
        if (r >= 0)
                r = permission_ask(request, go_on_retry);
        if (r < 0)
                return request_set_unavailable(error, r);
        TAKE_PTR(request);
        return 1;
}
