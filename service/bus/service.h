/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bus half of the service: owns the connection to the bus, those who call, and what waits for an answer. It hands
 * calls down to the core and sends what the core reports.
 *
 *   service.c           its life
 *   interface-jobs.c    org.codex.Jobs: members and properties; interface-job.c: org.codex.Jobs.Job
 *   method-*.c          the methods
 *   request.h           what they share
 *   job-object.c        what the bus keeps of a job: those who wait for it and those who follow it; its signals */

#include "core.h"
#include "follower.h"
#include "job-object.h"
#include "peer.h"

struct Service {
        Core *core; /* not owned */
        sd_bus *bus;
        bool polkit_absent; /* as far as we know: not asked again until the configuration is read again */
        Peers *peers;
        sd_bus_slot *vtable_slots[4];
        sd_bus_slot *name_call;
        sd_event_source *exit_source;
        sd_event_source *idle_source; /* request_on_idle() */

        JobObjectList objects;
        FollowerList followers;       /* of all jobs that they may see */
        TAILQ_HEAD(, Request) held; /* whose turn it is, until answers are written */
};

/* Connects to the bus and starts the core, but does not serve yet: the bus name comes once what was there before is known.
 * Logs. */
int service_new(Service **ret, Core *core);

/* Answers what is parked, has the core commit what was handed over, and frees. Takes NULL; returns NULL. */
Service *service_free(Service *service);
DEFINE_CLEANUP(Service *, service_free);

/* Reads the configuration again. */
void service_reload(Service *service);

/* --- interface-jobs.c, interface-job.c --- */

int interface_jobs_register(Service *service);
int interface_job_register(Service *service);
