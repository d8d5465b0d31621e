/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Transient units that run jobs. Only unit*.c use org.freedesktop.systemd1 (see its manual page, section 5). Events of
 * units are reported by callbacks; every call to the manager is asynchronous, and its slot belongs to the object it is
 * about, so that none outlives it.
 *
 * A unit outlives its process (RemainAfterExit=yes, and failed units stay loaded), with its exit status, until it is
 * released: a restarted service finds it again. */

#include <systemd/sd-bus.h>

#include "job-end.h"
#include "spec.h"

typedef struct Unit Unit;
typedef struct UnitManager UnitManager;

typedef struct UnitCallbacks {
        /* The service manager is available. instance identifies this run of it: it changes when the host or the
         * service manager of the user restarts, not when it re-executes itself. Called again when it comes back. */
        void (*ready)(const char *instance, void *userdata);

        /* The service manager cannot be reached at all. */
        void (*unreachable)(const char *why, void *userdata);

        /* A sweep found the unit of this job; later, all were listed, and Units that were not found have vanished.
         * An existing Unit object has been updated; the callee decides about stray ones. A stray unit is also
         * reported without a sweep when it fails. */
        void (*listed)(const char *id, const char *sub_state, void *userdata);
        void (*swept)(void *userdata);
} UnitCallbacks;

typedef enum UnitStarted {
        UNIT_STARTED,
        UNIT_UNKNOWN, /* whether it started; a sweep shows that */
        UNIT_REFUSED, /* it did not start, but may later */
        UNIT_FAILED,  /* it did not start */
} UnitStarted;

/* Events of one unit; userdata is that of unit_new(). */
typedef struct UnitListener {
        void (*started)(UnitStarted result, const char *why, void *userdata); /* the reply to unit_start() */
        void (*progress)(const char *status, void *userdata); /* STATUS= of sd_notify(3), for units of an older version */
        void (*ending)(void *userdata); /* the service manager reports its end; unit_end() may be called now */
        void (*ended)(const JobEnd *end, uint64_t started_usec, uint64_t ended_usec, void *userdata);
        void (*vanished)(void *userdata); /* it does not exist (any more): it was removed by others */
        void (*released)(void *userdata); /* and none of its processes is left */
} UnitListener;

/* Connects to the service manager on that bus; system_scope: it is PID 1. References bus; callbacks must outlive the
 * manager. Does not call back before it returns. */
int unit_manager_new(UnitManager **ret, sd_bus *bus, bool system_scope, const UnitCallbacks *callbacks,
                     const UnitListener *listener, void *userdata);
UnitManager *unit_manager_free(UnitManager *manager);
DEFINE_CLEANUP(UnitManager *, unit_manager_free);

/* Lists all units of jobs, see listed() and swept(). One sweep at a time; a request during a sweep starts another
 * one after it. */
int unit_manager_sweep(UnitManager *manager);

/* Releases a unit that belongs to no job. There is no reply: the next sweep shows whether it worked. */
void unit_manager_discard(UnitManager *manager, const char *id, const char *sub_state);

/* The unit of a job, which may exist already or not. stop_asked: an earlier run of the service may have stopped it.
 * The caller owns it and frees it before the manager. */
int unit_new(Unit **ret, UnitManager *manager, const char *id, bool stop_asked, void *userdata);
Unit *unit_free(Unit *unit);

/* Parameters of a start; the descriptors stay owned by the caller. */
typedef struct UnitStart {
        int spec_fd; /* read by the worker as its standard input */
        int stdout_fd;
        int stderr_fd;
        const char *folders; /* the worker creates a folder in it */
        bool make_folders;   /* in the system scope: it does not exist yet */
        uint32_t uid; /* in the system scope */
        JobLimits limits;
        uint64_t stop_timeout_usec;
        const char *program; /* the main process, instead of codex-jobs-worker, for a job that runs elsewhere; NULL: none */
        char *const *environment; /* of that program */
} UnitStart;
int unit_start(Unit *unit, const UnitStart *start);

/* The same for one that executes the program with --reap: of the parameters, only it, its environment and the uid are used. */
int unit_start_reaper(Unit *unit, const UnitStart *start);

/* Subscribes to changes of the unit, for one whose worker does not report its state. Other units are not watched,
 * since the service manager sends about twenty signals for each. */
int unit_watch(Unit *unit);

/* Reads the current state of the unit; reports ended() if it has ended, vanished() if it does not exist. */
int unit_refresh(Unit *unit);

/* The worker reported the end: ended() follows, with the resource usage of the unit, whatever the service manager
 * reports afterwards. */
void unit_end(Unit *unit, const JobEnd *end, uint64_t started_usec, uint64_t ended_usec);

/* Sends SIGTERM to the worker, which terminates the other processes; ended() follows, even if it has ended already.
 * Returns 0 or a negative errno. */
int unit_stop(Unit *unit);

/* The same, and sends SIGTERM to all processes, for those that the worker may not signal, and SIGKILL after a while. */
int unit_stop_all(Unit *unit);

/* For a unit that has ended, in the scope of a user: kills remaining processes, and lists those that cannot be
 * killed in text, which may be empty. Returns a pidfd of a remaining process, or a negative number if there is none,
 * or none is known. */
int unit_open_left(Unit *unit, char *text, size_t size);

/* Makes the service manager unload the ended unit, and terminates remaining processes; released() follows. */
int unit_release(Unit *unit);
