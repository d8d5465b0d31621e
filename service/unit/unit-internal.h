/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Internals of units; each file uses those below it:
 *
 *   unit-manager.c     the service manager: its signals, the sweep
 *   unit-start.c       properties and start of a unit
 *   unit.c             events of a unit, stopping and releasing it
 *   unit-left.c        processes left by a unit
 *   unit-call.c        calls to the service manager
 *   unit-properties.c  properties of a unit */

#include "job-id.h"
#include "unit-properties.h"
#include "unit.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT_SLICE "codex-jobs.slice"

struct UnitManager {
        sd_bus *bus;
        bool system_scope;
        const UnitCallbacks *callbacks;
        const UnitListener *listener;
        void *userdata;

        void *units; /* tsearch(3) tree of Unit by id */
        sd_bus_slot *removed_match;
        sd_bus_slot *owner_match;
        sd_bus_slot *subscribe_call;
        sd_bus_slot *instance_call;
        sd_bus_slot *sweep_call;
        sd_bus_slot *group_call;
        char *control_group; /* of the service manager of a user, see unit_open_left(); NULL: not known */
        bool sweep_again;
        uint64_t sweep_number; /* of the latest sweep */
};

struct Unit {
        UnitManager *manager;
        void *userdata;
        char *id;
        char name[JOB_UNIT_MAX];
        char *path;
        sd_bus_slot *start_call; /* one slot for each pending call */
        sd_bus_slot *refresh_call;
        sd_bus_slot *stop_call;
        sd_bus_slot *release_call;
        sd_bus_slot *state_call;
        sd_bus_slot *match; /* unit_watch() */
        sd_event_source *look_timer; /* until its properties are read, without waiting for a signal */
        sd_bus_slot *usage_calls[2];
        UnitProperties properties;
        UnitProperties end; /* when it ended; without status_text */
        JobCause cause;
        uint64_t ran_usec; /* as reported by the worker */
        bool ended;
        bool held;          /* its end is not reported, since the host goes down */
        bool releasing;     /* remaining processes are being terminated */
        uint64_t stop_usec; /* when we requested its stop, CLOCK_MONOTONIC; 0: never */
        uint64_t asked; /* the last sweep that started while it should have existed */
        uint64_t seen;  /* the last sweep that found it */
};

/* The unit of a job; NULL if there is none. */
Unit *unit_find(UnitManager *manager, const char *id);

/* Queries the control group of the service manager of a user. */
int unit_left_connect(UnitManager *manager);

/* Reports an end that was held back, if the host does not go down after all. */
void unit_check_held(Unit *unit);

/* Makes a call to the service manager: an empty one; or one about the unit of that name, without waiting for the
 * reply if slot is NULL. */
int unit_manager_call_new(UnitManager *manager, const char *member, sd_bus_message **ret);
int unit_manager_call(UnitManager *manager, sd_bus_slot **slot, const char *member, const char *name, bool with_mode,
                      sd_bus_message_handler_t handler, void *userdata);

/* Likewise, makes the service manager unload an ended unit, with different calls for failed units and others. */
int unit_manager_let_go(UnitManager *manager, sd_bus_slot **slot, const char *name, const char *sub_state,
                        sd_bus_message_handler_t handler, void *userdata);
