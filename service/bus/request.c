/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "job-id.h"
#include "request.h"

#define ID_COST 128U /* bytes that an id takes while it is looked up and waited for */

/* --- life ------------------------------------------------------------------------------------------ */

Request *request_free(Request *request) {
        if (!request)
                return NULL;

        request_end_turn(request);
        account_discharge(&request->service->accounts, request->uid, request->charged);
        for (size_t i = 0; i < request->n_ids; i++)
                free(request->ids[i]);
        free(request->ids);
        store_filter_clear(&request->filter);
        spec_clear(&request->spec);
        free(request->consumer);
        sd_bus_message_unref(request->call);
        free(request);
        return NULL;
}

void request_release(void *userdata) {
        (void) request_free(userdata);
}

void request_abandon(void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_UNAVAILABLE, "The service is stopping.");
}

/* What it takes to answer a call and to ask about its sender. The call itself may be many megabytes, if only
 * in header fields that nobody reads, and no bus counts them any more once they were delivered. */
static int copy_head(sd_bus_message *call, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        uint64_t cookie;
        int r;

        r = sd_bus_message_get_cookie(call, &cookie);
        if (r >= 0)
                r = sd_bus_message_new_method_call(sd_bus_message_get_bus(call), &m, NULL, sd_bus_message_get_path(call),
                                                   sd_bus_message_get_interface(call), sd_bus_message_get_member(call));
        if (r >= 0)
                r = sd_bus_message_set_sender(m, sd_bus_message_get_sender(call));
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, sd_bus_message_get_expect_reply(call));
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(
                        m, sd_bus_message_get_allow_interactive_authorization(call));
        if (r >= 0)
                r = sd_bus_message_seal(m, cookie, 0);
        if (r >= 0)
                *ret = TAKE_PTR(m);
        return r;
}

int request_new(Request **ret, Service *service, sd_bus_message *call) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->service = service;
        request->spec = SPEC_INIT;
        request->uid = authorize_sender(service->authorize, call);
        if (request->uid == UINT32_MAX) /* has left the bus */
                return -ENOTCONN;
        r = copy_head(call, &request->call);
        if (r >= 0)
                *ret = TAKE_PTR(request);
        return r;
}

uint32_t request_owner(const Request *request) {
        return request->service->core->system_scope ? request->uid : geteuid();
}

int request_charge(Request *request, uint64_t size) {
        int r;

        account_discharge(&request->service->accounts, request->uid, request->charged);
        request->charged = 0;
        r = account_charge(&request->service->accounts, request->uid, size);
        if (r >= 0)
                request->charged = size;
        return r;
}

/* --- errors ---------------------------------------------------------------------------------------- */

int request_set_unavailable(sd_bus_error *error, int r) {
        if (r == -ENOSPC)
                return sd_bus_error_setf(error, JOBS_ERROR_STORE_FULL,
                                         "The disk of the database is full; nothing was recorded.");
        if (r == -EDQUOT)
                return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                         "Too many pending calls wait for jobs (MaxAwaitsPerUser=).");
        if (r == -EUSERS)
                return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                         "Too many pending calls, or too much data in them.");
        return sd_bus_error_setf(error, JOBS_ERROR_UNAVAILABLE,
                                 "The request failed: %s.", strerror(-r));
}

int request_unavailable(sd_bus_message *call, int r) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        (void) request_set_unavailable(&error, r);
        return sd_bus_reply_method_error(call, &error);
}

/* --- turns ----------------------------------------------------------------------------------------- */

static void fail(Request *request, int r) {
        (void) request_unavailable(request->call, r);
        (void) request_free(request);
}

void request_go_on(Request *request) {
        int r;

        r = request->service->core->stopping ? -ESHUTDOWN : request->next(request);
        if (r < 0)
                fail(request, r);
}

/* Nobody begins what may have a long answer while answers wait to be written: they would be in memory, and before
 * everybody else's. */
static bool is_congested(const Service *service) {
        uint64_t n;

        return sd_bus_get_n_queued_write(service->bus, &n) >= 0 && n > 0;
}

int request_take_turn(Request *request, int (*next)(Request *request)) {
        int r;

        if (request->ticket.state == TICKET_SERVED)
                return next(request);
        r = ticket_join(&request->service->turns, &request->ticket, request->uid);
        if (r < 0)
                return r;
        if (r > 0 && !is_congested(request->service))
                return next(request);
        request->is_held = r > 0;
        request->next = next;
        return 0;
}

void request_end_turn(Request *request) {
        TicketQueue *turns = &request->service->turns;
        Ticket *ticket = ticket_leave(turns, &request->ticket);

        while (ticket && !request->service->core->stopping) { /* then request_stop_all() answers them */
                Request *next = CONTAINER_OF(ticket, Request, ticket);
                int r;

                next->is_held = is_congested(next->service);
                r = next->is_held ? 0 : next->next(next);
                if (r >= 0)
                        return;
                ticket = ticket_leave(turns, &next->ticket);
                fail(next, r);
        }
}

static Request *find_held(const Service *service) {
        Ticket *ticket;

        TAILQ_FOREACH(ticket, &service->turns.tickets, entry)
                if (CONTAINER_OF(ticket, Request, ticket)->is_held)
                        return CONTAINER_OF(ticket, Request, ticket);
        return NULL;
}

int request_on_idle(sd_event_source *source, void *userdata) {
        Service *service = userdata;
        Request *request;

        while (!service->core->stopping && !is_congested(service) && (request = find_held(service))) {
                request->is_held = false;
                request_go_on(request);
        }
        return 0;
}

/* One of that peer's that was not handed over to the store: what was comes back from there. */
static Request *find_unserved(const Service *service, const char *peer, bool is_held) {
        Ticket *ticket;

        TAILQ_FOREACH(ticket, &service->turns.tickets, entry) {
                Request *request = CONTAINER_OF(ticket, Request, ticket);

                if ((is_held ? request->is_held : ticket->state == TICKET_WAITS) &&
                    streq(sd_bus_message_get_sender(request->call), peer))
                        return request;
        }
        return NULL;
}

/* Looked for anew each time: where one goes another has its turn, and may be answered and freed at once. What waits goes
 * first, so that none of that peer's gets a turn any more. */
void request_drop_peer(Service *service, const char *peer) {
        Request *request;

        while ((request = find_unserved(service, peer, false)) || (request = find_unserved(service, peer, true)))
                (void) request_free(request);
}

void request_stop_all(Service *service) {
        Ticket *ticket;

        while ((ticket = TAILQ_FIRST(&service->turns.tickets)))
                request_abandon(CONTAINER_OF(ticket, Request, ticket));
}

/* --- ids ------------------------------------------------------------------------------------------- */

int request_add_id(Request *request, const char *id) {
        char **bigger;

        bigger = reallocarray(request->ids, request->n_ids + 2, sizeof(char *));
        if (!bigger)
                return -ENOMEM;
        request->ids = bigger;
        bigger[request->n_ids] = strndup(id, JOB_ID_MAX + 1); /* one that is too long stays so */
        if (!bigger[request->n_ids])
                return -ENOMEM;
        bigger[++request->n_ids] = NULL;
        return 0;
}

int request_read_ids(Request *request, sd_bus_message *call, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_enter_container(call, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(call, 's', &id)) > 0) {
                if (request->n_ids >= JOB_IDS_MAX)
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                                 "More than %u job IDs in one call.", JOB_IDS_MAX);
                r = request_add_id(request, id);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (request->n_ids == 0)
                return invalid(error, "No job ID given.");
        r = request_charge(request, (uint64_t) request->n_ids * ID_COST);
        if (r < 0)
                return request_set_unavailable(error, r);
        return sd_bus_message_exit_container(call);
}

int request_read_id(Request *request, sd_bus_message *call) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(call, 's', &id);
        return r < 0 ? r : request_add_id(request, id);
}

int request_set_found(Request *request, const Found *found, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char *id = strdup(found[i].record->id);

                if (!id)
                        return -ENOMEM;
                free(request->ids[i]);
                request->ids[i] = id;
        }
        return 0;
}

/* --- answers --------------------------------------------------------------------------------------- */

int request_park(Request *request, WaiterMode mode, Job *const *jobs, size_t n, WaiterAnswer answer) {
        _cleanup_free_ TargetList **lists = calloc(n, sizeof(TargetList *));
        Service *service = request->service;

        if (!lists)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                JobObject *object = job_object_get(service, jobs[i]);

                if (!object)
                        return -ENOMEM;
                lists[i] = &object->waiters;
        }
        if (waiter_count(&service->waiters, request->uid) >= service->core->config.max_awaits_user)
                return -EDQUOT;
        request_end_turn(request);
        return waiter_new(&service->waiters, service->core->event, request->call, request->uid, mode, lists, n,
                          request->timeout_usec, answer, request, request_release);
}

/* How many of them one answer takes. */
static size_t count_fitting(const Found *found, size_t n) {
        size_t size = 0, i;

        for (i = 0; i < n; i++) {
                size += job_record_size(found[i].record);
                if (size > JOB_REPLY_MAX)
                        break;
        }
        return i;
}

static int reply_records(sd_bus_message *call, const Found *found, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = job_record_append(reply, found[i].record);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? request_unavailable(call, r) : sd_bus_send(NULL, reply, NULL);
}

int request_reply_records(sd_bus_message *call, const Found *found, size_t n) {
        if (count_fitting(found, n) < n)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "The results of these jobs exceed %u bytes.",
                                                  JOB_REPLY_MAX);
        return reply_records(call, found, n);
}

void request_on_listed(int r, JobRecord *records, size_t n, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;
        _cleanup_free_ Found *found = NULL;

        if (r < 0) {
                (void) request_unavailable(request->call, r);
                return;
        }
        found = calloc(MAX(n, 1U), sizeof(Found));
        if (!found) {
                (void) request_unavailable(request->call, -ENOMEM);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                /* What is live knows more than its row: progress and sizes. */
                found[i].job = core_find_unended(request->service->core, records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &records[i];
                if (found[i].job)
                        job_update_sizes(found[i].job);
        }
        (void) reply_records(request->call, found, count_fitting(found, n));
}
