/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"

static void answer_cancel(sd_bus_message *call, const JobRecord *record, void *userdata) {
        (void) sd_bus_reply_method_return(call, "s", job_state_to_string(record->state));
}

static int set_stuck(const Job *job, sd_bus_error *error) {
        return sd_bus_error_setf(error, JOBS_ERROR_PROCESSES_LEFT,
                                 "Processes of %s cannot be terminated by this service: %s.", job->record.id, job->stuck);
}

void cancel_is_stuck(Job *job, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        JobObject *object = job->attachment;

        (void) set_stuck(job, &error);
        if (object)
                waiter_job_is_stuck(&object->waiters, answer_cancel, &error);
}

static void on_cancel_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        uint32_t uid = request->uid;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        if (!found->job || found->record->sequence > 0)
                return answer_cancel(request->call, found->record, NULL);
        if (found->job->stuck) {
                _cleanup_(sd_bus_error_free) sd_bus_error stuck = SD_BUS_ERROR_NULL;

                (void) set_stuck(found->job, &stuck);
                lifecycle_stop(found->job, JOB_REASON_USER, uid);
                (void) sd_bus_reply_method_error(request->call, &stuck);
                return;
        }
        request->timeout_usec = USEC_INFINITY;
        r = request_park(request, WAITER_ANY, (Job *[]) { found->job }, 1, answer_cancel);
        if (r < 0) {
                (void) request_unavailable(request->call, r);
                return;
        }
        TAKE_PTR(request);
        lifecycle_stop(found->job, JOB_REASON_USER, uid);
}

int cancel_job(Service *service, sd_bus_message *call, const char *id) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, service, call);
        if (r >= 0)
                r = request_add_id(request, id);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_MANAGE_ALL, on_cancel_found);
}

int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(m, 's', &id);
        return r < 0 ? r : cancel_job(userdata, m, id);
}
