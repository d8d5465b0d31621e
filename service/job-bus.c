/* SPDX-License-Identifier: Apache-2.0 */

/* org.codex.Jobs.Job: an object for each live job, and the ObjectManager above them. Only those who may
 * manage a job find its object. Signals go to everybody: they carry a value only where it is public (in
 * JobFinished too); dbus/org.codex.Jobs.Job.xml says which. */

#include <stdarg.h>

#include "bus-names.h"
#include "limits.h"
#include "manager.h"

char *job_bus_path(const char *id) {
        char *path;

        return sd_bus_path_encode(JOB_PATH_PREFIX, id, &path) < 0 ? NULL : path;
}

/* For a caller it depends on who asks; in our own signals (no current message, or not a call) it is there. */
static bool is_visible(Manager *manager, const Job *job) {
        sd_bus_message *m = sd_bus_get_current_message(manager->bus);
        uint8_t type;

        if (!m || sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
                return true;
        return authorize_may_manage(authorize_sender(manager->authorize, m), job->record.uid);
}

static int job_object_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error) {
        _cleanup_free_ char *id = NULL;
        Manager *manager = userdata;
        Job *job;
        int r;

        r = sd_bus_path_decode(path, JOB_PATH_PREFIX, &id);
        if (r <= 0)
                return r;
        job = manager_find(manager, id);
        if (!job || job->phase == JOB_RELEASING || !is_visible(manager, job))
                return 0;
        *ret = job;
        return 1;
}

static int job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        Manager *manager = userdata;
        size_t n = 0;
        char **paths;
        Job *job;

        TAILQ_FOREACH(job, &manager->jobs, entry)
                n++;
        paths = calloc(n + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        n = 0;
        TAILQ_FOREACH(job, &manager->jobs, entry) {
                if (job->phase == JOB_RELEASING || !is_visible(manager, job))
                        continue;
                paths[n] = job_bus_path(job->record.id);
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

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;

        return manager_bus_cancel(job->manager, m, job->record.id);
}

static int property_get_field(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Job *job = userdata;

        if (streq(property, "StdoutBytes") || streq(property, "StderrBytes"))
                limits_update_sizes(job);
        return job_record_append_field(reply, &job->record, job_field_find(property));
}

static int property_get_unit(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        char name[JOB_UNIT_MAX];
        Job *job = userdata;

        return sd_bus_message_append_basic(reply, 's', job_unit_name(job->record.id, name));
}

#define PUBLIC SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define PRIVATE SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION
#define CONSTANT SD_BUS_VTABLE_PROPERTY_CONST
#define FIELD(name, type, flags) SD_BUS_PROPERTY(name, type, property_get_field, 0, flags)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", state), method_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        FIELD("Id", "s", CONSTANT),
        FIELD("Kind", "s", CONSTANT),
        FIELD("Label", "s", CONSTANT),
        FIELD("State", "s", PUBLIC),
        FIELD("Reason", "s", PUBLIC),
        FIELD("ExitCode", "i", PUBLIC),
        FIELD("Signal", "i", PRIVATE),
        FIELD("Uid", "u", CONSTANT),
        SD_BUS_PROPERTY("Unit", "s", property_get_unit, 0, CONSTANT),
        FIELD("Queue", "s", CONSTANT),
        FIELD("Directory", "s", CONSTANT),
        FIELD("Workspace", "s", CONSTANT),
        FIELD("Session", "s", CONSTANT),
        FIELD("CreatedUSec", "t", CONSTANT),
        FIELD("StartedUSec", "t", PRIVATE),
        FIELD("FinishedUSec", "t", PRIVATE),
        FIELD("Sequence", "t", PRIVATE),
        FIELD("Progress", "s", PRIVATE),
        FIELD("StdoutBytes", "t", 0),
        FIELD("StderrBytes", "t", 0),
        FIELD("Result", "s", PRIVATE),
        FIELD("Notify", "b", CONSTANT),
        FIELD("RetryOf", "s", CONSTANT),
        SD_BUS_VTABLE_END,
};

int job_bus_register(Manager *manager) {
        int r;

        r = sd_bus_add_fallback_vtable(manager->bus, &manager->vtable_slots[1], JOB_PATH_PREFIX, JOB_INTERFACE, job_vtable,
                                       job_object_find, manager);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(manager->bus, &manager->vtable_slots[2], JOB_PATH_PREFIX, job_enumerate, manager);
        if (r >= 0)
                r = sd_bus_add_object_manager(manager->bus, &manager->vtable_slots[3], JOBS_PATH);
        return r;
}

/* InterfacesAdded carries no property: whoever may see them asks. */
void job_bus_added(Job *job) {
        _cleanup_free_ char *path = job_bus_path(job->record.id);

        if (path)
                (void) sd_bus_emit_signal(job->manager->bus, JOBS_PATH, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded",
                                          "oa{sa{sv}}", path, 1, JOB_INTERFACE, 0);
}

void job_bus_changed(Job *job, const char *first_property, ...) {
        _cleanup_free_ char *path = job_bus_path(job->record.id);
        const char *properties[12] = { first_property };
        size_t n = 1;
        va_list ap;

        va_start(ap, first_property);
        while (n < ELEMENTSOF(properties) - 1 && (properties[n] = va_arg(ap, const char *)))
                n++;
        va_end(ap);
        if (path)
                (void) sd_bus_emit_properties_changed_strv(job->manager->bus, path, JOB_INTERFACE, (char **) properties);
}

void job_bus_removed(Job *job) {
        _cleanup_free_ char *path = job_bus_path(job->record.id);

        if (path)
                (void) sd_bus_emit_signal(job->manager->bus, JOBS_PATH, "org.freedesktop.DBus.ObjectManager",
                                          "InterfacesRemoved", "oas", path, 1, JOB_INTERFACE);
}
