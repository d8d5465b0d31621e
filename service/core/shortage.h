/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What keeps all jobs from being started: space, memory, descriptors or processes that the host lacks, or a service manager that
 * refuses for now. All jobs wait in the queue meanwhile, and one of them is tried after a growing pause; when it has
 * started, so are the others. */

#include <systemd/sd-event.h>

#include "job.h"

typedef struct Shortage {
        char *why;              /* NULL: there is none */
        uint64_t pause_usec;    /* the last one */
        uint64_t over_usec;     /* when the last shortage was over, CLOCK_MONOTONIC */
        sd_event_source *timer; /* NULL: a job may be tried */
        char tried[JOB_ID_MAX + 1]; /* the one that was tried last; empty: none */
} Shortage;

void shortage_clear(Shortage *shortage);

/* The job could not be started, and waits in the queue again. Logs once. */
void shortage_begin(Job *job, const char *why);

/* A job was started. */
void shortage_end(Core *core);

/* Whether another job may be started now; it is. */
bool shortage_permits(Core *core);
void shortage_try(const Job *job);

/* Sets the progress of a queued job to the reason for which it waits, or to none. */
void shortage_report(Job *job);
