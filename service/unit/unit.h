/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The transient units that run jobs; the files unit*.c alone know org.freedesktop.systemd1 (see its manual
 * page of that name, section 5). A unit is told of by callbacks; every call to the manager is asynchronous
 * and its slot belongs to the object it is about, so that none outlives it.
 *
 * A unit outlives its process (RemainAfterExit=yes, and failed units stay), with its exit status, until
 * it is released: whoever restarts finds it again. */

#include <systemd/sd-bus.h>

#include "job-end.h"
#include "spec.h"

typedef struct Unit Unit;
typedef struct UnitManager UnitManager;

typedef struct UnitCallbacks {
        /* The service manager answers. instance names this run of it: it changes when the host or the
         * user's manager restarts, not when it re-executes itself. Called again when it came back. */
        void (*ready)(const char *instance, void *userdata);

        /* The service manager cannot be reached at all. */
        void (*unreachable)(const char *why, void *userdata);

        /* A sweep found the unit of this job; later, all were found and Units not found vanished. A Unit
         * object that exists has been brought up to date; for a stray one the callee decides. A stray one is told
         * of without a sweep, too, when it has failed. */
        void (*listed)(const char *id, const char *sub_state, void *userdata);
        void (*swept)(void *userdata);
} UnitCallbacks;

/* What happens to one unit; userdata is that of unit_new(). */
typedef struct UnitListener {
        /* The answer to unit_start(): 0; -EAGAIN when it is not known whether it started: sweep and see;
         * -ESHUTDOWN when it did not and may later; otherwise it did not, and message says why. */
        void (*started)(int r, const char *message, void *userdata);
        void (*progress)(const char *status, void *userdata); /* STATUS= of sd_notify(3), of units of an older version */
        void (*ending)(void *userdata); /* the service manager says that it has ended; unit_end() may be called now */
        void (*ended)(const JobEnd *end, uint64_t started_usec, uint64_t ended_usec, void *userdata);
        void (*vanished)(void *userdata); /* it is not there (any more): somebody else removed it */
        void (*released)(void *userdata); /* and nothing of it runs any more */
} UnitListener;

/* Connects to the service manager on that bus: system_scope says whether it is PID 1. Takes references
 * on bus; callbacks stay the caller's. Nothing is called back from within. */
int unit_manager_new(UnitManager **ret, sd_bus *bus, bool system_scope, const UnitCallbacks *callbacks,
                     const UnitListener *listener, void *userdata);
UnitManager *unit_manager_free(UnitManager *manager);
DEFINE_CLEANUP(UnitManager *, unit_manager_free);

/* Asks for all units of jobs, see listed() and swept(). One sweep at a time; another request while one is
 * under way begins anew after it. */
int unit_manager_sweep(UnitManager *manager);

/* Lets go of a unit that no job has any more. Fire and forget: a sweep tells whether it worked. */
void unit_manager_discard(UnitManager *manager, const char *id, const char *sub_state);

/* A unit of that job, which may exist already or not. stop_asked: an earlier run of the service may have stopped
 * it. The caller owns it and frees it before the manager. */
int unit_new(Unit **ret, UnitManager *manager, const char *id, bool stop_asked, void *userdata);
Unit *unit_free(Unit *unit);

/* What a unit is started with; the descriptors stay the caller's. */
typedef struct UnitStart {
        int spec_fd; /* read by the worker as its standard input */
        int stdout_fd;
        int stderr_fd;
        const char *folders; /* the worker makes a folder in it */
        bool make_folders;   /* in the system scope: that is not there yet */
        uint32_t uid; /* in the system scope */
        JobLimits limits;
        uint64_t stop_timeout_usec;
} UnitStart;
int unit_start(Unit *unit, const UnitStart *start);

/* From now on the unit is looked at: for one whose worker does not say how it stands. The others are not, since the service
 * manager has some twenty signals for each. */
int unit_watch(Unit *unit);

/* Reads how the unit stands now; tells ended() if it has, vanished() if it is not there. */
int unit_refresh(Unit *unit);

/* The worker said so: ended() follows, with what the unit has used, whatever the service manager says afterwards. */
void unit_end(Unit *unit, const JobEnd *end, uint64_t started_usec, uint64_t ended_usec);

/* SIGTERM to the worker, which ends the other processes; ended() follows, also where it has ended already. Returns
 * 0 or a negative errno. */
int unit_stop(Unit *unit);

/* The same; SIGTERM to all processes as well, for what the worker may not signal, and SIGKILL after a while. */
int unit_stop_all(Unit *unit);

/* Of a unit that has ended, in a user's scope: kills what is left of it, and names what cannot be killed in text, which may be
 * empty. Returns a pidfd of a process that is left, or a negative number where there is none, or none is known. */
int unit_open_left(Unit *unit, char *text, size_t size);

/* Lets the service manager forget the ended unit, and ends what is left of its processes; released() follows. */
int unit_release(Unit *unit);
