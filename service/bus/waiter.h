/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Method calls that are parked until jobs end: Await, AwaitAny, AwaitAll and Cancel. A waiter holds the
 * call's message and is answered exactly once: by the end of its jobs, by its time-out, or with
 * Unavailable when the service stops; it is dropped without an answer when its caller has left. */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "job-record.h"

typedef struct Waiter Waiter;
typedef TAILQ_HEAD(WaiterList, Waiter) WaiterList;

/* One job that a waiter waits for, on the list of that job. */
typedef struct WaiterTarget {
        LIST_ENTRY(WaiterTarget) entry;
        Waiter *waiter;
        bool is_pending; /* it is on the list */
} WaiterTarget;
typedef LIST_HEAD(TargetList, WaiterTarget) TargetList;

/* Answers the call: with the record of the job that ended, or, record NULL, because time is up. The waiter
 * is freed after it. */
typedef void (*WaiterAnswer)(sd_bus_message *call, const JobRecord *record, void *userdata);

/* What a waiter waits for: any of its jobs, or all. */
typedef enum WaiterMode {
        WAITER_ANY,
        WAITER_ALL,
} WaiterMode;

/* Parks call until the jobs have ended or timeout_usec has passed (UINT64_MAX: for ever). None of the n jobs, each given by its
 * list, is terminal. free_userdata may be NULL. */
int waiter_new(WaiterList *list, sd_event *event, sd_bus_message *call, uint32_t uid, WaiterMode mode, TargetList *const *jobs, size_t n,
               uint64_t timeout_usec, WaiterAnswer answer, void *userdata, void (*free_userdata)(void *));

/* How many calls of a user are parked. */
uint32_t waiter_count(const WaiterList *list, uint32_t uid);

/* Tells all that wait for a job that it is terminal. */
void waiter_job_ended(TargetList *job, const JobRecord *record);

/* Answers those that wait for a job alone and would be answered by that function with an error: it may not end soon. */
void waiter_job_is_stuck(TargetList *job, WaiterAnswer answer, const sd_bus_error *error);

/* Drops the waiters of a peer that has left. */
void waiter_drop_peer(WaiterList *list, const char *peer);

/* Answers all with Unavailable. */
void waiter_stop_all(WaiterList *list);
