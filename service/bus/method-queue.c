/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

/* --- Pause, Resume --------------------------------------------------------------------------------- */

static void on_recorded(int r, void *userdata) {
        Request *request = userdata;
        Core *core = request->service->core;

        if (r >= 0)
                r = queue_set_paused(&core->queue, request_owner(request), request->paused);
        if (r >= 0)
                core_schedule(core);
        request_on_done(r, request);
}

static int submit(Request *request) {
        return store_set_paused(request->service->core->store, request_owner(request), request->paused, on_recorded, request);
}

static int set_paused(Service *service, sd_bus_message *m, bool paused) {
        static const RequestStep steps[] = { submit };
        Request *request;
        int r;

        r = request_new(&request, service, m);
        if (r < 0)
                return r;
        request->paused = paused;
        return request_start(request, steps);
}

int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, true);
}

int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, false);
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
