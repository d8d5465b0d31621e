/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

static void on_recorded(int r, void *userdata) {
        PendingCall *pending = userdata;

        if (r == -JOB_ERROR_NOT_QUEUED)
                (void) pending_refuse(pending, r, pending->ids[0], NULL);
        else
                pending_on_done(r, pending);
}

static int hold(PendingCall *pending, bool held) {
        Job *job = pending->found->job;
        int r;

        r = job ? core_hold(job, held, on_recorded, pending) : -JOB_ERROR_NOT_QUEUED;
        if (r == -JOB_ERROR_NOT_QUEUED)
                return pending_refuse(pending, r, pending->found->record->id, NULL);
        return r;
}

static int hold_found(PendingCall *pending) {
        return hold(pending, true);
}

static int release_found(PendingCall *pending) {
        return hold(pending, false);
}

static int start(sd_bus_message *m, Service *service, const PendingStep *steps) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, service, m);
        if (r < 0)
                return r;
        pending->action = POLKIT_MANAGE_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}

int method_hold(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, hold_found };

        return start(m, userdata, steps);
}

int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, release_found };

        return start(m, userdata, steps);
}
