/* SPDX-License-Identifier: Apache-2.0 */

/* org.codex.Jobs.Job: an object for each live job, and the ObjectManager above them. Only those who may
 * manage a job find its object, and of them only those who asked for it get its signals. */

#include <stdarg.h>

#include "bus-names.h"
#include "manager.h"

#define OBJECTS_MAX 100U /* that are listed to a caller */
#define PROGRESS_USEC (250 * USEC_PER_MSEC)

char *job_bus_path(const char *id) {
        char *path;

        return sd_bus_path_encode(JOB_PATH_PREFIX, id, &path) < 0 ? NULL : path;
}

/* Objects are only looked for on behalf of a caller, and depend on who that is. */
static uint32_t current_caller(Manager *manager) {
        return authorize_sender(manager->authorize, sd_bus_get_current_message(manager->bus));
}

static bool is_visible(const Job *job, uint32_t uid) {
        return job->phase != JOB_RELEASING && authorize_may_manage(uid, job->record.uid);
}

void job_bus_follow(Job *job, sd_bus_message *call) {
        Manager *manager = job->manager;

        if (!follower_list_has(&manager->followers, sd_bus_message_get_sender(call)))
                (void) follower_list_add(&job->followers, manager->authorize, call);
}

void job_bus_follow_all(Manager *manager, sd_bus_message *call) {
        (void) follower_list_add(&manager->followers, manager->authorize, call);
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
        if (!job || !is_visible(job, current_caller(manager)))
                return 0;
        job_bus_follow(job, sd_bus_get_current_message(bus));
        *ret = job;
        return 1;
}

static int job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        sd_bus_message *call = sd_bus_get_current_message(bus);
        Manager *manager = userdata;
        uint32_t uid = current_caller(manager);
        size_t n = 0;
        char **paths;
        Job *job;

        if (call && sd_bus_message_is_method_call(call, NULL, "GetManagedObjects") > 0)
                job_bus_follow_all(manager, call);
        /* Calls of others wait behind GetManagedObjects, which costs the loop 20 µs an object. */
        paths = calloc(OBJECTS_MAX + 1, sizeof(char *));
        if (!paths)
                return -ENOMEM;
        TAILQ_FOREACH(job, &manager->jobs, entry) {
                if (n == OBJECTS_MAX)
                        break;
                if (!is_visible(job, uid))
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
                ending_update_sizes(job);
        return job_record_append_field(reply, &job->record, job_field_find(property));
}

static int property_get_unit(sd_bus *bus, const char *path, const char *interface, const char *property,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        char name[JOB_UNIT_MAX];
        Job *job = userdata;

        return sd_bus_message_append_basic(reply, 's', job_unit_name(job->record.id, name));
}

#define PROPERTY(name, kind, flags) SD_BUS_PROPERTY(name, FIELD_TYPE_##kind, property_get_field, 0, flags),
#define PROPERTY_CONSTANT(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_CONST)
#define PROPERTY_CHANGED(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define PROPERTY_INVALIDATED(name, kind) PROPERTY(name, kind, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
#define PROPERTY_SILENT(name, kind) PROPERTY(name, kind, 0)
#define PROPERTY_NONE(name, kind)
#define FIELD(name, kind, member, none, presence, stored, told, json) PROPERTY_##told(name, kind)

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", state), method_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        JOB_FIELDS(FIELD)
        SD_BUS_PROPERTY("Unit", "s", property_get_unit, 0, SD_BUS_VTABLE_PROPERTY_CONST),
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

/* --- signals --------------------------------------------------------------------------------------- */

/* A signal of a job that is made anew for each receiver. */
typedef struct JobSignal {
        Job *job;
        int (*new)(const struct JobSignal *s, sd_bus_message **ret);
        char *path;
        const char *const *properties;
} JobSignal;

static void send_to(const char *peer, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const JobSignal *s = userdata;
        int r;

        r = s->new(s, &m);
        if (r >= 0)
                r = sd_bus_message_set_destination(m, peer);
        if (r >= 0)
                (void) sd_bus_send(s->job->manager->bus, m, NULL);
}

static void send_to_follower_of_one(const char *peer, void *userdata) {
        const JobSignal *s = userdata;

        if (!follower_list_has(&s->job->manager->followers, peer))
                send_to(peer, userdata);
}

static void send_signal(JobSignal *s, bool to_followers_of_one) {
        Manager *manager = s->job->manager;
        uint32_t owner = s->job->record.uid;

        if (LIST_EMPTY(&manager->followers) && LIST_EMPTY(&s->job->followers))
                return;
        s->path = job_bus_path(s->job->record.id);
        if (!s->path)
                return;
        follower_list_foreach(&manager->followers, manager->authorize, owner, send_to, s);
        if (to_followers_of_one)
                follower_list_foreach(&s->job->followers, manager->authorize, owner, send_to_follower_of_one, s);
        free(s->path);
}

static int new_object_signal(const JobSignal *s, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_signal(s->job->manager->bus, ret, JOBS_PATH, "org.freedesktop.DBus.ObjectManager", member);
}

/* It carries no property: whoever wants them asks. */
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

        r = sd_bus_message_new_signal(s->job->manager->bus, ret, s->path, "org.freedesktop.DBus.Properties",
                                      "PropertiesChanged");
        if (r < 0)
                return r;
        m = *ret;
        r = sd_bus_message_append_basic(m, 's', JOB_INTERFACE);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; s->properties[i] && r >= 0; i++)
                if (job_field_find(s->properties[i])->is_told)
                        r = job_record_append_entry(m, &s->job->record, job_field_find(s->properties[i]));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; s->properties[i] && r >= 0; i++)
                if (!job_field_find(s->properties[i])->is_told)
                        r = sd_bus_message_append_basic(m, 's', s->properties[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

void job_bus_added(Job *job) {
        send_signal(&(JobSignal) { .job = job, .new = new_added }, false);
}

void job_bus_changed(Job *job, const char *first_property, ...) {
        const char *properties[16] = { first_property };
        size_t n = 1;
        va_list ap;

        va_start(ap, first_property);
        while (n < ELEMENTSOF(properties) - 1 && (properties[n] = va_arg(ap, const char *)))
                n++;
        va_end(ap);
        send_signal(&(JobSignal) { .job = job, .new = new_changed, .properties = properties }, true);
}

static int on_progress_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        job->progress_timer = sd_event_source_disable_unref(job->progress_timer);
        if (job->phase != JOB_RELEASING)
                job_bus_progressed(job);
        return 0;
}

void job_bus_progressed(Job *job) {
        uint64_t now = 0;

        if (job->progress_timer)
                return;
        (void) sd_event_now(job->manager->event, CLOCK_MONOTONIC, &now);
        if (now >= job->told_usec + PROGRESS_USEC || job->told_usec == 0) {
                job->told_usec = now;
                job_bus_changed(job, "Progress", NULL);
        } else
                (void) sd_event_add_time(job->manager->event, &job->progress_timer, CLOCK_MONOTONIC,
                                         job->told_usec + PROGRESS_USEC, 1, on_progress_timer, job);
}

void job_bus_removed(Job *job) {
        send_signal(&(JobSignal) { .job = job, .new = new_removed }, false);
}
