/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <search.h>
#include <signal.h>
#include <systemd/sd-id128.h>

#include "unit-internal.h"

#define UNIT_PATTERN JOB_UNIT_PREFIX "*" JOB_UNIT_SUFFIX

/* Copies the ID out of codex-job-ID.service; false if the name does not have that form. */
static bool id_from_name(const char *name, char ret[static JOB_ID_MAX + 1]) {
        const char *id = startswith(name, JOB_UNIT_PREFIX);
        size_t n = id ? strlen(id) : 0;

        if (n <= strlen(JOB_UNIT_SUFFIX) || n - strlen(JOB_UNIT_SUFFIX) > JOB_ID_MAX)
                return false;
        n -= strlen(JOB_UNIT_SUFFIX);
        if (!streq(id + n, JOB_UNIT_SUFFIX))
                return false;
        memcpy(ret, id, n);
        ret[n] = 0;
        return job_id_is_valid(ret);
}

/* --- sweep ----------------------------------------------------------------------------------------- */

/* A job may have stopped its worker, which then could not see its end. A worker that knows that the service stops waits for
 * this, too, even if its job is no longer known. */
static void continue_worker(UnitManager *manager, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (unit_manager_call_new(manager, "KillUnit", &m) >= 0 && sd_bus_message_append(m, "ssi", name, "main", SIGCONT) >= 0)
                (void) sd_bus_send(manager->bus, m, NULL);
}

static void manager_listed(UnitManager *manager, const char *name, const char *id, const char *sub_state) {
        Unit *unit = unit_find(manager, id);

        if (streq(sub_state, "running"))
                continue_worker(manager, name);
        if (unit) {
                unit->seen = manager->sweep_number;
                if ((!unit->ended || unit->releasing) && !streq(sub_state, "running") && !streq(sub_state, "start"))
                        (void) unit_refresh(unit);
        }
        manager->callbacks->listed(id, sub_state, manager->userdata);
}

/* They are collected first, since callbacks may free units. */
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
        if ((unit->ended && !unit->releasing) || unit->start_call || unit->asked != v->sweep_number || unit->seen == v->sweep_number)
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
                if (v.units[i]->releasing)
                        manager->listener->released(v.units[i]->userdata);
                else
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
                return 0; /* ready() is called again when the manager is back */
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, &sub_state, NULL, NULL, NULL,
                                        NULL, NULL)) > 0) {
                char id[JOB_ID_MAX + 1];

                if (id_from_name(name, id))
                        manager_listed(manager, name, id, sub_state);
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

/* Units that should exist and are not in the reply have vanished; those started later may be missing in it. */
static void mark_asked(const void *node, VISIT which, void *closure) {
        Unit *unit = *(Unit *const *) node;

        if (which != postorder && which != leaf)
                return;
        unit_check_held(unit);
        if (!unit->start_call)
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
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        UnitManager *manager = userdata;
        char instance[SD_ID128_STRING_MAX + 32];
        sd_id128_t boot;
        uint64_t usec;
        int r;

        manager->instance_call = sd_bus_slot_unref(manager->instance_call);
        if (error) {
                manager->callbacks->unreachable(error->message ?: error->name, manager->userdata);
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
        return 0; /* so does being subscribed already; other failures show up in on_instance_reply() */
}

/* Signals are sent once there is a subscriber. The start time of the manager's user space identifies a run of it,
 * and does not change when it re-executes itself. */
static int manager_connect(UnitManager *manager) {
        int r;

        manager->subscribe_call = sd_bus_slot_unref(manager->subscribe_call);
        r = sd_bus_call_method_async(manager->bus, &manager->subscribe_call, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                                     "Subscribe", on_subscribe_reply, manager, NULL);
        if (r < 0)
                return r;
        r = unit_left_connect(manager);
        if (r < 0)
                return r;
        manager->instance_call = sd_bus_slot_unref(manager->instance_call);
        return sd_bus_call_method_async(manager->bus, &manager->instance_call, SYSTEMD_NAME, SYSTEMD_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_instance_reply, manager, "ss",
                                        SYSTEMD_MANAGER, "UserspaceTimestampMonotonic");
}

/* A reload also removes and recreates all units: only a sweep shows the difference. */
static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        UnitManager *manager = userdata;
        char id[JOB_ID_MAX + 1];
        const char *name;
        Unit *unit;

        if (sd_bus_message_read_basic(m, 's', &name) < 0 || !id_from_name(name, id))
                return 0;
        unit = unit_find(manager, id);
        if (unit && unit->releasing)
                manager->listener->released(unit->userdata);
        else if (unit && !unit->ended)
                return unit_manager_sweep(manager);
        return 0;
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

        (void) sd_bus_slot_unref(manager->group_call);
        (void) sd_bus_slot_unref(manager->sweep_call);
        (void) sd_bus_slot_unref(manager->instance_call);
        (void) sd_bus_slot_unref(manager->subscribe_call);
        (void) sd_bus_slot_unref(manager->owner_match);
        (void) sd_bus_slot_unref(manager->removed_match);
        (void) sd_bus_unref(manager->bus);
        free(manager->control_group);
        free(manager);
        return NULL;
}
