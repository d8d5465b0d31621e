/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "dict.h"
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

static int append_obstacle(sd_bus_message *reply, const char *why) {
        int r;

        if (!why)
                return 0;
        r = dict_open(reply, "Obstacle", "s");
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, 's', why);
        return r < 0 ? r : dict_close(reply);
}

static int append_queue(sd_bus_message *reply, const Core *core, uint32_t uid) {
        QueueStanding standing = queue_get_standing(&core->queue, uid);
        const Config *config = &core->config;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}",
                                          "Paused", "b", standing.paused,
                                          "Queued", "u", standing.n_waiting,
                                          "Running", "u", standing.n_running + standing.n_lent,
                                          "MaxRunning", "u", config_running_per_user(config, core->system_scope),
                                          "MaxQueued", "u", config->max_queued_user);
        if (r >= 0)
                r = append_obstacle(reply, core->shortage.why);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        int r;

        r = pending_new(&pending, service, m);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_queue(reply, service->core, pending_owner(pending));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        return r < 0 ? r : 1;
}
