/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"
#include "retry.h"

static void on_enqueued(int r, const char *id, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ char *path = NULL;
        Job *job;

        if (r >= 0) {
                job = manager_find_unended(request->manager, id);
                if (job)
                        job_bus_follow(job, request->call);
                path = job_bus_path(id);
                r = path ? sd_bus_reply_method_return(request->call, "so", id, path) : -ENOMEM;
        }
        if (r == -EKEYREJECTED)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_KEY_CONFLICT,
                                                  "That IdempotencyKey was given for another request; use a new key.");
        else if (r == -EDQUOT)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "You have too many jobs, or too much output, stored (MaxStoredPerUser=, "
                                                  "MaxStoredBytesPerUser=); remove some: see Remove in org.codex.Jobs(5).");
        else if (r == -EPIPE)
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "Option Stdin became shorter while it was read; nothing was recorded.");
        else if (r < 0)
                (void) request_unavailable(request->call, r);
}

/* The decision is kept with the caller's connection, and his calls are handled once more. */
static void on_enqueue_polkit(PolkitAnswer answer, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        request->manager->polkit_absent = answer == POLKIT_ABSENT;
        authorize_set_enqueue(request->manager->authorize, request->call, answer != POLKIT_DENIED);
}

static int ask_enqueue(Manager *manager, sd_bus_message *m) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, manager, m);
        if (r >= 0)
                r = polkit_check(manager->polkit, m, request->uid, POLKIT_ENQUEUE, on_enqueue_polkit, request, request_release);
        if (r < 0)
                return r;
        TAKE_PTR(request);
        return 0;
}

/* Returns 1 when the user may, 0 when the call is parked until polkit has answered, or a negative errno. */
static int may_enqueue(Manager *manager, sd_bus_message *m, sd_bus_error *error) {
        int r;

        if (!manager->system_scope || manager->polkit_absent || authorize_sender(manager->authorize, m) == 0)
                return 1;
        r = authorize_get_enqueue(manager->authorize, m);
        if (r > 0)
                return 1;
        if (r == 0)
                return sd_bus_error_setf(error, JOBS_ERROR_NOT_PERMITTED,
                                         "You may not run background jobs on this host (polkit action %s).", POLKIT_ENQUEUE);
        if (r == -ENODATA) {
                r = ask_enqueue(manager, m);
                if (r == -EDQUOT)
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                                 "Too many calls of yours wait for polkit to decide; wait for their answers.");
                if (r < 0)
                        return r;
        }
        r = authorize_park_enqueue(manager->authorize, m);
        return r < 0 ? r : 0;
}

int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_spec_ Spec spec = SPEC_INIT;
        Manager *manager = userdata;
        int r;

        r = may_enqueue(manager, m, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = spec_read(m, &spec, error);
        if (r < 0)
                return r;
        r = request_new(&request, manager, m);
        if (r < 0)
                return r;
        r = enqueue_job(manager, &spec, request_owner(request), on_enqueued, request, error);
        if (r < 0)
                return sd_bus_error_is_set(error) ? r : request_unavailable(m, r);
        TAKE_PTR(request);
        return 1;
}

/* --- Retry ----------------------------------------------------------------------------------------- */

static int enqueue_again(Request *request, const StoredJob *stored, const void *encoded, size_t size, sd_bus_error *error) {
        _cleanup_close_ int input_fd = -EBADF;
        _cleanup_spec_ Spec spec = SPEC_INIT;
        int r;

        r = retry_make_spec(stored, encoded, size, request->call, &spec, &input_fd, error);
        if (r < 0)
                return r;
        return enqueue_job(request->manager, &spec, request_owner(request), on_enqueued, request, error);
}

static void on_work_read(int r, const StoredJob *stored, const void *encoded, size_t size, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(request_freep) Request *request = userdata;

        if (r == -ENOENT) {
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "The command of %s was too long to be kept; enqueue it anew.", request->ids[0]);
                return;
        }
        if (r >= 0)
                r = request->manager->stopping ? -ESHUTDOWN : enqueue_again(request, stored, encoded, size, &error);
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
                                                  "The job %s is another user's; only its owner can do it again.", found->record->id);
                return;
        }
        if (found->record->sequence == 0) {
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                  "The job %s has not ended; wait for it, or cancel it first.", found->record->id);
                return;
        }
        r = request_set_found(request, found, n);
        if (r >= 0)
                r = store_read_work(request->manager->store, request->ids[0], on_work_read, request);
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        Manager *manager = userdata;
        int r;

        r = may_enqueue(manager, m, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = request_new(&request, manager, m);
        if (r >= 0)
                r = request_read_id(request);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), NULL, on_retry_found);
}
