/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"

static int read_consumer(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        int r;

        r = sd_bus_message_read_basic(m, 's', ret);
        if (r < 0)
                return r;
        if (!**ret || strlen(*ret) > JOB_CONSUMER_MAX)
                return invalid(error, "The consumer name must be 1 to %u bytes long.", JOB_CONSUMER_MAX);
        return 0;
}

static int submit_inbox(Request *request) {
        return store_inbox(request->service->core->store, request->user->uid, request->consumer, request->filter.limit,
                           request_on_listed, request);
}

int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const RequestStep steps[] = { request_take_turn, submit_inbox };
        _cleanup_(request_freep) Request *request = NULL;
        const char *consumer;
        uint32_t limit;
        int r;

        r = read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 'u', &limit);
        if (r < 0)
                return r;
        if (limit == 0 || limit > JOB_LIST_MAX)
                return invalid(error, "The limit is out of range (1 to %u): %" PRIu32 ".", JOB_LIST_MAX, limit);
        r = request_new(&request, userdata, m);
        if (r < 0)
                return r;
        request->filter.limit = limit;
        request->consumer = strdup(consumer);
        return request->consumer ? request_start(TAKE_PTR(request), steps) : -ENOMEM;
}

int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        Service *service = userdata;
        const char *consumer;
        uint64_t sequence;
        int r;

        r = read_consumer(m, &consumer, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &sequence);
        if (r < 0)
                return r;
        if (sequence > store_last_sequence(service->core->store))
                return invalid(error, "Sequence %" PRIu64 " is above LastSequence; nothing was acknowledged.", sequence);
        r = request_new(&request, service, m);
        if (r >= 0)
                r = store_acknowledge(service->core->store, request->user->uid, consumer, sequence, request_on_done, request);
        if (r < 0)
                return job_error_set(error, r, NULL, NULL);
        TAKE_PTR(request);
        return 1;
}
