/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Data of a live job that belongs to the bus: followers and waiters; and its signals. Created when somebody first
 * asks for the job, and freed with the job. */

#include "job-events.h"
#include "reader.h"
#include "signals.h"
#include "waiter.h"

typedef struct Service Service;

typedef struct JobObject {
        LIST_ENTRY(JobObject) entry; /* in the list of the service */
        Service *service;
        Job *job;
        TargetList waiters;
        FollowerList followers; /* of this job only */
        Readers readers;
        uint64_t sent_usec;              /* CLOCK_MONOTONIC at which its progress was sent last */
        sd_event_source *progress_timer; /* owned; set if it has changed since */
} JobObject;
typedef LIST_HEAD(JobObjectList, JobObject) JobObjectList;

/* Returns that of a job, creating it if necessary; NULL: out of memory. */
JobObject *job_object_get(Service *service, Job *job);

/* Frees all of them; no waiter may be left. */
void job_object_free_all(Service *service);

/* The object path of a job. The caller frees it; NULL: out of memory. */
char *job_object_path(const char *id);

/* Makes the peer a follower of the job, or of all jobs; does nothing if the peer is gone or memory is short. */
void job_object_follow(Service *service, Job *job, Peer *peer);
void job_object_follow_all(Service *service, Peer *peer);

/* Send the events of the core: JobFinished, and the signals of the object to its followers. */
void job_object_added(Service *service, Job *job);
void job_object_started(Service *service, Job *job);
void job_object_progressed(Service *service, Job *job); /* immediately, and then at most four times a second */
void job_object_retries(Service *service, Job *job);
void job_object_waits(Service *service, Job *job);
void job_object_edited(Service *service, Job *job);
void job_object_is_stuck(Job *job); /* notifies waiters */
void job_object_finished(Service *service, Job *job);
bool job_object_answer(Job *job); /* see JobEvents.answer */
void job_object_removed(Service *service, Job *job); /* and frees it */
