/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "bus-names.h"
#include "pending-call.h"

#define LEAVE_USEC (5 * USEC_PER_SEC)

/* --- events of the core ---------------------------------------------------------------------------- */

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Service *service = userdata;
        uint32_t result = 0;

        service->name_call = sd_bus_slot_unref(service->name_call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &result) < 0 ||
            result != 1 /* primary owner, see the D-Bus specification */) {
                sd_journal_print(LOG_ERR, "Failed to acquire bus name %s: %s", JOBS_BUS_NAME,
                                 result != 0 ? "owned by another process" : "refused by the bus");
                return sd_event_exit(service->core->event, -EBUSY);
        }
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int on_ready(void *userdata) {
        Service *service = userdata;

        return sd_bus_call_method_async(service->bus, &service->name_call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", on_name, service, "su", JOBS_BUS_NAME,
                                        4 /* do not queue */);
}

static void on_added(Job *job, void *userdata) {
        job_object_added(userdata, job);
}

static void on_started(Job *job, void *userdata) {
        job_object_started(userdata, job);
}

static void on_progressed(Job *job, void *userdata) {
        job_object_progressed(userdata, job);
}

static void on_stuck(Job *job, void *userdata) {
        job_object_is_stuck(job);
}

static void on_finished(Job *job, void *userdata) {
        job_object_finished(userdata, job);
}

static void on_removed(Job *job, void *userdata) {
        job_object_removed(userdata, job);
}

static const JobEvents job_events = {
        .ready = on_ready,
        .added = on_added,
        .started = on_started,
        .progressed = on_progressed,
        .stuck = on_stuck,
        .finished = on_finished,
        .removed = on_removed,
};

/* --- life cycle ------------------------------------------------------------------------------------ */

static int open_bus(Service *service) {
        bool system = service->core->system_scope;
        int r;

        r = system ? sd_bus_open_system(&service->bus) : sd_bus_open_user(&service->bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(service->bus, true); /* a restarted service finds everything */
        if (r >= 0)
                r = sd_bus_attach_event(service->bus, service->core->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to connect to the %s bus: %s", system ? "system" : "session", strerror(-r));
        return r;
}

/* Finished jobs are collected, committed and reported; then remaining waiters and further callers get the error that the
 * service stops. */
static void service_stop(Service *service) {
        core_flush(service->core);
        if (service->peers)
                peers_refuse(service->peers);
        job_object_free_all(service);
        core_stop(service->core);
}

/* A bus daemon may drop messages that it has not read when a peer closes its connection. Once it has replied to this
 * call, it has read our replies. Calls that arrived before are rejected rather than left without a reply. This
 * blocks, since nothing else is left to do. */
static void leave_bus(sd_bus *bus) {
        (void) sd_bus_set_method_call_timeout(bus, LEAVE_USEC);
        (void) sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "ReleaseName", NULL, NULL, "s", JOBS_BUS_NAME);
        while (sd_bus_process(bus, NULL) > 0)
                ;
}

/* Before the bus closes itself at the end of the loop. */
static int on_exit_loop(sd_event_source *source, void *userdata) {
        Service *service = userdata;

        service_stop(service);
        leave_bus(service->bus);
        return sd_bus_flush(service->bus);
}

int service_new(Service **ret, Core *core) {
        _cleanup_(service_freep) Service *service = NULL;
        int r;

        service = calloc(1, sizeof(*service));
        if (!service)
                return -ENOMEM;
        service->core = core;
        LIST_INIT(&service->objects);
        LIST_INIT(&service->followers);
        TAILQ_INIT(&service->held);
        r = open_bus(service);
        if (r >= 0)
                r = peers_new(&service->peers, service->bus);
        if (r >= 0)
                r = interface_jobs_register(service);
        if (r >= 0)
                r = interface_job_register(service);
        if (r >= 0)
                r = core_start(core, service->bus, &job_events, service);
        if (r >= 0)
                r = sd_event_add_post(core->event, &service->idle_source, pending_on_idle, service);
        if (r >= 0)
                r = sd_event_add_exit(core->event, &service->exit_source, on_exit_loop, service);
        if (r >= 0)
                r = sd_event_source_set_priority(service->exit_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                *ret = TAKE_PTR(service);
        return r;
}

Service *service_free(Service *service) {
        if (!service)
                return NULL;

        service_stop(service);
        (void) sd_event_source_disable_unref(service->exit_source);
        (void) sd_event_source_disable_unref(service->idle_source);
        for (size_t i = 0; i < ELEMENTSOF(service->vtable_slots); i++)
                (void) sd_bus_slot_unref(service->vtable_slots[i]);
        (void) sd_bus_slot_unref(service->name_call);
        (void) peers_free(service->peers);
        (void) sd_bus_flush_close_unref(service->bus);
        free(service);
        return NULL;
}

void service_reload(Service *service) {
        service->polkit_absent = false; /* it may have been installed */
        core_reload(service->core);
}
