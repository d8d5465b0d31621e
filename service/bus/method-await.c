/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "request.h"

static int append_await(sd_bus_message *reply, const JobRecord *record) {
        int r;

        r = sd_bus_message_append(reply, "si", job_state_to_string(record->state), record->exit_code);
        return r < 0 ? r : job_record_append(reply, record);
}

static int reply_timed_out(sd_bus_message *call) {
        return sd_bus_reply_method_errorf(call, JOBS_ERROR_TIMED_OUT, "Timed out; the job has not finished.");
}

static void answer_await(sd_bus_message *call, const JobRecord *record, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool any = streq(sd_bus_message_get_member(call), "AwaitAny");
        int r;

        if (!record) {
                (void) reply_timed_out(call);
                return;
        }
        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0 && any)
                r = sd_bus_message_append_basic(reply, 's', record->id);
        if (r >= 0)
                r = append_await(reply, record);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r < 0)
                (void) request_unavailable(call, r);
}

/* Those that there is something to wait for. The caller frees *ret. */
static int find_live(const Found *found, size_t n, Job ***ret, size_t *ret_n) {
        Job **jobs;

        jobs = calloc(n + 1, sizeof(Job *));
        if (!jobs)
                return -ENOMEM;
        *ret_n = 0;
        for (size_t i = 0; i < n; i++)
                if (found[i].job && found[i].record->sequence == 0)
                        jobs[(*ret_n)++] = found[i].job;
        *ret = jobs;
        return 0;
}

static void on_await_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Job **jobs = NULL;
        size_t n_live;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (job_state_is_terminal(found[i].record->state) && found[i].record->sequence > 0)
                        return answer_await(request->call, found[i].record, NULL);
        if (request->timeout_usec == 0) {
                (void) reply_timed_out(request->call);
                return;
        }
        r = find_live(found, n, &jobs, &n_live);
        if (r >= 0)
                r = n_live > 0 ? request_park(request, WAITER_ANY, jobs, n_live, answer_await) : -ESTALE;
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, userdata, m);
        if (r >= 0)
                r = request_read_id(request, m);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &request->timeout_usec);
        return r < 0 ? r : request_lookup(TAKE_PTR(request), POLKIT_READ_ALL, on_await_found);
}

static int read_await_many(sd_bus_message *m, Service *service, Request **ret, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(&request, service, m);
        if (r >= 0)
                r = request_read_ids(request, m, error);
        if (r >= 0)
                r = sd_bus_message_read_basic(m, 't', &request->timeout_usec);
        if (r >= 0)
                *ret = TAKE_PTR(request);
        return r;
}

int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Request *request;
        int r;

        r = read_await_many(m, userdata, &request, error);
        return r < 0 ? r : request_lookup(request, POLKIT_READ_ALL, on_await_found);
}

static void on_all_ended(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        if (error)
                (void) sd_bus_reply_method_error(request->call, error);
        else
                (void) request_reply_records(request->call, found, n);
}

/* The last of them has ended; the records of all are looked up again, since most may be over long since. */
static void answer_await_all(sd_bus_message *call, const JobRecord *record, void *userdata) {
        Request *waiting = userdata, *request;
        int r;

        if (!record) {
                (void) reply_timed_out(call);
                return;
        }
        r = request_new(&request, waiting->service, call);
        if (r < 0) {
                (void) request_unavailable(call, r);
                return;
        }
        for (size_t i = 0; i < waiting->n_ids && r >= 0; i++)
                r = request_add_id(request, waiting->ids[i]);
        if (r >= 0) {
                (void) request_lookup(request, POLKIT_READ_ALL, on_all_ended);
                return;
        }
        (void) request_unavailable(call, r);
        (void) request_free(request);
}

static void on_await_all_found(const sd_bus_error *error, const Found *found, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Job **jobs = NULL;
        size_t n_live;
        int r;

        if (error) {
                (void) sd_bus_reply_method_error(request->call, error);
                return;
        }
        r = find_live(found, n, &jobs, &n_live);
        if (r < 0) {
                (void) request_unavailable(request->call, r);
                return;
        }
        if (n_live == 0) {
                (void) request_reply_records(request->call, found, n);
                return;
        }
        if (request->timeout_usec == 0) {
                (void) reply_timed_out(request->call);
                return;
        }
        r = request_set_found(request, found, n);
        if (r >= 0)
                r = request_park(request, WAITER_ALL, jobs, n_live, answer_await_all);
        if (r < 0)
                (void) request_unavailable(request->call, r);
        else
                TAKE_PTR(request);
}

int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Request *request;
        int r;

        r = read_await_many(m, userdata, &request, error);
        return r < 0 ? r : request_lookup(request, POLKIT_READ_ALL, on_await_all_found);
}
