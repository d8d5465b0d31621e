/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Waits for jobs to end: for a call of Await, AwaitAny, AwaitAll or Cancel. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "job-record.h"

typedef struct Waiter Waiter;

/* One job of a waiter, in the list of that job. */
typedef struct WaiterTarget {
        LIST_ENTRY(WaiterTarget) entry;
        Waiter *waiter;
        bool is_pending; /* it is in the list */
} WaiterTarget;
typedef LIST_HEAD(TargetList, WaiterTarget) TargetList;

/* Condition of a waiter: any of its jobs, or all. */
typedef enum WaiterMode {
        WAITER_ANY,
        WAITER_ALL,
} WaiterMode;

typedef enum WaiterEvent {
        WAITER_ENDED,
        WAITER_TIMED_OUT,
        WAITER_STUCK, /* a job may not end soon; waiting for it is still possible */
} WaiterEvent;

/* Called once when the wait is over, and the callee frees the waiter; or when a job is stuck. record: of that job,
 * or of the last one that ended. */
typedef void (*WaiterCallback)(WaiterEvent event, const JobRecord *record, void *userdata);

/* Waits until the jobs have ended or timeout_usec has passed (UINT64_MAX: no limit). None of the n jobs, each given
 * by its list, may be terminal. */
int waiter_new(Waiter **ret, sd_event *event, WaiterMode mode, TargetList *const *jobs, size_t n, uint64_t timeout_usec,
               WaiterCallback callback, void *userdata);
Waiter *waiter_free(Waiter *waiter);

/* Notifies one of the waiters for a job that it is terminal. Returns whether there was one: it is called until there is none. */
bool waiter_job_ended(TargetList *job, const JobRecord *record);

/* Notifies all of them that it is stuck. */
void waiter_job_is_stuck(TargetList *job, const JobRecord *record);
