/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

static void drop_duplicates(PendingCall *pending) {
        size_t n = 0;

        for (size_t i = 0; i < pending->n_ids; i++) {
                bool again = false;

                for (size_t k = 0; k < n && !again; k++)
                        again = streq(pending->ids[k], pending->ids[i]);
                if (again)
                        free(pending->ids[i]);
                else
                        pending->ids[n++] = pending->ids[i];
        }
        pending->n_ids = n;
        pending->ids[n] = NULL;
}

static int check_finished(PendingCall *pending) {
        for (size_t i = 0; i < pending->n_ids; i++)
                if (pending->found[i].record->sequence == 0)
                        return pending_refuse(pending, -JOB_ERROR_NOT_REMOVABLE, pending->found[i].record->id, NULL);
        drop_duplicates(pending);
        return 1;
}

static void on_removed(int r, void *userdata) {
        PendingCall *pending = userdata;

        if (r == -ENOENT || r == -EBUSY) /* removed by another call meanwhile */
                r = -JOB_ERROR_GONE;
        for (size_t i = 0; i < pending->n_ids && r >= 0; i++)
                core_discard_files(pending->service->core, pending->ids[i]);
        pending_on_done(r, pending);
}

static int submit(PendingCall *pending) {
        return store_remove(pending->service->core->store, pending->ids, pending->n_ids, on_removed, pending);
}

int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, check_finished, pending_take_turn, submit };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new(&pending, userdata, m);
        if (r >= 0)
                r = pending_read_ids(pending, m, error);
        if (r < 0)
                return r;
        pending->action = POLKIT_MANAGE_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}
