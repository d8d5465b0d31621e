/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

static int reply_record(PendingCall *pending) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const LookupResult *found = pending->found;
        int r;

        if (found->job) {
                job_object_follow(pending->service, found->job, pending->item.peer);
                job_update_sizes(found->job);
                core_explain_wait(found->job);
        }
        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0)
                r = job_record_append(reply, found->record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) pending_free(pending);
        return MIN(r, 0);
}

int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, reply_record };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r < 0)
                return r;
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}
