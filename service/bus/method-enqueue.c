/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "job-id.h"
#include "pending-call.h"
#include "retry.h"
#include "spec-read.h"
#include "string-list.h"

#define DESCRIPTOR_COST (64U * 1024U) /* bytes */
#define LONG_INPUT (256U * 1024U)     /* bytes */

/* Charges arguments and environment, which are kept in memory, the standard input, which is temporarily read into
 * memory, and a fixed cost for its descriptor, which limits their number. */
static int charge(PendingCall *pending) {
        uint64_t size = spec_command_size(&pending->spec);
        struct stat st;
        int r;

        if (pending->spec.stdin_fd >= 0) {
                if (fstat(pending->spec.stdin_fd, &st) < 0)
                        return -errno;
                pending->spec.stdin_size = (uint64_t) st.st_size;
                size += DESCRIPTOR_COST + pending->spec.stdin_size;
        }
        r = pending_charge(pending, size);
        return r < 0 ? r : 1;
}

/* A long input occupies the store. */
static int take_turn(PendingCall *pending) {
        bool is_long = pending->spec.stdin_fd >= 0 && pending->spec.stdin_size >= LONG_INPUT;

        return is_long ? pending_take_turn(pending) : 1;
}

static void drop_ids(PendingCall *pending) {
        string_list_free(pending->ids);
        pending->ids = NULL;
        pending->n_ids = 0;
}

/* Full IDs are checked by the store, with the rest: a request with a key may be repeated even if a job that it depends on
 * has been removed. If there are others, all are looked up. */
static int list_dependencies(PendingCall *pending) {
        bool are_full;
        int r;

        drop_ids(pending);
        r = pending_add_dependencies(pending, &are_full);
        if (r < 0)
                return r;
        if (are_full)
                drop_ids(pending);
        return 1;
}

static int take_dependencies(PendingCall *pending) {
        return pending_take_dependencies(pending, 0);
}

#define FIND_DEPENDENCIES list_dependencies, REQUEST_FIND, take_dependencies

/* What the error is about; NULL: the limits. id: see EnqueuedCallback. */
static const char *subject_of(int r, const Spec *spec, const char *id) {
        switch (-r) {
        case JOB_ERROR_STORED_TOO_MUCH:
        case JOB_ERROR_NO_DEPENDENCY:
                return id;
        case JOB_ERROR_NO_PARENT:
        case JOB_ERROR_PARENT_STOPPED:
                return spec->parent;
        default:
                return NULL;
        }
}

static int refuse(PendingCall *pending, int r, const char *id) {
        const char *subject = subject_of(r, &pending->spec, id);

        if (job_error_is_of_queue(r))
                return pending_refuse_queue(pending, r, pending->spec.queue);

        return subject ? pending_refuse(pending, r, subject, NULL) : pending_fail(pending, r);
}

static void on_enqueued(int r, const char *id, void *userdata) {
        _cleanup_free_ char *path = NULL;
        PendingCall *pending = userdata;
        Job *job;

        if (r >= 0) {
                job = core_find_unended(pending->service->core, id);
                if (job)
                        job_object_follow(pending->service, job, pending->item.peer);
                path = job_object_path(id);
                r = path ? sd_bus_reply_method_return(pending->call, "so", id, path) : -ENOMEM;
        }
        if (r < 0)
                (void) refuse(pending, r, id);
        else
                (void) pending_free(pending);
}

static int submit(PendingCall *pending) {
        Caller caller = pending_caller(pending);
        int r = enqueue_job(pending->service->core, &pending->spec, &caller, on_enqueued, pending);

        return r < 0 ? refuse(pending, r, NULL) : r;
}

int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { charge, pending_ask_permission, FIND_DEPENDENCIES, take_turn, submit };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new(&pending, userdata, m);
        if (r >= 0)
                r = spec_read(m, &pending->spec, error);
        return r < 0 ? r : pending_start(TAKE_PTR(pending), steps);
}

/* --- Retry ----------------------------------------------------------------------------------------- */

static int check_ended(PendingCall *pending) {
        const JobRecord *record = pending->found->record;

        if (record->uid != pending_owner(pending)) /* uid 0 can access jobs of all users */
                return pending_refuse(pending, -JOB_ERROR_NOT_OWNER, record->id, NULL);
        return record->sequence == 0 ? pending_refuse(pending, -JOB_ERROR_NOT_FINISHED, record->id, NULL) : 1;
}

static void on_work_read(int r, const StoredJob *stored, const void *encoded, size_t size, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        PendingCall *pending = userdata;

        if (r == -ENOENT)
                r = -JOB_ERROR_COMMAND_NOT_KEPT;
        if (r >= 0)
                r = retry_complete_spec(&pending->spec, stored, encoded, size, &error);
        if (r >= 0) {
                pending_advance(pending);
                return;
        }
        if (!sd_bus_error_is_set(&error))
                (void) job_error_set(&error, r, pending->ids[0], NULL);
        (void) sd_bus_reply_method_error(pending->call, &error);
        (void) pending_free(pending);
}

static int read_work(PendingCall *pending) {
        return store_read_work(pending->service->core->store, pending->ids[0], on_work_read, pending);
}

int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = {
                charge, pending_ask_permission, REQUEST_FIND, check_ended, pending_take_turn, read_work, charge, FIND_DEPENDENCIES, submit
        };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r >= 0)
                r = spec_read_retry(m, &pending->spec, error);
        return r < 0 ? r : pending_start(TAKE_PTR(pending), steps);
}
