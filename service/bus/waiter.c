/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "waiter.h"

struct Waiter {
        WaiterMode mode;
        sd_event_source *timeout;
        WaiterCallback callback;
        void *userdata;
        size_t n_pending;
        size_t n_targets;
        WaiterTarget targets[];
};

static void target_unlink(WaiterTarget *target) {
        if (!target->is_pending)
                return;
        LIST_REMOVE(target, entry);
        target->is_pending = false;
        target->waiter->n_pending--;
}

Waiter *waiter_free(Waiter *waiter) {
        if (!waiter)
                return NULL;

        for (size_t i = 0; i < waiter->n_targets; i++)
                target_unlink(&waiter->targets[i]);
        (void) sd_event_source_disable_unref(waiter->timeout);
        free(waiter);
        return NULL;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Waiter *waiter = userdata;

        waiter->callback(WAITER_TIMED_OUT, NULL, waiter->userdata);
        return 0;
}

int waiter_new(Waiter **ret, sd_event *event, WaiterMode mode, TargetList *const *jobs, size_t n, uint64_t timeout_usec,
               WaiterCallback callback, void *userdata) {
        Waiter *waiter;
        int r = 0;

        waiter = calloc(1, sizeof(*waiter) + n * sizeof(WaiterTarget));
        if (!waiter)
                return -ENOMEM;
        waiter->mode = mode;
        waiter->callback = callback;
        waiter->userdata = userdata;
        waiter->n_targets = waiter->n_pending = n;
        for (size_t i = 0; i < n; i++) {
                waiter->targets[i] = (WaiterTarget) { .waiter = waiter, .is_pending = true };
                LIST_INSERT_HEAD(jobs[i], &waiter->targets[i], entry);
        }
        if (timeout_usec != USEC_INFINITY)
                r = sd_event_add_time_relative(event, &waiter->timeout, CLOCK_MONOTONIC, timeout_usec, 1, on_timeout, waiter);
        if (r < 0 && r != -EOVERFLOW) { /* beyond the end of the clock: no limit */
                (void) waiter_free(waiter);
                return r;
        }
        *ret = waiter;
        return 0;
}

bool waiter_job_ended(TargetList *job, const JobRecord *record) {
        WaiterTarget *target = LIST_FIRST(job);
        Waiter *waiter = target ? target->waiter : NULL;

        if (!target)
                return false;
        target_unlink(target);
        if (waiter->mode == WAITER_ANY || waiter->n_pending == 0)
                waiter->callback(WAITER_ENDED, record, waiter->userdata);
        return true;
}

void waiter_job_is_stuck(TargetList *job, const JobRecord *record) {
        WaiterTarget *next;

        for (WaiterTarget *target = LIST_FIRST(job); target; target = next) {
                next = LIST_NEXT(target, entry); /* a call that ends now waits for this job only */
                target->waiter->callback(WAITER_STUCK, record, target->waiter->userdata);
        }
}
