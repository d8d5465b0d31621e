/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "waiter.h"

struct Waiter {
        TAILQ_ENTRY(Waiter) entry;
        WaiterList *list;
        WaiterMode mode;
        sd_bus_message *call;
        uint32_t uid;
        sd_event_source *timeout;
        WaiterAnswer answer;
        void *userdata;
        void (*free_userdata)(void *);
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

static Waiter *waiter_free(Waiter *waiter) {
        if (!waiter)
                return NULL;

        for (size_t i = 0; i < waiter->n_targets; i++)
                target_unlink(&waiter->targets[i]);
        TAILQ_REMOVE(waiter->list, waiter, entry);
        (void) sd_event_source_disable_unref(waiter->timeout);
        (void) sd_bus_message_unref(waiter->call);
        if (waiter->free_userdata)
                waiter->free_userdata(waiter->userdata);
        free(waiter);
        return NULL;
}
DEFINE_CLEANUP(Waiter *, waiter_free);

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Waiter *waiter = userdata;

        waiter->answer(waiter->call, NULL, waiter->userdata);
        (void) waiter_free(waiter);
        return 0;
}

int waiter_new(WaiterList *list, sd_event *event, sd_bus_message *call, uint32_t uid, WaiterMode mode, TargetList *const *jobs, size_t n,
               uint64_t timeout_usec, WaiterAnswer answer, void *userdata, void (*free_userdata)(void *)) {
        _cleanup_(waiter_freep) Waiter *waiter = NULL;
        int r;

        waiter = calloc(1, sizeof(*waiter) + n * sizeof(WaiterTarget));
        if (!waiter)
                return -ENOMEM;
        waiter->list = list;
        TAILQ_INSERT_TAIL(list, waiter, entry);
        waiter->mode = mode;
        waiter->uid = uid;
        waiter->call = sd_bus_message_ref(call);
        waiter->answer = answer;
        waiter->userdata = userdata;
        waiter->n_targets = waiter->n_pending = n;
        for (size_t i = 0; i < n; i++) {
                waiter->targets[i] = (WaiterTarget) { .waiter = waiter, .is_pending = true };
                LIST_INSERT_HEAD(jobs[i], &waiter->targets[i], entry);
        }
        if (timeout_usec != USEC_INFINITY) {
                r = sd_event_add_time_relative(event, &waiter->timeout, CLOCK_MONOTONIC, timeout_usec, 1, on_timeout,
                                               waiter);
                if (r == -EOVERFLOW) /* beyond the end of the clock: for ever */
                        r = 0;
                if (r < 0)
                        return r;
        }
        waiter->free_userdata = free_userdata; /* on failure it stays the caller's */
        TAKE_PTR(waiter);
        return 0;
}

uint32_t waiter_count(const WaiterList *list, uint32_t uid) {
        const Waiter *waiter;
        uint32_t n = 0;

        TAILQ_FOREACH(waiter, list, entry)
                n += waiter->uid == uid;
        return n;
}

void waiter_job_ended(TargetList *job, const JobRecord *record) {
        WaiterTarget *target;

        while ((target = LIST_FIRST(job))) {
                Waiter *waiter = target->waiter;

                target_unlink(target);
                if (waiter->mode == WAITER_ALL && waiter->n_pending > 0)
                        continue;
                waiter->answer(waiter->call, record, waiter->userdata);
                (void) waiter_free(waiter);
        }
}

void waiter_job_is_stuck(TargetList *job, WaiterAnswer answer, const sd_bus_error *error) {
        WaiterTarget *next;

        for (WaiterTarget *target = LIST_FIRST(job); target; target = next) {
                Waiter *waiter = target->waiter;

                next = LIST_NEXT(target, entry);
                if (waiter->answer != answer)
                        continue;
                (void) sd_bus_reply_method_error(waiter->call, error);
                (void) waiter_free(waiter);
        }
}

void waiter_drop_peer(WaiterList *list, const char *peer) {
        Waiter *next;

        for (Waiter *waiter = TAILQ_FIRST(list); waiter; waiter = next) {
                next = TAILQ_NEXT(waiter, entry);
                if (streq(sd_bus_message_get_sender(waiter->call), peer))
                        (void) waiter_free(waiter);
        }
}

void waiter_stop_all(WaiterList *list) {
        Waiter *waiter;

        while ((waiter = TAILQ_FIRST(list))) {
                (void) sd_bus_reply_method_errorf(waiter->call, JOBS_ERROR_UNAVAILABLE,
                                                  "The service is stopping; the job keeps running.");
                (void) waiter_free(waiter);
        }
}
