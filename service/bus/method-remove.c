/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"

static void on_removed(int r, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        if (r == -ENOENT || r == -EBUSY) { /* another call was quicker */
                (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_NO_SUCH_JOB, "A job no longer exists; nothing was removed.");
                return;
        }
        if (r < 0) {
                (void) request_unavailable(request->call, r);
                return;
        }
        for (size_t i = 0; i < request->n_ids; i++)
                core_discard_files(request->service->core, request->ids[i]);
        (void) sd_bus_reply_method_return(request->call, NULL);
}

static void request_drop_duplicates(Request *request) {
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

static int submit_remove(Request *request) {
        return store_remove(request->service->core->store, request->ids, request->n_ids, on_removed, request);
}

static void on_remove_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (found[i].record->sequence == 0) {
                        (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_INVALID_ARGUMENT,
                                                          "Job %s has not finished; nothing was removed.",
                                                          found[i].record->id);
                        return;
                }
        r = request_set_found(request, found, n);
        request_drop_duplicates(request);
        if (r >= 0)
                r = request_take_turn(request, submit_remove);
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_ids(request, m, error);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_MANAGE_ALL, on_remove_found);
}
