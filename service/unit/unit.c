/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <search.h>
#include <signal.h>
#include <systemd/sd-journal.h>

#include "log-failure.h"
#include "spec-format.h"
#include "time-util.h"
#include "unit-internal.h"

#define LOOK_USEC USEC_PER_SEC /* between two checks of a unit that is being released, or cannot be watched */

/* --- units ----------------------------------------------------------------------------------------- */

static int compare_units(const void *a, const void *b) {
        return strcmp(((const Unit *) a)->id, ((const Unit *) b)->id);
}

Unit *unit_find(UnitManager *manager, const char *id) {
        Unit key = { .id = (char *) id }, **found;

        found = tfind(&key, &manager->units, compare_units);
        return found ? *found : NULL;
}

int unit_new(Unit **ret, UnitManager *manager, const char *id, bool stop_asked, void *userdata) {
        Unit *unit;
        int r;

        unit = calloc(1, sizeof(*unit));
        if (!unit)
                return -ENOMEM;
        unit->userdata = userdata;
        unit->stop_usec = stop_asked ? 1 : 0; /* before everything that is seen now */
        unit->id = strdup(id);
        (void) job_unit_name(id, unit->name);
        r = unit->id ? sd_bus_path_encode(SYSTEMD_PATH "/unit", unit->name, &unit->path) : -ENOMEM;
        if (r >= 0 && !tsearch(unit, &manager->units, compare_units))
                r = -ENOMEM;
        if (r < 0) {
                (void) unit_free(unit);
                return r;
        }
        unit->manager = manager; /* the unit is in the tree from here on */
        *ret = unit;
        return 0;
}

Unit *unit_free(Unit *unit) {
        if (!unit)
                return NULL;

        if (unit->manager)
                (void) tdelete(unit, &unit->manager->units, compare_units);
        (void) sd_event_source_disable_unref(unit->look_timer);
        (void) sd_bus_slot_unref(unit->match);
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

/* --- the end --------------------------------------------------------------------------------------- */

/* Resource usage, if known, in units of unit. */
static uint64_t known_usage(uint64_t value, uint64_t unit) {
        return value == UINT64_MAX ? 0 : value / unit;
}

/* Some versions of systemd lose the number in a daemon-reload; all keep the text. */
static bool worker_complained(const UnitProperties *p) {
        return p->status_errno != 0 || startswith(strempty(p->status_text), WORKER_CANNOT);
}

/* As elsewhere_is_done() of the program; else that it ran again was to no avail, or it was killed for taking too long. */
static bool is_left(const UnitProperties *p) {
        return p->has_stop_post && (p->code != CLD_EXITED || p->status == EXIT_STATUS_LOST) &&
                (p->stop_post_code != CLD_EXITED || p->stop_post_status != 0);
}

static void unit_report_end(Unit *unit) {
        const UnitProperties *p = &unit->end;
        const JobEnd end = {
                .cause = unit->cause,
                .code = p->code,
                .status = p->status,
                .ran_usec = unit->ran_usec > 0 ? unit->ran_usec : p->active_exit_usec > p->start_monotonic_usec ? p->active_exit_usec - p->start_monotonic_usec : 0,
                .cpu_usage_usec = known_usage(p->cpu_usage_nsec, NSEC_PER_USEC),
                .memory_peak = known_usage(p->memory_peak, 1),
                .is_left = is_left(p),
        };

        unit->manager->listener->ended(&end, p->start_usec, p->exit_usec, unit->userdata);
}

static int on_cpu_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->usage_calls[0] = sd_bus_slot_unref(unit->usage_calls[0]);
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) sd_bus_message_read(reply, "v", "t", &unit->end.cpu_usage_nsec);
        return 0;
}

/* Versions before 254 do not have the peak. */
static int on_memory_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->usage_calls[1] = sd_bus_slot_unref(unit->usage_calls[1]);
        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) sd_bus_message_read(reply, "v", "t", &unit->end.memory_peak);
        unit_report_end(unit);
        return 0;
}

static int ask_usage(Unit *unit, size_t i, const char *property, sd_bus_message_handler_t handler) {
        return sd_bus_call_method_async(unit->manager->bus, &unit->usage_calls[i], SYSTEMD_NAME, unit->path,
                                        "org.freedesktop.DBus.Properties", "Get", handler, unit, "ss",
                                        SYSTEMD_NAME ".Service", property);
}

/* No signal carries the resource usage: it is queried if the job ran long enough for it to be of interest. */
static void unit_find_usage(Unit *unit) {
        const UnitProperties *p = &unit->end;

        if (p->start_usec == 0 || p->exit_usec < p->start_usec + USEC_PER_SEC ||
            ask_usage(unit, 0, "CPUUsageNSec", on_cpu_reply) < 0 ||
            ask_usage(unit, 1, "MemoryPeak", on_memory_reply) < 0) /* answered in this order */
                unit_report_end(unit);
}

/* When the host goes down, jobs are stopped shortly before the service: that is not reported as their end, but left
 * to the next start, which finds that the host was restarted. */
static int on_state_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const char *state = "";

        unit->state_call = sd_bus_slot_unref(unit->state_call);
        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "v", "s", &state) >= 0 &&
            streq(state, "stopping")) {
                unit->held = true;
                return 0;
        }
        unit->held = false;
        unit_find_usage(unit);
        return 0;
}

static int ask_state(Unit *unit) {
        unit->state_call = sd_bus_slot_unref(unit->state_call);
        return sd_bus_call_method_async(unit->manager->bus, &unit->state_call, SYSTEMD_NAME, SYSTEMD_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_state_reply, unit, "ss",
                                        SYSTEMD_MANAGER, "SystemState");
}

void unit_check_held(Unit *unit) {
        if (unit->held)
                (void) ask_state(unit);
}

static JobCause find_cause(const Unit *unit) {
        const UnitProperties *p = &unit->properties;
        bool by_itself = unit_properties_ended_by_itself(p, unit->stop_usec);

        if (p->code == 0 && streq(p->result, "resources"))
                return JOB_CAUSE_LACK;
        if (!by_itself && unit->stop_usec > 0 && (p->exit_monotonic_usec == 0 || unit->stop_usec <= p->exit_monotonic_usec))
                return JOB_CAUSE_STOP;
        if (streq(p->result, "oom-kill"))
                return JOB_CAUSE_OOM;
        if (!by_itself)
                return streq(p->result, "timeout") ? JOB_CAUSE_TIMEOUT : JOB_CAUSE_OTHERS;
        if (p->code == CLD_EXITED && (p->status == 126 || p->status == 127) && worker_complained(p))
                return JOB_CAUSE_WORKER;
        return JOB_CAUSE_ITSELF;
}

/* Reports the end of the unit, once. exited: its process exited and RemainAfterExit= keeps the unit; dead: it
 * was stopped, or terminated by a signal that systemd considers clean. A unit that was loaded but not started yet is
 * also dead, but none of its processes ever ran. is_complete: all properties have just been read. */
static void check_end(Unit *unit, bool is_complete) {
        const UnitProperties *p = &unit->properties;
        bool ended;

        ended = streq(p->sub_state, "exited") || streq(p->sub_state, "failed") ||
                (streq(p->sub_state, "dead") && p->code != 0);
        if (!ended || unit->ended)
                return;
        if (p->code == 0 && unit->refresh_call) /* its PropertiesChanged of Service was missed */
                return;
        if (p->has_stop_post && !is_complete && streq(p->sub_state, "failed")) {
                (void) unit_refresh(unit);
                return;
        }
        unit->manager->listener->ending(unit->userdata);
        if (unit->ended)
                return;
        unit->ended = true;
        /* A stopped unit is unloaded soon, and all its properties are then 0. */
        unit->end = *p;
        unit->end.status_text = NULL;
        unit->cause = find_cause(unit);
        if ((unit->cause != JOB_CAUSE_TIMEOUT && unit->cause != JOB_CAUSE_OTHERS) || ask_state(unit) < 0)
                unit_find_usage(unit);
}

void unit_end(Unit *unit, const JobEnd *end, uint64_t started_usec, uint64_t ended_usec) {
        if (unit->ended)
                return;
        unit->ended = true;
        unit->cause = end->cause;
        unit->ran_usec = end->ran_usec;
        unit->end = (UnitProperties) {
                .code = end->code,
                .status = end->status,
                .start_usec = started_usec,
                .exit_usec = ended_usec,
        };
        if ((unit->cause != JOB_CAUSE_TIMEOUT && unit->cause != JOB_CAUSE_OTHERS) || ask_state(unit) < 0)
                unit_find_usage(unit);
}

/* --- stop, release --------------------------------------------------------------------------------- */

static int on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        unit->stop_call = sd_bus_slot_unref(unit->stop_call);
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit") && !unit->ended)
                unit->manager->listener->vanished(unit->userdata);
        return 0;
}

int unit_stop(Unit *unit) {
        if (unit->ended) {
                unit_check_held(unit);
                return 0;
        }
        if (unit->stop_usec == 0)
                unit->stop_usec = now_monotonic();
        (void) unit_watch(unit); /* it may fail, as the command does: it must be reset then */
        return unit_manager_call(unit->manager, &unit->stop_call, "StopUnit", unit->name, true, on_stop_reply, unit);
}

int unit_stop_all(Unit *unit) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = unit_stop(unit);
        if (r >= 0)
                r = unit_manager_call_new(unit->manager, "KillUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssi", unit->name, "all", SIGTERM);
        return r < 0 ? r : sd_bus_send(unit->manager->bus, m, NULL);
}

static bool is_over(const Unit *unit) {
        return streq(unit->properties.sub_state, "dead") || streq(unit->properties.sub_state, "failed");
}

/* A unit whose last processes had to be killed fails after the end of its job. */
static void check_released(Unit *unit) {
        if (!unit->releasing || !is_over(unit))
                return;
        if (streq(unit->properties.sub_state, "failed"))
                unit_manager_discard(unit->manager, unit->id, "failed");
        unit->manager->listener->released(unit->userdata);
}

static int on_look_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Unit *unit = userdata;

        unit->look_timer = sd_event_source_disable_unref(unit->look_timer);
        (void) (unit->match || unit->releasing ? unit_refresh(unit) : unit_watch(unit));
        return 0;
}

static void look_later(Unit *unit) {
        if (!unit->look_timer)
                (void) sd_event_add_time_relative(sd_bus_get_event(unit->manager->bus), &unit->look_timer, CLOCK_MONOTONIC,
                                                  LOOK_USEC, LOOK_USEC, on_look_due, unit);
}

/* UnitRemoved follows, but not if the unit has failed meanwhile: because its worker was killed, or because the
 * service manager was stopping it for its own limit. */
static void await_release(Unit *unit) {
        if (!is_over(unit))
                look_later(unit);
        check_released(unit);
}

static int on_release_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->release_call = sd_bus_slot_unref(unit->release_call);
        unit->releasing = true;
        if (sd_bus_message_is_method_error(reply, NULL))
                unit->manager->listener->released(unit->userdata);
        else
                await_release(unit);
        return 0;
}

/* What is known of its state may be older than its start. */
int unit_release(Unit *unit) {
        int r;

        r = unit_manager_let_go(unit->manager, &unit->release_call, unit->name, unit->properties.sub_state, on_release_reply, unit);
        if (!streq(unit->properties.sub_state, "failed"))
                *unit->properties.sub_state = 0;
        return r;
}

/* --- state of a unit ------------------------------------------------------------------------------- */

/* Applies an a{sv} of its properties, and reports its progress. */
static void update(Unit *unit, sd_bus_message *m) {
        bool progress = false;
        int r;

        r = unit_properties_read(&unit->properties, m, &progress);
        if (r < 0) {
                sd_journal_print(LOG_WARNING, "Failed to read properties of %s: %s", unit->name, strerror(-r));
                return;
        }
        if (progress && !unit->ended)
                unit->manager->listener->progress(unit->properties.status_text, unit->userdata);
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;
        const char *interface;

        if (sd_bus_message_read_basic(m, 's', &interface) < 0)
                return 0;
        update(unit, m);
        /* The signal for the interface of the unit type comes first, that for Unit, with its state, last. */
        if (!streq(interface, SYSTEMD_NAME ".Unit"))
                return 0;
        if (unit->releasing)
                check_released(unit);
        else
                check_end(unit, false);
        return 0;
}

/* A bus may have a limit of match rules of a connection: meanwhile the unit is looked at. Without this callback, sd-bus would
 * close the connection. */
static int on_watched(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Unit *unit = userdata;

        if (!error)
                return 0;
        log_failure("Failed to watch a unit, it is looked at every second instead: %s", error->message);
        unit->match = sd_bus_slot_unref(unit->match);
        look_later(unit);
        return 0;
}

int unit_watch(Unit *unit) {
        int r;

        if (unit->match)
                return 0;
        r = sd_bus_match_signal_async(unit->manager->bus, &unit->match, SYSTEMD_NAME, unit->path,
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged", on_properties_changed, on_watched, unit);
        return r < 0 ? r : unit_refresh(unit);
}

static int on_refresh_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Unit *unit = userdata;

        unit->refresh_call = sd_bus_slot_unref(unit->refresh_call);
        if (sd_bus_message_is_method_error(reply, NULL))
                return 0; /* the next sweep finds out */
        update(unit, reply);
        if (unit->releasing)
                await_release(unit);
        else if (streq(unit->properties.load_state, "not-found") && !unit->ended)
                unit->manager->listener->vanished(unit->userdata);
        else
                check_end(unit, true);
        return 0;
}

int unit_refresh(Unit *unit) {
        unit->refresh_call = sd_bus_slot_unref(unit->refresh_call);
        return sd_bus_call_method_async(unit->manager->bus, &unit->refresh_call, SYSTEMD_NAME, unit->path,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_refresh_reply, unit, "s", "");
}
