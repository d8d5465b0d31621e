/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

int pending_read_consumer(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_read_basic(m, 's', ret);
        if (r < 0)
                return r;
        if (!**ret || strlen(*ret) > JOB_CONSUMER_MAX)
                return invalid(error, "The consumer name must be 1 to %u bytes long.", JOB_CONSUMER_MAX);
        return 0;
}

static int submit_inbox(PendingCall *pending) {
        return store_inbox(pending->service->core->store, pending->user->uid, pending->consumer, pending->filter.limit,
                           pending_on_listed, pending);
}

int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { pending_take_turn, submit_inbox };
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        const char *consumer;
        uint32_t limit;
        int r;

        r = pending_read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 'u', &limit);
        if (r < 0)
                return r;
        if (limit == 0 || limit > JOB_LIST_MAX)
                return invalid(error, "The limit is out of range (1 to %u): %" PRIu32 ".", JOB_LIST_MAX, limit);
        r = pending_new(&pending, userdata, m);
        if (r < 0)
                return r;
        pending->filter.limit = limit;
        pending->consumer = strdup(consumer);
        return pending->consumer ? pending_start(TAKE_PTR(pending), steps) : -ENOMEM;
}

int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Service *service = userdata;
        const char *consumer;
        uint64_t sequence;
        int r;

        r = pending_read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &sequence);
        if (r < 0)
                return r;
        if (sequence > store_last_sequence(service->core->store))
                return invalid(error, "Sequence %" PRIu64 " is above LastSequence; nothing was acknowledged.", sequence);
        r = pending_new(&pending, service, m);
        if (r >= 0)
                r = store_acknowledge(service->core->store, pending->user->uid, consumer, sequence, pending_on_done, pending);
        if (r < 0)
                return job_error_set(error, r, NULL, NULL);
        TAKE_PTR(pending);
        return 1;
}
