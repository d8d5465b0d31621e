/* SPDX-License-Identifier: Apache-2.0 */

#include <search.h>
#include <signal.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "build-config.h"
#include "job-id.h"
#include "spec-format.h"
#include "unit-properties.h"
#include "unit.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT_PREFIX "codex-job-"
#define UNIT_SUFFIX ".service"
#define UNIT_PATTERN UNIT_PREFIX "*" UNIT_SUFFIX
#define UNIT_PATH_PREFIX "/org/freedesktop/systemd1/unit/codex_2djob_2d" /* see sd_bus_path_encode(3) */
#define SLICE "codex-jobs.slice"

struct UnitManager {
        sd_bus *bus;
        bool system_scope;
        const UnitCallbacks *callbacks;
        const UnitListener *listener;
        void *userdata;

        void *units; /* tsearch(3) tree of Unit by id */
        sd_bus_slot *changed_match;
        sd_bus_slot *removed_match;
        sd_bus_slot *owner_match;
        sd_bus_slot *subscribe_call;
        sd_bus_slot *instance_call;
        sd_bus_slot *sweep_call;
        bool sweep_again;
        uint64_t sweep_number; /* of the sweep that was begun last */
};

struct Unit {
        UnitManager *manager;
        void *userdata;
        char *id;
        char name[JOB_UNIT_MAX];
        char *path;
        sd_bus_slot *start_call; /* one slot for each thing that can be outstanding */
        sd_bus_slot *refresh_call;
        sd_bus_slot *stop_call;
        sd_bus_slot *release_call;
        sd_bus_slot *state_call;
        sd_bus_slot *usage_calls[2];
        UnitProperties properties;
        bool ended;
        bool stop_asked; /* by us */
        uint64_t asked; /* the last sweep that began while it should have existed */
        uint64_t seen;  /* the last sweep that found it */
};

/* --- units ----------------------------------------------------------------------------------------- */

static int compare_units(const void *a, const void *b) {
        return strcmp(((const Unit *) a)->id, ((const Unit *) b)->id);
}

static Unit *find_unit(UnitManager *manager, const char *id) {
        Unit key = { .id = (char *) id }, **found;

        found = tfind(&key, &manager->units, compare_units);
        return found ? *found : NULL;
}

int unit_new(Unit **ret, UnitManager *manager, const char *id, void *userdata) {
        Unit *unit;
        int r;

        unit = calloc(1, sizeof(*unit));
        if (!unit)
                return -ENOMEM;
        unit->userdata = userdata;
        unit->id = strdup(id);
        (void) job_unit_name(id, unit->name);
        r = unit->id ? sd_bus_path_encode(SYSTEMD_PATH "/unit", unit->name, &unit->path) : -ENOMEM;
        if (r >= 0 && !tsearch(unit, &manager->units, compare_units))
                r = -ENOMEM;
        if (r < 0) {
                (void) unit_free(unit);
                return r;
        }
        unit->manager = manager; /* from here on it is in the tree */
        *ret = unit;
        return 0;
}

Unit *unit_free(Unit *unit) {
        if (!unit)
                return NULL;

        if (unit->manager)
                (void) tdelete(unit, &unit->manager->units, compare_units);
        (void) sd_bus_slot_unref(unit->state_call);
        for (size_t i = 0; i < ELEMENTSOF(unit->usage_calls); i++)
                (void) sd_bus_slot_unref(unit->usage_calls[i]);
        (void) sd_bus_slot_unref(unit->release_call);
        (void) sd_bus_slot_unref(unit->stop_call);
        (void) sd_bus_slot_unref(unit->refresh_call);
        (void) sd_bus_slot_unref(unit->start_call);
        unit_properties_clear(&unit->properties);
        free(unit->path);
        free(unit->id);
        free(unit);
        return NULL;
}

/* Copies the id out of codex-job-ID.service; false if the name is not of that form. */
static bool id_from_name(const char *name, char ret[static JOB_ID_MAX + 1]) {
        const char *id = startswith(name, UNIT_PREFIX);
        size_t n = id ? strlen(id) : 0;

        if (n <= strlen(UNIT_SUFFIX) || n - strlen(UNIT_SUFFIX) > JOB_ID_MAX)
                return false;
        n -= strlen(UNIT_SUFFIX);
        if (!streq(id + n, UNIT_SUFFIX))
                return false;
        memcpy(ret, id, n);
        ret[n] = 0;
        return job_id_is_valid(ret);
}

/* The id of the job whose unit has that object path; false if it is no job's. */
static bool id_from_path(const char *path, char ret[static JOB_ID_MAX + 1]) {
        _cleanup_free_ char *name = NULL;

        if (!startswith(path, UNIT_PATH_PREFIX))
                return false;
        return sd_bus_path_decode(path, SYSTEMD_PATH "/unit", &name) > 0 && id_from_name(name, ret);
}

/* What was used, where it is known, in units of unit. */
static uint64_t known_usage(uint64_t value, uint64_t unit) {
        return value == UINT64_MAX ? 0 : value / unit;
}

/* Not every systemd keeps the number over a daemon-reload; all keep the text. */
static bool worker_complained(const UnitProperties *p) {
        return p->status_errno != 0 || startswith(strempty(p->status_text), WORKER_CANNOT);
}

static void unit_tell_end(Unit *unit) {
        const UnitProperties *p = &unit->properties;
        const JobEnd end = {
                .code = p->code,
                .status = p->status,
                .result = p->result,
                .worker_failed = worker_complained(p) && p->code == CLD_EXITED && (p->status == 126 || p->status == 127),
                .cpu_usage_usec = known_usage(p->cpu_usage_nsec, NSEC_PER_USEC),
                .memory_peak = known_usage(p->memory_peak, 1),
        };

        unit->manager->listener->ended(&end, p->start_usec, p->exit_usec, unit->userdata);
}

static int on_cpu_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->usage_calls[0] = sd_bus_slot_unref(unit->usage_calls[0]);
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) sd_bus_message_read(reply, "v", "t", &unit->properties.cpu_usage_nsec);
        return 0;
}

/* Versions before 254 do not know the peak. */
static int on_memory_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->usage_calls[1] = sd_bus_slot_unref(unit->usage_calls[1]);
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) sd_bus_message_read(reply, "v", "t", &unit->properties.memory_peak);
        unit_tell_end(unit);
        return 0;
}

static int ask_usage(Unit *unit, size_t i, const char *property, sd_bus_message_handler_t handler) {
        return sd_bus_call_method_async(unit->manager->bus, &unit->usage_calls[i], SYSTEMD_NAME, unit->path,
                                        "org.freedesktop.DBus.Properties", "Get", handler, unit, "ss",
                                        SYSTEMD_NAME ".Service", property);
}

/* No signal carries what was used: it is asked for, where the job ran for so long that it can be of interest. */
static void unit_find_usage(Unit *unit) {
        const UnitProperties *p = &unit->properties;

        if (p->start_usec == 0 || p->exit_usec < p->start_usec + USEC_PER_SEC ||
            ask_usage(unit, 0, "CPUUsageNSec", on_cpu_reply) < 0 ||
            ask_usage(unit, 1, "MemoryPeak", on_memory_reply) < 0) /* answered in this order */
                unit_tell_end(unit);
}

/* When the host goes down the jobs end by SIGTERM shortly before us: that is no end of theirs to tell. It is
 * left to the next start, which finds that the host was restarted under them. */
static int on_state_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const char *state = "";

        unit->state_call = sd_bus_slot_unref(unit->state_call);
        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "v", "s", &state) >= 0 &&
            streq(state, "stopping"))
                return 0;
        unit_find_usage(unit);
        return 0;
}

/* Sees, once, that the unit has ended. exited: its process ended and RemainAfterExit= holds it; dead: it was
 * stopped, or ended by a signal that systemd takes for a clean end. A unit that was loaded and not yet
 * started is dead too, but nothing of it ever ran. */
static void unit_check_end(Unit *unit) {
        const UnitProperties *p = &unit->properties;
        bool ended;
        int r;

        ended = streq(p->sub_state, "exited") || streq(p->sub_state, "failed") ||
                (streq(p->sub_state, "dead") && p->code != 0);
        if (!ended || unit->ended)
                return;
        unit->ended = true;
        if (p->code == CLD_KILLED && p->status == SIGTERM && !unit->stop_asked) {
                r = sd_bus_call_method_async(unit->manager->bus, &unit->state_call, SYSTEMD_NAME, SYSTEMD_PATH,
                                             "org.freedesktop.DBus.Properties", "Get", on_state_reply, unit, "ss",
                                             SYSTEMD_MANAGER, "SystemState");
                if (r >= 0)
                        return;
        }
        unit_find_usage(unit);
}

/* --- start ----------------------------------------------------------------------------------------- */

/* The manager may have carried out what it did not answer. */
static bool is_unknown(const sd_bus_error *error) {
        static const char *const names[] = {
                SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT, SD_BUS_ERROR_DISCONNECTED,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_LIMITS_EXCEEDED,
                "org.freedesktop.systemd1.ShuttingDown", "org.freedesktop.systemd1.BusError",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(error, names[i]))
                        return true;
        return false;
}

/* Nothing was started: what the unit needs is being stopped, as when the host or the user's manager goes down. */
static bool is_refused(const sd_bus_error *error) {
        return sd_bus_error_has_name(error, "org.freedesktop.systemd1.TransactionIsDestructive");
}

static int on_start_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const UnitListener *listener = unit->manager->listener;

        unit->start_call = sd_bus_slot_unref(unit->start_call);
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.UnitExists")) {
                /* By an earlier request of ours whose answer was lost. Its end may have been told before. */
                listener->started(0, NULL, unit->userdata);
                (void) unit_refresh(unit);
        } else if (!error)
                listener->started(0, NULL, unit->userdata);
        else if (is_unknown(error))
                listener->started(-EAGAIN, error->message, unit->userdata);
        else if (is_refused(error))
                listener->started(-ESHUTDOWN, error->message, unit->userdata);
        else
                listener->started(-EIO, error->message, unit->userdata);
        return 0;
}

static int append_start_properties(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        char uid[16];
        int r;

        r = sd_bus_message_append(
                m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "Description", "s", "Background job (see codex-jobs status)",
                "ExecStart", "a(sasb)", 1, WORKER_PATH, 2, WORKER_PATH, unit->id, false,
                "Type", "s", "exec",
                "RemainAfterExit", "b", true,
                "NotifyAccess", "s", "all",
                "Slice", "s", SLICE,
                "IgnoreSIGPIPE", "b", false,
                "StandardInputFileDescriptor", "h", start->spec_fd,
                "StandardOutputFileDescriptor", "h", start->stdout_fd,
                "StandardErrorFileDescriptor", "h", start->stderr_fd);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t", start->stop_timeout_usec);
        /* Root is who PID 1 starts anyway: User= would cost a look at the user database. */
        if (r >= 0 && unit->manager->system_scope && start->uid != 0) {
                (void) snprintf(uid, sizeof(uid), "%" PRIu32, start->uid);
                r = sd_bus_message_append(m, "(sv)", "User", "s", uid);
        }
        return r;
}

/* See systemd.exec(5). /tmp is the job's own, and its result stays writable. */
static int append_read_only(sd_bus_message *m, const Unit *unit, const UnitStart *start) {
        int r;

        if (!start->limits.read_only)
                return 0;
        /* Without a user namespace a user's manager may not mount, and passes over the rest in silence. */
        if (!unit->manager->system_scope) {
                r = sd_bus_message_append(m, "(sv)", "PrivateUsers", "b", true);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "ProtectSystem", "s", "strict", "ProtectHome", "s", "read-only",
                                     "PrivateTmp", "b", true, "ReadWritePaths", "as", 1, start->writable_path);
}

static int append_limits(sd_bus_message *m, const JobLimits *limits) {
        const struct {
                const char *name;
                uint64_t value;
        } properties[] = {
                { "RuntimeMaxUSec", limits->runtime_max_usec },
                { "MemoryMax", limits->memory_max },
                { "TasksMax", limits->tasks_max },
                { "CPUWeight", limits->cpu_weight },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(properties) && r >= 0; i++)
                if (properties[i].value > 0)
                        r = sd_bus_message_append(m, "(sv)", properties[i].name, "t", properties[i].value);
        return r;
}

static int new_manager_call(UnitManager *manager, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(manager->bus, ret, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, member);
}

int unit_start(Unit *unit, const UnitStart *start) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_manager_call(unit->manager, "StartTransientUnit", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", unit->name, "fail");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r < 0)
                return r;
        r = append_start_properties(m, unit, start);
        if (r < 0)
                return r;
        r = append_limits(m, &start->limits);
        if (r < 0)
                return r;
        r = append_read_only(m, unit, start);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a(sa(sv))", 0);
        if (r < 0)
                return r;
        unit->start_call = sd_bus_slot_unref(unit->start_call);
        return sd_bus_call_async(unit->manager->bus, &unit->start_call, m, on_start_reply, unit, 0);
}

/* --- stop, release --------------------------------------------------------------------------------- */

static int call_on_name(UnitManager *manager, sd_bus_slot **slot, const char *member, const char *name,
                        bool with_mode, sd_bus_message_handler_t handler, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_manager_call(manager, member, &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(m, 's', name);
        if (r >= 0 && with_mode)
                r = sd_bus_message_append_basic(m, 's', "replace");
        if (r < 0)
                return r;
        if (!slot)
                return sd_bus_send(manager->bus, m, NULL);
        *slot = sd_bus_slot_unref(*slot);
        return sd_bus_call_async(manager->bus, slot, m, handler, userdata, 0);
}

static int on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        unit->stop_call = sd_bus_slot_unref(unit->stop_call);
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit") && !unit->ended)
                unit->manager->listener->vanished(unit->userdata);
        return 0;
}

int unit_stop(Unit *unit) {
        unit->stop_asked = true;
        return call_on_name(unit->manager, &unit->stop_call, "StopUnit", unit->name, true, on_stop_reply, unit);
}

static int on_release_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->release_call = sd_bus_slot_unref(unit->release_call);
        unit->manager->listener->released(unit->userdata);
        return 0;
}

int unit_release(Unit *unit) {
        bool failed = streq(unit->properties.sub_state, "failed");

        return call_on_name(unit->manager, &unit->release_call, failed ? "ResetFailedUnit" : "StopUnit", unit->name,
                            !failed, on_release_reply, unit);
}

void unit_manager_discard(UnitManager *manager, const char *id, const char *sub_state) {
        bool failed = streq(sub_state, "failed");
        char name[JOB_UNIT_MAX];

        (void) call_on_name(manager, NULL, failed ? "ResetFailedUnit" : "StopUnit", job_unit_name(id, name), !failed,
                            NULL, NULL);
}

/* --- how a unit stands ----------------------------------------------------------------------------- */

static void unit_update(Unit *unit, sd_bus_message *m) {
        bool progress = false;
        int r;

        r = unit_properties_read(&unit->properties, m, &progress);
        if (r < 0) {
                sd_journal_print(LOG_WARNING, "Cannot read the properties of %s: %s.", unit->name, strerror(-r));
                return;
        }
        if (progress && !unit->ended)
                unit->manager->listener->progress(unit->properties.status_text, unit->userdata);
}

/* A unit that was released, and whose last processes had to be killed: it has failed after the end of its job. */
static void stray_changed(UnitManager *manager, const char *id, sd_bus_message *m) {
        _cleanup_(unit_properties_clear) UnitProperties properties = {};
        bool progress;

        if (unit_properties_read(&properties, m, &progress) >= 0 && streq(properties.sub_state, "failed"))
                manager->callbacks->listed(id, properties.sub_state, manager->userdata);
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        char id[JOB_ID_MAX + 1];
        const char *interface;
        Unit *unit;

        if (!id_from_path(sd_bus_message_get_path(m), id) || sd_bus_message_read_basic(m, 's', &interface) < 0)
                return 0;
        unit = find_unit(manager, id);
        if (!unit) {
                stray_changed(manager, id, m);
                return 0;
        }
        unit_update(unit, m);
        /* The interface of the type comes first, that of the unit, with its state, last. */
        if (streq(interface, SYSTEMD_NAME ".Unit"))
                unit_check_end(unit);
        return 0;
}

static int on_refresh_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->refresh_call = sd_bus_slot_unref(unit->refresh_call);
        if (sd_bus_message_is_method_error(reply, NULL))
                return 0; /* the next sweep knows more */
        unit_update(unit, reply);
        if (streq(unit->properties.load_state, "not-found") && !unit->ended)
                unit->manager->listener->vanished(unit->userdata);
        else
                unit_check_end(unit);
        return 0;
}

int unit_refresh(Unit *unit) {
        unit->refresh_call = sd_bus_slot_unref(unit->refresh_call);
        return sd_bus_call_method_async(unit->manager->bus, &unit->refresh_call, SYSTEMD_NAME, unit->path,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_refresh_reply, unit, "s", "");
}

/* --- sweep ----------------------------------------------------------------------------------------- */

static void manager_listed(UnitManager *manager, const char *id, const char *sub_state) {
        Unit *unit = find_unit(manager, id);

        if (unit) {
                unit->seen = manager->sweep_number;
                if (!unit->ended && !streq(unit->properties.sub_state, sub_state))
                        (void) unit_refresh(unit);
        }
        manager->callbacks->listed(id, sub_state, manager->userdata);
}

/* Collects first: what is told may free units. */
typedef struct Vanished {
        uint64_t sweep_number;
        Unit **units;
        size_t n;
} Vanished;

static void collect_vanished(const void *node, VISIT which, void *closure) {
        Unit *unit = *(Unit *const *) node;
        Vanished *v = closure;

        Unit **bigger;

        if (which != postorder && which != leaf)
                return;
        if (unit->ended || unit->start_call || unit->asked != v->sweep_number || unit->seen == v->sweep_number)
                return;
        bigger = reallocarray(v->units, v->n + 1, sizeof(Unit *));
        if (!bigger)
                return; /* the next sweep finds it */
        v->units = bigger;
        v->units[v->n++] = unit;
}

static void manager_swept(UnitManager *manager) {
        Vanished v = { .sweep_number = manager->sweep_number };

        twalk_r(manager->units, collect_vanished, &v);
        for (size_t i = 0; i < v.n; i++)
                manager->listener->vanished(v.units[i]->userdata);
        free(v.units);
        manager->callbacks->swept(manager->userdata);
}

static int on_sweep_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const char *name, *sub_state;
        UnitManager *manager = userdata;
        int r;

        manager->sweep_call = sd_bus_slot_unref(manager->sweep_call);
        if (sd_bus_message_is_method_error(reply, NULL))
                return 0; /* ready() comes again when the manager is back */
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, &sub_state, NULL, NULL, NULL,
                                        NULL, NULL)) > 0) {
                char id[JOB_ID_MAX + 1];

                if (id_from_name(name, id))
                        manager_listed(manager, id, sub_state);
        }
        if (r < 0)
                return r;
        manager_swept(manager);
        if (manager->sweep_again) {
                manager->sweep_again = false;
                (void) unit_manager_sweep(manager);
        }
        return 0;
}

/* What should exist now and is not in the answer has vanished; what is started later need not be in it. */
static void mark_asked(const void *node, VISIT which, void *closure) {
        Unit *unit = *(Unit *const *) node;

        if ((which == postorder || which == leaf) && !unit->start_call)
                unit->asked = *(const uint64_t *) closure;
}

int unit_manager_sweep(UnitManager *manager) {
        if (manager->sweep_call) {
                manager->sweep_again = true;
                return 0;
        }
        manager->sweep_number++;
        twalk_r(manager->units, mark_asked, &manager->sweep_number);
        return sd_bus_call_method_async(manager->bus, &manager->sweep_call, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                        "ListUnitsByPatterns", on_sweep_reply, manager, "asas", 0, 1, UNIT_PATTERN);
}

/* --- the manager ----------------------------------------------------------------------------------- */

static int on_instance_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        char instance[SD_ID128_STRING_MAX + 32];
        sd_id128_t boot;
        uint64_t usec;
        int r;

        manager->instance_call = sd_bus_slot_unref(manager->instance_call);
        if (sd_bus_message_is_method_error(reply, NULL)) {
                manager->callbacks->unreachable(sd_bus_message_get_error(reply)->message, manager->userdata);
                return 0;
        }
        r = sd_bus_message_read(reply, "v", "t", &usec);
        if (r >= 0)
                r = sd_id128_get_boot(&boot);
        if (r < 0) {
                manager->callbacks->unreachable(strerror(-r), manager->userdata);
                return 0;
        }
        (void) snprintf(instance, sizeof(instance), SD_ID128_FORMAT_STR ":%" PRIu64, SD_ID128_FORMAT_VAL(boot), usec);
        manager->callbacks->ready(instance, manager->userdata);
        return 0;
}

static int on_subscribe_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;

        manager->subscribe_call = sd_bus_slot_unref(manager->subscribe_call);
        return 0; /* that we are subscribed already is as well; other failures show in on_instance_reply() */
}

/* Signals are sent once somebody is subscribed. When the manager started its user space tells one run
 * of it from another, and stays when it re-executes itself. */
static int manager_connect(UnitManager *manager) {
        int r;

        manager->subscribe_call = sd_bus_slot_unref(manager->subscribe_call);
        r = sd_bus_call_method_async(manager->bus, &manager->subscribe_call, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                     "Subscribe", on_subscribe_reply, manager, NULL);
        if (r < 0)
                return r;
        manager->instance_call = sd_bus_slot_unref(manager->instance_call);
        return sd_bus_call_method_async(manager->bus, &manager->instance_call, SYSTEMD_NAME, SYSTEMD_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_instance_reply, manager, "ss",
                                        SYSTEMD_MANAGER, "UserspaceTimestampMonotonic");
}

/* A reload removes all units and makes them anew, too: only a sweep tells. */
static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        char id[JOB_ID_MAX + 1];
        const char *name;
        Unit *unit;

        if (sd_bus_message_read_basic(m, 's', &name) < 0 || !id_from_name(name, id))
                return 0;
        unit = find_unit(manager, id);
        return unit && !unit->ended ? unit_manager_sweep(manager) : 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) < 0 || isempty(owner))
                return 0;
        return manager_connect(manager);
}

int unit_manager_new(UnitManager **ret, sd_bus *bus, bool system_scope, const UnitCallbacks *callbacks,
                     const UnitListener *listener, void *userdata) {
        _cleanup_(unit_manager_freep) UnitManager *manager = NULL;
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->bus = sd_bus_ref(bus);
        manager->system_scope = system_scope;
        manager->callbacks = callbacks;
        manager->listener = listener;
        manager->userdata = userdata;

        r = sd_bus_add_match_async(bus, &manager->changed_match,
                                   "type='signal',sender='" SYSTEMD_NAME "',"
                                   "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                                   "path_namespace='" SYSTEMD_PATH "/unit'",
                                   on_properties_changed, NULL, manager);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(bus, &manager->removed_match,
                                   "type='signal',sender='" SYSTEMD_NAME "',path='" SYSTEMD_PATH "',"
                                   "interface='" SYSTEMD_MANAGER "',member='UnitRemoved'",
                                   on_unit_removed, NULL, manager);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(bus, &manager->owner_match,
                                   "type='signal',sender='org.freedesktop.DBus',"
                                   "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                                   "arg0='" SYSTEMD_NAME "'",
                                   on_owner_changed, NULL, manager);
        if (r < 0)
                return r;
        r = manager_connect(manager);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

UnitManager *unit_manager_free(UnitManager *manager) {
        if (!manager)
                return NULL;

        (void) sd_bus_slot_unref(manager->sweep_call);
        (void) sd_bus_slot_unref(manager->instance_call);
        (void) sd_bus_slot_unref(manager->subscribe_call);
        (void) sd_bus_slot_unref(manager->owner_match);
        (void) sd_bus_slot_unref(manager->removed_match);
        (void) sd_bus_slot_unref(manager->changed_match);
        (void) sd_bus_unref(manager->bus);
        free(manager);
        return NULL;
}
