/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

/* --- Pause, Resume --------------------------------------------------------------------------------- */

static void on_pause_recorded(Request *request, bool paused, int r) {
        Service *service = request->service;

        if (r >= 0)
                r = queue_set_paused(&service->core->queue, request_owner(request), paused);
        if (r < 0) {
                (void) request_unavailable(request->call, r);
                return;
        }
        (void) sd_bus_reply_method_return(request->call, NULL);
        core_schedule(service->core);
}

static void on_paused(int r, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        on_pause_recorded(request, true, r);
}

static void on_resumed(int r, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        on_pause_recorded(request, false, r);
}

static int set_paused(Service *service, sd_bus_message *m, bool paused, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, service, m);
        if (r >= 0)
                r = store_set_paused(service->core->store, request_owner(request), paused, paused ? on_paused : on_resumed, request);
        if (r < 0)
                return request_set_unavailable(error, r);
        TAKE_PTR(request);
        return 1;
}

int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, true, error);
}

int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, false, error);
}

/* --- GetQueue -------------------------------------------------------------------------------------- */

int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        Service *service = userdata;
        const Config *config = &service->core->config;
        QueueStanding standing;
        int r;

        r = request_new(&request, service, m);
        if (r < 0)
                return r;
        standing = queue_get_standing(&service->core->queue, request_owner(request));
        return sd_bus_reply_method_return(m, "a{sv}", 5,
                                          "Paused", "b", standing.paused,
                                          "Queued", "u", standing.n_waiting,
                                          "Running", "u", standing.n_running,
                                          "MaxRunning", "u", config_running_per_user(config, service->core->system_scope),
                                          "MaxQueued", "u", config->max_queued_user);
}
