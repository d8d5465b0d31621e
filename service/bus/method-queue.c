/* SPDX-License-Identifier: Apache-2.0 */

#include "pending-call.h"

/* --- Pause, Resume --------------------------------------------------------------------------------- */

static void on_recorded(int r, void *userdata) {
        PendingCall *pending = userdata;
        Core *core = pending->service->core;

        if (r >= 0)
                r = queue_set_paused(&core->queue, pending_owner(pending), pending->paused);
        if (r >= 0)
                core_schedule(core);
        pending_on_done(r, pending);
}

static int submit(PendingCall *pending) {
        return store_set_paused(pending->service->core->store, pending_owner(pending), pending->paused, on_recorded, pending);
}

static int set_paused(Service *service, sd_bus_message *m, bool paused) {
        static const PendingStep steps[] = { submit };
        PendingCall *pending;
        int r;

        r = pending_new(&pending, service, m);
        if (r < 0)
                return r;
        pending->paused = paused;
        return pending_start(pending, steps);
}

int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, true);
}

int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return set_paused(userdata, m, false);
}

/* --- GetQueue -------------------------------------------------------------------------------------- */

int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        const Config *config = &service->core->config;
        QueueStanding standing;
        int r;

        r = pending_new(&pending, service, m);
        if (r < 0)
                return r;
        standing = queue_get_standing(&service->core->queue, pending_owner(pending));
        return sd_bus_reply_method_return(m, "a{sv}", 5,
                                          "Paused", "b", standing.paused,
                                          "Queued", "u", standing.n_waiting,
                                          "Running", "u", standing.n_running,
                                          "MaxRunning", "u", config_running_per_user(config, service->core->system_scope),
                                          "MaxQueued", "u", config->max_queued_user);
}
