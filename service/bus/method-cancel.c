/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

static int answer_cancel(PendingCall *pending, const JobRecord *record) {
        (void) sd_bus_reply_method_return(pending->call, "s", job_state_to_string(record->state));
        (void) pending_free(pending);
        return 0;
}

static int answer_stuck(PendingCall *pending, const Job *job) {
        return pending_refuse(pending, -JOB_ERROR_PROCESSES_LEFT, job->record.id, job->stuck);
}

static void on_waited(WaiterEvent event, const JobRecord *record, void *userdata) {
        PendingCall *pending = userdata;

        if (event == WAITER_ENDED)
                (void) answer_cancel(pending, record);
        else if (event == WAITER_STUCK)
                (void) answer_stuck(pending, core_find(pending->service->core, record->id));
}

static int cancel(PendingCall *pending) {
        const LookupResult *found = pending->found;
        uint32_t uid = pending->user->uid;
        Job *job = found->job;
        int r = 0;

        if (!job || found->record->sequence > 0)
                return answer_cancel(pending, found->record);
        pending->timeout_usec = USEC_INFINITY;
        if (job->stuck)
                (void) answer_stuck(pending, job);
        else
                r = pending_wait(pending, WAITER_ANY, &job, 1, on_waited);
        if (r >= 0)
                lifecycle_stop(job, JOB_REASON_USER, uid);
        return r;
}

int cancel_job(Service *service, sd_bus_message *call, const char *id) {
        static const PendingStep steps[] = { REQUEST_FIND, cancel };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new(&pending, service, call);
        if (r >= 0)
                r = pending_add_id(pending, id);
        if (r < 0)
                return r;
        pending->action = POLKIT_MANAGE_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}

int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(m, 's', &id);
        return r < 0 ? r : cancel_job(userdata, m, id);
}
