/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

static int answer_cancel(Request *request, const JobRecord *record) {
        (void) sd_bus_reply_method_return(request->call, "s", job_state_to_string(record->state));
        (void) request_free(request);
        return 0;
}

static int answer_stuck(Request *request, const Job *job) {
        return request_refuse(request, -JOB_ERROR_PROCESSES_LEFT, job->record.id, job->stuck);
}

static void on_waited(WaiterEvent event, const JobRecord *record, void *userdata) {
        Request *request = userdata;

        if (event == WAITER_ENDED)
                (void) answer_cancel(request, record);
        else if (event == WAITER_STUCK)
                (void) answer_stuck(request, core_find(request->service->core, record->id));
}

static int cancel(Request *request) {
        const LookupResult *found = request->found;
        uint32_t uid = request->user->uid;
        Job *job = found->job;
        int r = 0;

        if (!job || found->record->sequence > 0)
                return answer_cancel(request, found->record);
        request->timeout_usec = USEC_INFINITY;
        if (job->stuck)
                (void) answer_stuck(request, job);
        else
                r = request_wait(request, WAITER_ANY, &job, 1, on_waited);
        if (r >= 0)
                lifecycle_stop(job, JOB_REASON_USER, uid);
        return r;
}

int cancel_job(Service *service, sd_bus_message *call, const char *id) {
        static const RequestStep steps[] = { REQUEST_FIND, cancel };
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, service, call);
        if (r >= 0)
                r = request_add_id(request, id);
        if (r < 0)
                return r;
        request->action = POLKIT_MANAGE_ALL;
        return request_start(TAKE_PTR(request), steps);
}

int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(m, 's', &id);
        return r < 0 ? r : cancel_job(userdata, m, id);
}
