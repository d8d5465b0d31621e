/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of units share; each uses those below it:
 *
 *   unit-manager.c     the service manager: its signals, the sweep
 *   unit-start.c       what a unit is started with
 *   unit.c             a unit: what happens to it, stopping and releasing it
 *   unit-left.c        what is left of a unit
 *   unit-call.c        calls to the service manager
 *   unit-properties.c  what the service manager says of a unit */

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
        char *control_group; /* of a user's manager, see unit_open_left(); NULL: not known */
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
        sd_bus_slot *match; /* unit_watch() */
        sd_event_source *release_timer;
        sd_bus_slot *usage_calls[2];
        UnitProperties properties;
        UnitProperties end; /* as they were when it had ended; without status_text */
        JobCause cause;
        uint64_t ran_usec; /* as the worker said */
        bool ended;
        bool held;          /* its end is not told, as the host goes down */
        bool releasing;     /* what is left of it is being ended */
        uint64_t stop_usec; /* when we asked for its end, CLOCK_MONOTONIC; 0: never */
        uint64_t asked; /* the last sweep that began while it should have existed */
        uint64_t seen;  /* the last sweep that found it */
};

/* The unit of a job; NULL: there is none. */
Unit *unit_find(UnitManager *manager, const char *id);

/* Takes over what an a{sv} of its properties says, and tells of its progress. */
void unit_update(Unit *unit, sd_bus_message *m);

/* Tells, once, that the unit has ended, if it has. */
void unit_check_end(Unit *unit);

/* The control group of a user's manager is asked for. */
int unit_left_connect(UnitManager *manager);

/* Tells that a unit that is being released is gone, if it is. */
void unit_check_released(Unit *unit);

/* Tells the end that was held back, where the host does not go down after all. */
void unit_check_held(Unit *unit);

/* A call to the service manager: empty; or about the unit of that name, of which nobody waits for the answer where slot
 * is NULL. */
int unit_manager_call_new(UnitManager *manager, const char *member, sd_bus_message **ret);
int unit_manager_call(UnitManager *manager, sd_bus_slot **slot, const char *member, const char *name, bool with_mode,
                      sd_bus_message_handler_t handler, void *userdata);

/* Likewise: makes the service manager forget a unit that has ended, which takes one call where it has failed and another
 * where it has not. */
int unit_manager_let_go(UnitManager *manager, sd_bus_slot **slot, const char *name, const char *sub_state,
                        sd_bus_message_handler_t handler, void *userdata);
