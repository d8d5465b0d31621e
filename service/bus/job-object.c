/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>
#include <systemd/sd-journal.h>

#include "bus-names.h"
#include "service.h"

#define PROGRESS_USEC (250 * USEC_PER_MSEC)

/* --- the object ------------------------------------------------------------------------------------ */

JobObject *job_object_get(Service *service, Job *job) {
        JobObject *object = job->attachment;

        if (object)
                return object;
        object = calloc(1, sizeof(*object));
        if (!object)
                return NULL;
        object->service = service;
        object->job = job;
        LIST_INIT(&object->waiters);
        LIST_INIT(&object->followers);
        readers_init(&object->readers, service, job);
        LIST_INSERT_HEAD(&service->objects, object, entry);
        job->attachment = object;
        return object;
}

static void job_object_free(JobObject *object) {
        if (!object)
                return;

        assert(LIST_EMPTY(&object->waiters));
        object->job->attachment = NULL;
        LIST_REMOVE(object, entry);
        follower_list_clear(&object->followers);
        readers_clear(&object->readers);
        (void) sd_event_source_disable_unref(object->progress_timer);
        free(object);
}

void job_object_free_all(Service *service) {
        while (!LIST_EMPTY(&service->objects))
                job_object_free(LIST_FIRST(&service->objects));
}

char *job_object_path(const char *id) {
        char *path;

        return sd_bus_path_encode(JOB_PATH_PREFIX, id, &path) < 0 ? NULL : path;
}

void job_object_follow(Service *service, Job *job, Peer *peer) {
        JobObject *object;

        if (!peer || follower_list_has(&service->followers, peer))
                return;
        object = job_object_get(service, job);
        if (object)
                follower_list_add(&object->followers, peer);
}

void job_object_follow_all(Service *service, Peer *peer) {
        if (peer)
                follower_list_add(&service->followers, peer);
}

/* --- signals --------------------------------------------------------------------------------------- */

/* A signal of a job, created if anybody follows it. */
typedef struct JobSignal {
        Service *service;
        const Job *job;
        int (*new)(const struct JobSignal *s, sd_bus_message **ret);
        char *path;
        const char *const *properties;
        Receivers receivers;
} JobSignal;

static void add_receiver(const Peer *peer, void *userdata) {
        (void) receivers_add(&((JobSignal *) userdata)->receivers, peer->name);
}

static void add_follower_of_one(const Peer *peer, void *userdata) {
        const JobSignal *s = userdata;

        if (!follower_list_has(&s->service->followers, peer))
                add_receiver(peer, userdata);
}

static void send_signal(JobSignal *s, bool to_followers_of_one) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint32_t owner = s->job->record.uid;
        JobObject *object = s->job->attachment;

        follower_list_foreach(&s->service->followers, owner, add_receiver, s);
        if (to_followers_of_one && object)
                follower_list_foreach(&object->followers, owner, add_follower_of_one, s);
        if (s->receivers.n == 0)
                return;
        s->path = job_object_path(s->job->record.id);
        if (s->path && s->new(s, &m) >= 0)
                signals_send(s->service->signals, owner, m, &s->receivers);
        free(s->path);
        free(s->receivers.names);
}

static int new_object_signal(const JobSignal *s, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_signal(s->service->bus, ret, JOBS_PATH, "org.freedesktop.DBus.ObjectManager", member);
}

/* It carries no properties: receivers query them. */
static int new_added(const JobSignal *s, sd_bus_message **ret) {
        int r = new_object_signal(s, "InterfacesAdded", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "oa{sa{sv}}", s->path, 1, JOB_INTERFACE, 0);
}

static int new_removed(const JobSignal *s, sd_bus_message **ret) {
        int r = new_object_signal(s, "InterfacesRemoved", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "oas", s->path, 1, JOB_INTERFACE);
}

static int new_changed(const JobSignal *s, sd_bus_message **ret) {
        sd_bus_message *m;
        int r;

        r = sd_bus_message_new_signal(s->service->bus, ret, s->path, "org.freedesktop.DBus.Properties",
                                      "PropertiesChanged");
        if (r < 0)
                return r;
        m = *ret;
        r = sd_bus_message_append_basic(m, 's', JOB_INTERFACE);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; s->properties[i] && r >= 0; i++)
                if (job_field_find(s->properties[i])->is_signalled)
                        r = job_record_append_entry(m, &s->job->record, job_field_find(s->properties[i]));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; s->properties[i] && r >= 0; i++)
                if (!job_field_find(s->properties[i])->is_signalled)
                        r = sd_bus_message_append_basic(m, 's', s->properties[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void send_changed(Service *service, const Job *job, const char *const *properties) {
        send_signal(&(JobSignal) { .service = service, .job = job, .new = new_changed, .properties = properties }, true);
}

void job_object_added(Service *service, Job *job) {
        send_signal(&(JobSignal) { .service = service, .job = job, .new = new_added }, false);
}

void job_object_started(Service *service, Job *job) {
        send_changed(service, job, (const char *const[]) {
                "State", "StartedUSec", "Attempt", "NextAttemptUSec", "Launcher", "WaitReason", "WaitText",
                NULL });
}

void job_object_retries(Service *service, Job *job) {
        send_changed(service, job, (const char *const[]) {
                "State", "StartedUSec", "Attempts", "NextAttemptUSec", "Progress", "Launcher", "Place", "PlaceId", "WaitReason",
                "WaitText", NULL });
}

void job_object_waits(Service *service, Job *job) {
        send_changed(service, job, (const char *const[]) { "Held", "WaitReason", "WaitText", NULL });
}

void job_object_edited(Service *service, Job *job) {
        send_changed(service, job, (const char *const[]) {
                "Label", "Queue", "Priority", "NotBeforeUSec", "After", "WaitReason", "WaitText", NULL });
}

static void send_progress(JobObject *object) {
        (void) sd_event_now(sd_bus_get_event(object->service->bus), CLOCK_MONOTONIC, &object->sent_usec);
        send_changed(object->service, object->job, (const char *const[]) {
                "Progress", object->job->record.place ? "Place" : NULL, "PlaceId", NULL });
}

static int on_progress_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        JobObject *object = userdata;

        object->progress_timer = sd_event_source_disable_unref(object->progress_timer);
        send_progress(object);
        return 0;
}

void job_object_progressed(Service *service, Job *job) {
        sd_event *event = sd_bus_get_event(service->bus);
        JobObject *object = job_object_get(service, job);
        uint64_t now = 0;

        if (!object || object->progress_timer)
                return;
        (void) sd_event_now(event, CLOCK_MONOTONIC, &now);
        if (now >= object->sent_usec + PROGRESS_USEC || object->sent_usec == 0)
                send_progress(object);
        else
                (void) sd_event_add_time(event, &object->progress_timer, CLOCK_MONOTONIC, object->sent_usec + PROGRESS_USEC, 1,
                                         on_progress_timer, object);
}

void job_object_is_stuck(Job *job) {
        JobObject *object = job->attachment;

        if (object)
                waiter_job_is_stuck(&object->waiters, &job->record);
}

void job_object_finished(Service *service, Job *job) {
        const JobRecord *record = &job->record;
        JobObject *object = job->attachment;
        int r;

        r = sd_bus_emit_signal(service->bus, JOBS_PATH, JOBS_INTERFACE, "JobFinished", "ssit", record->id,
                               job_state_to_string(record->state), record->exit_code, record->sequence);
        if (r < 0)
                sd_journal_print(LOG_ERR, "Failed to send JobFinished for %s: %s", record->id, strerror(-r));
        if (object)
                readers_end(&object->readers);
        send_changed(service, job, (const char *const[]) {
                "State", "Reason", "ExitCode", "Signal", "StartedUSec", "FinishedUSec", "Sequence", "Result", "ResultError",
                "LeftBehind", "EndSource", "FailedDependency", "Attempts", "WaitReason", "WaitText",
                object && object->progress_timer ? "Progress" : NULL, NULL });
}

bool job_object_answer(Job *job) {
        JobObject *object = job->attachment;

        return object && waiter_job_ended(&object->waiters, &job->record);
}

void job_object_removed(Service *service, Job *job) {
        send_signal(&(JobSignal) { .service = service, .job = job, .new = new_removed }, false);
        job_object_free(job->attachment);
}
