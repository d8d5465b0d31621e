/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"
#include "spec-read.h"

static int refuse(PendingCall *pending, int r, const char *id) {
        switch (-r) {
        case JOB_ERROR_NOT_EDITABLE:
        case JOB_ERROR_ATTEMPTED:
                return pending_refuse(pending, r, id, NULL);
        case JOB_ERROR_NO_QUEUE:
                return pending_refuse(pending, r, pending->spec.queue, NULL);
        default:
                return pending_fail(pending, r);
        }
}

static void on_recorded(int r, void *userdata) {
        PendingCall *pending = userdata;

        (void) (r < 0 ? refuse(pending, r, pending->ids[0]) : pending_reply_empty(pending));
}

static int edit_found(PendingCall *pending) {
        Job *job = pending->found->job;
        int r;

        r = job ? core_edit(job, &pending->spec, on_recorded, pending) : -JOB_ERROR_NOT_EDITABLE;
        return r < 0 ? refuse(pending, r, pending->found->record->id) : r;
}

int method_edit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, edit_found };
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
