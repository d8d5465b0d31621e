/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "job-id.h"
#include "request.h"

#define ID_COST 128U /* bytes for an ID while it is looked up and waited for */

/* --- life ------------------------------------------------------------------------------------------ */

static void stop_waiting(Request *request) {
        request->is_waiting = false;
        if (request->is_asking) {
                TAILQ_REMOVE(&request->item.peer->asking, request, asking);
                request->user->n_asking--;
                request->is_asking = false;
        }
        if (request->is_held)
                TAILQ_REMOVE(&request->service->held, request, held);
        request->is_held = false;
        request->question = question_free(request->question);
        request->user->n_awaits -= request->waiter != NULL;
        request->waiter = waiter_free(request->waiter);
}

void request_clear_found(Request *request) {
        for (size_t i = 0; i < request->n_records; i++)
                job_record_clear(&request->records[i]);
        free(TAKE_PTR(request->records));
        free(TAKE_PTR(request->found));
        request->n_records = 0;
}

Request *request_free(Request *request) {
        if (!request)
                return NULL;

        stop_waiting(request);
        request_end_turn(request);
        peer_remove(&request->item);
        user_discharge(request->user, request->charged);
        (void) user_unref(request->user);
        for (size_t i = 0; i < request->n_ids; i++)
                free(request->ids[i]);
        free(request->ids);
        request_clear_found(request);
        store_filter_clear(&request->filter);
        spec_clear(&request->spec);
        free(request->consumer);
        sd_bus_message_unref(request->call);
        free(request);
        return NULL;
}

/* Its peer has left, or the service is stopping. */
static void on_drop(PeerItem *item, bool stopping) {
        Request *request = CONTAINER_OF(item, Request, item);

        if (!request->is_waiting) /* its current owner brings it back */
                return;
        if (stopping)
                (void) request_fail(request, request->waiter ? -JOB_ERROR_STOPPING_NOT_JOB : -JOB_ERROR_STOPPING);
        else
                (void) request_free(request);
}

/* Copies what is needed to reply to a call and to ask about its sender. The call itself may have many megabytes,
 * even just in unused header fields, and no bus limits them after delivery. */
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
        Peer *peer = peers_sender(service->peers, call);
        int r;

        if (!peer) /* it has left the bus */
                return -ENOTCONN;
        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->service = service;
        request->user = user_ref(peer->user);
        request->spec = SPEC_INIT;
        request->visible_uid = user_visible_uid(peer->user->uid);
        peer_add(peer, &request->item, on_drop);
        r = copy_head(call, &request->call);
        if (r >= 0)
                *ret = TAKE_PTR(request);
        return r;
}

uint32_t request_owner(const Request *request) {
        return request->service->core->system_scope ? request->user->uid : geteuid();
}

int request_charge(Request *request, uint64_t size) {
        int r;

        user_discharge(request->user, request->charged);
        request->charged = 0;
        r = user_charge(request->user, size);
        if (r >= 0)
                request->charged = size;
        return r;
}

/* --- steps ----------------------------------------------------------------------------------------- */

void request_advance(Request *request) {
        int r = 1;

        stop_waiting(request);
        while (r > 0)
                r = request->service->core->stopping ? -JOB_ERROR_STOPPING : (*request->step++)(request);
        if (r < 0)
                (void) request_fail(request, r);
}

int request_start(Request *request, const RequestStep *steps) {
        request->step = steps;
        request_advance(request);
        return 1;
}

/* Calls with long replies do not start while replies wait to be written: they would occupy memory, and delay other
 * replies. */
static bool is_congested(const Service *service) {
        uint64_t n;

        return sd_bus_get_n_queued_write(service->bus, &n) >= 0 && n > 0;
}

static void hold(Request *request) {
        request->is_waiting = request->is_held = true;
        TAILQ_INSERT_TAIL(&request->service->held, request, held);
}

int request_take_turn(Request *request) {
        int r;

        if (request->ticket.state == TICKET_SERVED)
                return 1;
        r = turns_join(&request->user->store, &request->ticket);
        if (r > 0 && is_congested(request->service)) {
                hold(request);
                return 0;
        }
        request->is_waiting = r == 0;
        return r;
}

void request_end_turn(Request *request) {
        Ticket *ticket = turns_leave(&request->user->store, &request->ticket);
        Request *next = ticket ? CONTAINER_OF(ticket, Request, ticket) : NULL;

        if (!next || next->service->core->stopping) /* all waiting ones are then answered */
                return;
        if (is_congested(next->service))
                hold(next);
        else
                request_advance(next);
}

int request_on_idle(sd_event_source *source, void *userdata) {
        Service *service = userdata;

        while (!service->core->stopping && !TAILQ_EMPTY(&service->held) && !is_congested(service))
                request_advance(TAILQ_FIRST(&service->held));
        return 0;
}

int request_wait(Request *request, WaiterMode mode, Job *const *jobs, size_t n, WaiterCallback callback) {
        _cleanup_free_ TargetList **lists = calloc(n, sizeof(TargetList *));
        Service *service = request->service;
        int r;

        if (!lists)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                JobObject *object = job_object_get(service, jobs[i]);

                if (!object)
                        return -ENOMEM;
                lists[i] = &object->waiters;
        }
        if (request->user->n_awaits >= service->core->config.max_awaits_user)
                return -JOB_ERROR_TOO_MANY_AWAITS;
        r = waiter_new(&request->waiter, service->core->event, mode, lists, n, request->timeout_usec, callback, request);
        if (r < 0)
                return r;
        request->user->n_awaits++;
        request->is_waiting = true;
        request_end_turn(request);
        return 0;
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
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED, "More than %u job IDs in one call.", JOB_IDS_MAX);
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
                return job_error_set(error, r, NULL, NULL);
        return sd_bus_message_exit_container(call);
}

int request_read_id(Request *request, sd_bus_message *call) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(call, 's', &id);
        return r < 0 ? r : request_add_id(request, id);
}

/* --- answers --------------------------------------------------------------------------------------- */

int request_refuse(Request *request, int r, const char *first, const char *second) {
        (void) job_error_reply(request->call, r, first, second);
        (void) request_free(request);
        return 0;
}

int request_fail(Request *request, int r) {
        const Config *config = &request->service->core->config;
        uint32_t limit = r == -JOB_ERROR_USER_QUEUE_FULL    ? config->max_queued_user :
                         r == -JOB_ERROR_QUEUE_FULL         ? config->max_queued :
                         r == -JOB_ERROR_STDIN_TOO_LARGE    ? JOB_STDIN_MAX :
                         r == -JOB_ERROR_TOO_MANY_CONSUMERS ? JOB_CONSUMERS_MAX :
                                                              JOB_REPLY_MAX;
        char text[16];

        (void) snprintf(text, sizeof(text), "%" PRIu32, limit);
        return request_refuse(request, r, text, NULL);
}

int request_reply_empty(Request *request) {
        (void) sd_bus_reply_method_return(request->call, NULL);
        (void) request_free(request);
        return 0;
}

void request_on_done(int r, void *userdata) {
        if (r < 0)
                (void) request_fail(userdata, r);
        else
                (void) request_reply_empty(userdata);
}

/* Number of records that fit into one reply. */
static size_t count_fitting(const LookupResult *found, size_t n) {
        size_t size = 0, i;

        for (i = 0; i < n; i++) {
                size += job_record_size(found[i].record);
                if (size > JOB_REPLY_MAX)
                        break;
        }
        return i;
}

static int reply_records(Request *request, const LookupResult *found, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(request->call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = job_record_append(reply, found[i].record);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) request_free(request);
        return MIN(r, 0);
}

int request_reply_found(Request *request) {
        if (count_fitting(request->found, request->n_ids) < request->n_ids)
                return -JOB_ERROR_RESULTS_TOO_LARGE;
        return reply_records(request, request->found, request->n_ids);
}

void request_on_listed(int r, JobRecord *records, size_t n, void *userdata) {
        _cleanup_free_ LookupResult *found = NULL;
        Request *request = userdata;

        if (r >= 0) {
                found = calloc(MAX(n, 1U), sizeof(LookupResult));
                r = found ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < n && r >= 0; i++) {
                /* A live job has newer data than its row: progress and sizes. */
                found[i].job = core_find_unended(request->service->core, records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &records[i];
                if (found[i].job)
                        job_update_sizes(found[i].job);
        }
        if (r >= 0)
                r = reply_records(request, found, count_fitting(found, n));
        if (r < 0)
                (void) request_fail(request, r);
}
