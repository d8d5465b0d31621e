/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "build-config.h"
#include "bus-names.h"
#include "pending-call.h"

#define LEAVE_USEC (5 * USEC_PER_SEC)
#define BACKLOG_MAX (128 * 1024) /* bytes that the bus has not read yet; the kernel doubles it, for its own overhead */

/* Pauses grow from the first to the second: less than the service manager waits for a start. */
#define NAME_PAUSE_USEC (100 * USEC_PER_MSEC)
#define NAME_PAUSE_MAX_USEC (30 * USEC_PER_SEC)

/* --- events of the core ---------------------------------------------------------------------------- */

static int request_name(Service *service);

static int on_name_pause_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Service *service = userdata;

        service->name_timer = sd_event_source_disable_unref(service->name_timer);
        return request_name(service);
}

/* The bus may not have noticed yet that the process of before is gone; otherwise, the other one may leave. */
static int name_is_taken(Service *service) {
        if (service->name_pause_usec == 0)
                sd_journal_print(LOG_ERR, "Failed to acquire bus name %s: owned by another process. Trying again.", JOBS_BUS_NAME);
        service->name_pause_usec = service->name_pause_usec == 0 ? NAME_PAUSE_USEC : 2 * service->name_pause_usec;
        if (service->name_pause_usec > NAME_PAUSE_MAX_USEC)
                return sd_event_exit(service->core->event, -EBUSY);
        (void) sd_notifyf(false, "STATUS=Bus name %s is owned by another process", JOBS_BUS_NAME);
        return sd_event_add_time_relative(service->core->event, &service->name_timer, CLOCK_MONOTONIC, service->name_pause_usec, 0,
                                          on_name_pause_over, service);
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Service *service = userdata;
        uint32_t result = 0;

        service->name_call = sd_bus_slot_unref(service->name_call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &result) < 0) {
                const sd_bus_error *error = sd_bus_message_get_error(reply);

                sd_journal_print(LOG_ERR, "Failed to acquire bus name %s: refused by the bus (%s). Install its policy, and "
                                 "reload the bus.", JOBS_BUS_NAME, error ? error->message : "invalid reply");
                return sd_event_exit(service->core->event, SERVICE_EXIT_REFUSED);
        }
        if (result != 1) /* primary owner, see the D-Bus specification */
                return name_is_taken(service);
        (void) sd_notify(false, "READY=1\nSTATUS=");
        return 0;
}

static int request_name(Service *service) {
        return sd_bus_call_method_async(service->bus, &service->name_call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", on_name, service, "su", JOBS_BUS_NAME,
                                        4 /* do not queue */);
}

static int on_ready(void *userdata) {
        return request_name(userdata);
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

static void on_retries(Job *job, void *userdata) {
        job_object_retries(userdata, job);
}

static void on_waits(Job *job, void *userdata) {
        job_object_waits(userdata, job);
}

static void on_edited(Job *job, void *userdata) {
        job_object_edited(userdata, job);
}

static void on_stuck(Job *job, void *userdata) {
        job_object_is_stuck(job);
}

static void on_finished(Job *job, void *userdata) {
        job_object_finished(userdata, job);
}

static bool on_answer(Job *job, void *userdata) {
        return job_object_answer(job);
}

static void on_removed(Job *job, void *userdata) {
        job_object_removed(userdata, job);
}

static bool on_is_congested(void *userdata) {
        return bus_is_congested(((Service *) userdata)->bus);
}

static const JobEvents job_events = {
        .ready = on_ready,
        .added = on_added,
        .started = on_started,
        .progressed = on_progressed,
        .waits = on_waits,
        .edited = on_edited,
        .retries = on_retries,
        .stuck = on_stuck,
        .finished = on_finished,
        .answer = on_answer,
        .removed = on_removed,
        .is_congested = on_is_congested,
};

/* --- upgrade and removal --------------------------------------------------------------------------- */

/* A new program takes over what this one does. Without one, what runs is finished here, and nothing else is begun. */
static int on_program_changed(bool removed, void *userdata) {
        Service *service = userdata;
        Core *core = service->core;

        if (!removed) {
                sd_journal_print(LOG_NOTICE, "%s was replaced, restarting.", PROGRAM_PATH);
                return sd_event_exit(core->event, EXIT_SUCCESS);
        }
        (void) sd_notifyf(false, "STATUS=%s was removed", PROGRAM_PATH);
        sd_journal_print(LOG_NOTICE, "%s was removed: no more jobs are accepted or started. Exiting when those that run have "
                         "finished.", PROGRAM_PATH);
        core->closed = true;
        return 0;
}

/* Runs after each iteration of the event loop. */
static int on_idle(sd_event_source *source, void *userdata) {
        Service *service = userdata;
        const Queue *queue = &service->core->queue;

        pending_advance_held(service);
        signals_resume(service->signals);
        if (!bus_is_congested(service->bus))
                core_resume(service->core);
        if (!service->core->closed || queue->n_running + queue->n_lent > 0)
                return 0;
        return sd_event_exit(service->core->event, SERVICE_EXIT_REMOVED);
}

/* Not known of a program that is not where it is installed. */
static int watch_program(Service *service) {
        int r;

        r = program_watch_new(&service->program, service->core->event, PROGRAM_PATH, on_program_changed, service);
        if (r < 0)
                sd_journal_print(LOG_WARNING, "Upgrades will not be noticed, failed to watch %s: %s", PROGRAM_PATH, strerror(-r));
        return r == -ENOMEM ? r : 0;
}

/* --- life cycle ------------------------------------------------------------------------------------ */

/* What is in the socket already is before any reply: sd-bus lets the kernel take 8 MiB. The rest waits in our queue, where
 * it counts as congestion. */
static int limit_backlog(sd_bus *bus) {
        const int bytes = BACKLOG_MAX;
        int fd = sd_bus_get_fd(bus);

        if (fd < 0)
                return fd;
        return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

int service_open_bus(sd_bus **ret, bool system_scope) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = system_scope ? sd_bus_open_system(&bus) : sd_bus_open_user(&bus);
        if (r >= 0)
                r = limit_backlog(bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus, true); /* a restarted service finds everything */
        if (r >= 0)
                *ret = TAKE_PTR(bus);
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

int service_new(Service **ret, Core *core, sd_bus *bus) {
        _cleanup_(service_freep) Service *service = NULL;
        int r;

        service = calloc(1, sizeof(*service));
        if (!service)
                return -ENOMEM;
        service->core = core;
        LIST_INIT(&service->objects);
        LIST_INIT(&service->followers);
        TAILQ_INIT(&service->held);
        service->bus = sd_bus_ref(bus);
        r = sd_bus_attach_event(bus, core->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = signals_new(&service->signals, service->bus);
        if (r >= 0)
                r = peers_new(&service->peers, service->bus);
        if (r >= 0)
                r = interface_jobs_register(service);
        if (r >= 0)
                r = interface_job_register(service);
        if (r >= 0)
                r = core_start(core, service->bus, &job_events, service);
        if (r >= 0)
                r = sd_event_add_post(core->event, &service->idle_source, on_idle, service);
        if (r >= 0)
                r = sd_event_add_exit(core->event, &service->exit_source, on_exit_loop, service);
        if (r >= 0)
                r = sd_event_source_set_priority(service->exit_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = watch_program(service);
        if (r >= 0)
                *ret = TAKE_PTR(service);
        return r;
}

Service *service_free(Service *service) {
        if (!service)
                return NULL;

        service_stop(service);
        (void) program_watch_free(service->program);
        (void) sd_event_source_disable_unref(service->name_timer);
        (void) sd_event_source_disable_unref(service->exit_source);
        (void) sd_event_source_disable_unref(service->idle_source);
        for (size_t i = 0; i < ELEMENTSOF(service->vtable_slots); i++)
                (void) sd_bus_slot_unref(service->vtable_slots[i]);
        (void) sd_bus_slot_unref(service->name_call);
        (void) peers_free(service->peers);
        (void) signals_free(service->signals);
        (void) sd_bus_flush_close_unref(service->bus);
        free(service);
        return NULL;
}

void service_reload(Service *service) {
        service->polkit_absent = false; /* it may have been installed */
        core_reload(service->core);
}
