/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the bus keeps of a live job: those who follow it and those who wait for it; and its signals. It comes into being when
 * somebody asks for the job first, and goes with the job. */

#include "follower.h"
#include "job-events.h"
#include "waiter.h"

typedef struct Service Service;

typedef struct JobObject {
        LIST_ENTRY(JobObject) entry; /* among all of the service */
        Service *service;
        Job *job;
        TargetList waiters;
        FollowerList followers; /* of this one job */
        uint64_t told_usec;              /* CLOCK_MONOTONIC at which its progress was sent last */
        sd_event_source *progress_timer; /* owned; where it has changed since */
} JobObject;
typedef LIST_HEAD(JobObjectList, JobObject) JobObjectList;

/* That of a job, made where there is none; NULL: out of memory. */
JobObject *job_object_get(Service *service, Job *job);

/* Frees all; nobody waits for one any more. */
void job_object_free_all(Service *service);

/* The object path of a job. The caller frees it; NULL: out of memory. */
char *job_object_path(const char *id);

/* The peer is told of the job, or of all jobs, from now on, if it is there and memory is not short. */
void job_object_follow(Service *service, Job *job, Peer *peer);
void job_object_follow_all(Service *service, Peer *peer);

/* Send what the core reports: JobFinished, and to those who follow the signals of the object. */
void job_object_added(Service *service, Job *job);
void job_object_started(Service *service, Job *job);
void job_object_progressed(Service *service, Job *job); /* at once, and then four times a second at most */
void job_object_is_stuck(Job *job); /* tells those who wait for it */
void job_object_finished(Service *service, Job *job);
void job_object_removed(Service *service, Job *job); /* frees it, too */
