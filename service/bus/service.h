/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The bus half of the service: owns the connection to the bus, callers, and pending calls. It passes calls to the core and sends
 * the events of the core.
 *
 *   service.c           life cycle
 *   interface-jobs.c    org.codex.Jobs: members and properties; interface-job.c: org.codex.Jobs.Job
 *   method-*.c          methods
 *   pending-call.h      common parts of methods
 *   job-object.c        waiters and followers of a job; its signals
 *   signals.c           sends them to connections that follow */

#include <sysexits.h>

#include "core.h"
#include "job-object.h"
#include "peer.h"
#include "program-watch.h"
#include "signals.h"

/* Exit statuses after which a restart does not help, see codex-jobsd(8) and RestartPreventExitStatus= of the unit. */
#define SERVICE_EXIT_REMOVED EX_UNAVAILABLE
#define SERVICE_EXIT_REFUSED EX_NOPERM

struct Service {
        Core *core; /* not owned */
        sd_bus *bus;
        bool polkit_absent; /* as far as we know: not checked again until the configuration is reloaded */
        Peers *peers;
        sd_bus_slot *vtable_slots[4];
        sd_bus_slot *name_call;
        sd_event_source *name_timer; /* until the next try */
        uint64_t name_pause_usec;
        ProgramWatch *program; /* NULL: unknown */
        sd_event_source *exit_source;
        sd_event_source *idle_source;

        Signals *signals; /* to followers and readers */
        JobObjectList objects;
        FollowerList followers;       /* of all jobs that they may see */
        TAILQ_HEAD(, PendingCall) held; /* calls that have their turn, until replies are written */
};

/* Connects to the system or session bus. */
int service_open_bus(sd_bus **ret, bool system_scope);

/* Starts the core, but does not serve yet: the bus name is acquired once the state of existing jobs is known. Logs. */
int service_new(Service **ret, Core *core, sd_bus *bus);

/* Replies to pending calls, has the core commit what was submitted, and frees. Takes NULL; returns NULL. */
Service *service_free(Service *service);
DEFINE_CLEANUP(Service *, service_free);

/* Reloads the configuration. */
void service_reload(Service *service);

/* --- interface-jobs.c, interface-job.c --- */

int interface_jobs_register(Service *service);
int interface_job_register(Service *service);
