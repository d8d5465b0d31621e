/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

static void drop_duplicates(Request *request) {
        size_t n = 0;

        for (size_t i = 0; i < request->n_ids; i++) {
                bool again = false;

                for (size_t k = 0; k < n && !again; k++)
                        again = streq(request->ids[k], request->ids[i]);
                if (again)
                        free(request->ids[i]);
                else
                        request->ids[n++] = request->ids[i];
        }
        request->n_ids = n;
        request->ids[n] = NULL;
}

static int check_finished(Request *request) {
        for (size_t i = 0; i < request->n_ids; i++)
                if (request->found[i].record->sequence == 0)
                        return request_refuse(request, -JOB_ERROR_NOT_REMOVABLE, request->found[i].record->id, NULL);
        drop_duplicates(request);
        return 1;
}

static void on_removed(int r, void *userdata) {
        Request *request = userdata;

        if (r == -ENOENT || r == -EBUSY) /* removed by another call meanwhile */
                r = -JOB_ERROR_GONE;
        for (size_t i = 0; i < request->n_ids && r >= 0; i++)
                core_discard_files(request->service->core, request->ids[i]);
        request_on_done(r, request);
}

static int submit(Request *request) {
        return store_remove(request->service->core->store, request->ids, request->n_ids, on_removed, request);
}

int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { REQUEST_FIND, check_finished, request_take_turn, submit };
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_ids(request, m, error);
        if (r < 0)
                return r;
        request->action = POLKIT_MANAGE_ALL;
        return request_start(TAKE_PTR(request), steps);
}
