/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "pending-call.h"

static int append_await(sd_bus_message *reply, const JobRecord *record) {
        int r;

        r = sd_bus_message_append(reply, "si", job_state_to_string(record->state), record->exit_code);
        return r < 0 ? r : job_record_append(reply, record);
}

static int answer_await(PendingCall *pending, const JobRecord *record) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool any = streq(sd_bus_message_get_member(pending->call), "AwaitAny");
        int r;

        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0 && any)
                r = sd_bus_message_append_basic(reply, 's', record->id);
        if (r >= 0)
                r = append_await(reply, record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) pending_free(pending);
        return MIN(r, 0);
}

static void on_any_ended(WaiterEvent event, const JobRecord *record, void *userdata) {
        int r;

        if (event == WAITER_STUCK)
                return;
        r = event == WAITER_ENDED ? answer_await(userdata, record) : -JOB_ERROR_TIMED_OUT;
        if (r < 0)
                (void) pending_fail(userdata, r);
}

/* Waits for those that have not ended yet. Returns 1 if all have, 0, or a negative error. */
static int wait_for(PendingCall *pending, WaiterMode mode, WaiterCallback callback) {
        _cleanup_free_ Job **jobs = calloc(pending->n_ids + 1, sizeof(Job *));
        size_t n = 0;

        if (!jobs)
                return -ENOMEM;
        for (size_t i = 0; i < pending->n_ids; i++)
                if (pending->found[i].job && pending->found[i].record->sequence == 0)
                        jobs[n++] = pending->found[i].job;
        if (n == 0)
                return 1;
        return pending->timeout_usec == 0 ? -JOB_ERROR_TIMED_OUT : pending_wait(pending, mode, jobs, n, callback);
}

static int await_any(PendingCall *pending) {
        int r;

        for (size_t i = 0; i < pending->n_ids; i++)
                if (pending->found[i].record->sequence > 0)
                        return answer_await(pending, pending->found[i].record);
        r = wait_for(pending, WAITER_ANY, on_any_ended);
        return r > 0 ? -EAGAIN : r; /* momentarily neither live nor recorded as finished */
}

static const PendingStep await_steps[] = { REQUEST_FIND, await_any };

int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new_with_id(&pending, userdata, m);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &pending->timeout_usec);
        if (r < 0)
                return r;
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), await_steps);
}

static int await_many(Service *service, sd_bus_message *m, const PendingStep *steps, sd_bus_error *error) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        int r;

        r = pending_new(&pending, service, m);
        if (r >= 0)
                r = pending_read_ids(pending, m, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &pending->timeout_usec);
        if (r < 0)
                return r;
        pending->action = POLKIT_READ_ALL;
        return pending_start(TAKE_PTR(pending), steps);
}

int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return await_many(userdata, m, await_steps, error);
}

/* The last of them has ended; the records of all are looked up again, since most may have ended long ago. */
static void on_all_ended(WaiterEvent event, const JobRecord *record, void *userdata) {
        static const PendingStep steps[] = { REQUEST_FIND, pending_reply_found };

        if (event == WAITER_ENDED)
                (void) pending_start(userdata, steps);
        else if (event == WAITER_TIMED_OUT)
                (void) pending_fail(userdata, -JOB_ERROR_TIMED_OUT);
}

static int await_all(PendingCall *pending) {
        int r = wait_for(pending, WAITER_ALL, on_all_ended);

        return r > 0 ? pending_reply_found(pending) : r;
}

int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const PendingStep steps[] = { REQUEST_FIND, await_all };

        return await_many(userdata, m, steps, error);
}
