/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* org.codex.Jobs.Job: an object for each live job, and the ObjectManager above them. Only users who may manage a job
 * can access its object, and only those of them who asked for it receive its signals. */

#include "bus-names.h"
#include "pending-call.h"

#define OBJECTS_MAX 100U /* objects listed for a caller */

/* Objects are only looked up on behalf of a caller, and depend on the caller. */
static Peer *current_caller(Service *service) {
        return peers_sender(service->peers, sd_bus_get_current_message(service->bus));
}

static bool is_visible(const Job *job, const Peer *peer) {
        return job->phase != JOB_RELEASING && peer && user_may_manage(peer->user->uid, job->record.uid);
}

static int find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error) {
        _cleanup_free_ char *id = NULL;
        Service *service = userdata;
        Job *job;
        int r;

        r = sd_bus_path_decode(path, JOB_PATH_PREFIX, &id);
        if (r <= 0)
                return r;
        lifecycle_catch_up(service->core);
        job = core_find(service->core, id);
        if (!job || !is_visible(job, current_caller(service)))
                return 0;
        job_object_follow(service, job, current_caller(service));
        *ret = job_object_get(service, job);
        return *ret ? 1 : -ENOMEM;
}

static int job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        sd_bus_message *call = sd_bus_get_current_message(bus);
        Service *service = userdata;
        Peer *peer = current_caller(service);
        size_t n = 0;
        char **paths;
        Job *job;

        /* Other calls wait for GetManagedObjects, which takes 20 µs per object. */
        paths = calloc(OBJECTS_MAX + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        lifecycle_catch_up(service->core); /* first: what this changes, the reply has */
        if (call && sd_bus_message_is_method_call(call, NULL, "GetManagedObjects") > 0)
                job_object_follow_all(service, peer);
        TAILQ_FOREACH(job, &service->core->jobs, entry) {
                if (n == OBJECTS_MAX)
                        break;
                if (!is_visible(job, peer))
                        continue;
                paths[n] = job_object_path(job->record.id);
                if (!paths[n]) {
                        while (n > 0)
                                free(paths[--n]);
                        free(paths);
                        return -ENOMEM;
                }
                n++;
        }
        *ret = paths;
        return 0;
}

static int cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const JobObject *object = userdata;

        return cancel_job(object->service, m, object->job->record.id);
}

static int property_get_field(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const JobObject *object = userdata;

        if (streq(property, "StdoutBytes") || streq(property, "StderrBytes"))
                job_update_sizes(object->job);
        if (!job_field_find(property)->is_stored)
                core_explain_wait(object->job);
        return job_record_append_field(reply, &object->job->record, job_field_find(property));
}

static int property_get_unit(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        char name[JOB_UNIT_MAX];
        const JobObject *object = userdata;

        return sd_bus_message_append_basic(reply, 's', job_unit_name(object->job->record.id, name));
}

#define PROPERTY(name, kind, flags) SD_BUS_PROPERTY(name, FIELD_TYPE(kind), property_get_field, 0, flags),
#define PROPERTY_CONSTANT(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_CONST)
#define PROPERTY_CHANGED(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define PROPERTY_INVALIDATED(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
#define PROPERTY_SILENT(name, kind) PROPERTY(name, kind, 0)
#define PROPERTY_NONE(name, kind)
#define FIELD(name, kind, member, none, presence, stored, changes, json) PROPERTY_##changes(name, kind)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", state), cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        JOB_FIELDS(FIELD)
        SD_BUS_PROPERTY("Unit", "s", property_get_unit, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int interface_job_register(Service *service) {
        int r;

        r = sd_bus_add_fallback_vtable(service->bus, &service->vtable_slots[1], JOB_PATH_PREFIX, JOB_INTERFACE, job_vtable,
                                       find, service);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(service->bus, &service->vtable_slots[2], JOB_PATH_PREFIX, job_enumerate, service);
        if (r >= 0)
                r = sd_bus_add_object_manager(service->bus, &service->vtable_slots[3], JOBS_PATH);
        return r;
}
