/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"
#include "spec-read.h"

/* other: a job that it is about, too. */
static int refuse(PendingCall *pending, int r, const char *other) {
        const char *id = pending->ids[0];
        const Job *job = core_find(pending->service->core, id);

        if (job_error_is_of_queue(r))
                return pending_refuse_queue(pending, r, pending->spec.queue ?: (job ? job->record.queue : ""));
        switch (-r) {
        case JOB_ERROR_NOT_EDITABLE:
        case JOB_ERROR_ATTEMPTED:
        case JOB_ERROR_OWN_DEPENDENCY:
        case JOB_ERROR_TOO_MANY_DEPENDENTS:
                return pending_refuse(pending, r, id, NULL);
        case JOB_ERROR_NO_DEPENDENCY:
                return pending_refuse(pending, r, other, NULL);
        case JOB_ERROR_CIRCLE:
                return pending_refuse(pending, r, other, id);
        default:
                return pending_fail(pending, r);
        }
}

static void on_recorded(int r, const char *other, void *userdata) {
        PendingCall *pending = userdata;

        (void) (r < 0 ? refuse(pending, r, other) : pending_reply_empty(pending));
}

static int list_dependencies(PendingCall *pending) {
        bool are_full;
        int r;

        r = pending_add_dependencies(pending, &are_full);
        if (r >= 0)
                r = pending_charge_ids(pending);
        return r < 0 ? r : 1;
}

static int take_dependencies(PendingCall *pending) {
        return pending_take_dependencies(pending, 1);
}

static int edit_found(PendingCall *pending) {
        Caller caller = pending_caller(pending);
        Job *job = pending->found->job;
        const char *other = NULL;
        int r;

        r = job ? core_edit(job, &caller, &pending->spec, &other, on_recorded, pending) : -JOB_ERROR_NOT_EDITABLE;
        return r < 0 ? refuse(pending, r, other) : r;
}

int method_edit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { list_dependencies, REQUEST_FIND, take_dependencies, edit_found };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r >= 0)
                r = spec_read_edit(m, &pending->spec, error);
        if (r < 0)
                return r;
        pending->action = POLKIT_MANAGE_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}
