/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "job-id.h"
#include "launcher.h"
#include "pending-call.h"

#define ID_COST 128U /* bytes for an ID while it is looked up and waited for */

/* --- life cycle ------------------------------------------------------------------------------------ */

static void stop_waiting(PendingCall *pending) {
        pending->is_waiting = false;
        if (pending->is_asking) {
                TAILQ_REMOVE(&pending->item.peer->asking, pending, asking);
                pending->user->n_asking--;
                pending->is_asking = false;
        }
        if (pending->is_held)
                TAILQ_REMOVE(&pending->service->held, pending, held);
        pending->is_held = false;
        pending->question = question_free(pending->question);
        pending->user->n_awaits -= pending->waiter != NULL;
        pending->waiter = waiter_free(pending->waiter);
}

void pending_clear_found(PendingCall *pending) {
        for (size_t i = 0; i < pending->n_records; i++)
                job_record_clear(&pending->records[i]);
        free(TAKE_PTR(pending->records));
        free(TAKE_PTR(pending->found));
        pending->n_records = 0;
}

PendingCall *pending_free(PendingCall *pending) {
        if (!pending)
                return NULL;

        stop_waiting(pending);
        pending_end_turn(pending);
        peer_remove(&pending->item);
        user_discharge(pending->user, pending->charged);
        pending->user->n_making -= pending->is_making;
        pending->user->n_calls--;
        (void) user_unref(pending->user);
        for (size_t i = 0; i < pending->n_ids; i++)
                free(pending->ids[i]);
        free(pending->ids);
        pending_clear_found(pending);
        store_filter_clear(&pending->filter);
        spec_clear(&pending->spec);
        free(pending->consumer);
        sd_bus_message_unref(pending->call);
        free(pending);
        return NULL;
}

/* Its peer has left, or the service is stopping. */
static void on_drop(PeerItem *item, bool stopping) {
        PendingCall *pending = CONTAINER_OF(item, PendingCall, item);

        if (!pending->is_waiting) /* its current owner brings it back */
                peer_remove(item);
        else if (stopping)
                (void) pending_fail(pending, pending->waiter ? -JOB_ERROR_STOPPING_NOT_JOB : -JOB_ERROR_STOPPING);
        else
                (void) pending_free(pending);
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

int pending_new(PendingCall **ret, Service *service, sd_bus_message *call) {
        _cleanup_(pending_freep) PendingCall *pending = NULL;
        Peer *peer = peers_sender(service->peers, call);
        int r;

        if (!peer) /* it has left the bus */
                return -ENOTCONN;
        lifecycle_catch_up(service->core);
        pending = calloc(1, sizeof(*pending));
        if (!pending)
                return -ENOMEM;
        pending->service = service;
        pending->user = user_ref(peer->user);
        pending->user->n_calls++;
        pending->spec = SPEC_INIT;
        pending->visible_uid = user_visible_uid(peer->user->uid);
        peer_add(peer, &pending->item, on_drop);
        r = copy_head(call, &pending->call);
        if (r >= 0)
                *ret = TAKE_PTR(pending);
        return r;
}

uint32_t pending_owner(const PendingCall *pending) {
        return pending->service->core->system_scope ? pending->user->uid : geteuid();
}

Caller pending_caller(const PendingCall *pending) {
        const Peer *peer = pending->item.peer;

        return (Caller) {
                .uid = pending_owner(pending),
                .is_trusted = !pending->service->core->system_scope || pending->user->uid == 0,
                .gids = peer ? peer->gids : NULL,
                .n_gids = peer ? peer->n_gids : 0,
        };
}

int pending_charge(PendingCall *pending, uint64_t size) {
        int r;

        user_discharge(pending->user, pending->charged);
        pending->charged = 0;
        r = user_charge(pending->user, size);
        if (r >= 0)
                pending->charged = size;
        return r;
}

/* --- steps ----------------------------------------------------------------------------------------- */

void pending_advance(PendingCall *pending) {
        int r = 1;

        stop_waiting(pending);
        while (r > 0)
                r = pending->service->core->stopping ? -JOB_ERROR_STOPPING : (*pending->step++)(pending);
        if (r < 0)
                (void) pending_fail(pending, r);
}

int pending_start(PendingCall *pending, const PendingStep *steps) {
        pending->step = steps;
        pending_advance(pending);
        return 1;
}

static void hold(PendingCall *pending) {
        pending->is_waiting = pending->is_held = true;
        TAILQ_INSERT_TAIL(&pending->service->held, pending, held);
}

static int join(PendingCall *pending, Turns *turns) {
        int r;

        pending_end_turn(pending);
        pending->turns = turns;
        r = turns_join(turns, &pending->ticket);
        pending->is_waiting = r == 0;
        return r;
}

/* Calls with long replies do not start while replies wait to be written: they would occupy memory, and delay other
 * replies. */
static bool has_to_wait(const PendingCall *pending) {
        return pending->turns == &pending->user->store && bus_is_congested(pending->service->bus);
}

int pending_take_turn(PendingCall *pending) {
        int r;

        if (pending->turns == &pending->user->store && pending->ticket.state == TICKET_SERVED)
                return 1;
        r = join(pending, &pending->user->store);
        if (r <= 0 || !has_to_wait(pending))
                return r;
        hold(pending);
        return 0;
}

/* A turn of the other kind will do. */
int pending_take_lookup_turn(PendingCall *pending) {
        return pending->ticket.state == TICKET_SERVED ? 1 : join(pending, &pending->user->lookups);
}

void pending_end_turn(PendingCall *pending) {
        Ticket *ticket = pending->turns ? turns_leave(pending->turns, &pending->ticket) : NULL;
        PendingCall *next = ticket ? CONTAINER_OF(ticket, PendingCall, ticket) : NULL;

        if (!next || next->service->core->stopping) /* all waiting ones are then answered */
                return;
        if (has_to_wait(next))
                hold(next);
        else
                pending_advance(next);
}

void pending_advance_held(Service *service) {
        while (!service->core->stopping && !TAILQ_EMPTY(&service->held) && !bus_is_congested(service->bus))
                pending_advance(TAILQ_FIRST(&service->held));
}

int pending_wait(PendingCall *pending, WaiterMode mode, Job *const *jobs, size_t n, WaiterCallback callback) {
        _cleanup_free_ TargetList **lists = calloc(n, sizeof(TargetList *));
        Service *service = pending->service;
        int r;

        if (!lists)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                JobObject *object = job_object_get(service, jobs[i]);

                if (!object)
                        return -ENOMEM;
                lists[i] = &object->waiters;
        }
        if (pending->user->n_awaits >= service->core->config.max_awaits_user)
                return -JOB_ERROR_TOO_MANY_AWAITS;
        r = waiter_new(&pending->waiter, service->core->event, mode, lists, n, pending->timeout_usec, callback, pending);
        if (r < 0)
                return r;
        pending->user->n_awaits++;
        pending->is_waiting = true;
        pending_end_turn(pending);
        return 0;
}

/* --- ids ------------------------------------------------------------------------------------------- */

int pending_add_id(PendingCall *pending, const char *id) {
        char **bigger;

        bigger = reallocarray(pending->ids, pending->n_ids + 2, sizeof(char *));
        if (!bigger)
                return -ENOMEM;
        pending->ids = bigger;
        bigger[pending->n_ids] = strndup(id, JOB_ID_MAX + 1); /* one that is too long stays so */
        if (!bigger[pending->n_ids])
                return -ENOMEM;
        bigger[++pending->n_ids] = NULL;
        return 0;
}

int pending_charge_ids(PendingCall *pending) {
        return pending_charge(pending, (uint64_t) pending->n_ids * ID_COST);
}

int pending_read_ids(PendingCall *pending, sd_bus_message *call, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_enter_container(call, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(call, 's', &id)) > 0) {
                if (pending->n_ids >= JOB_IDS_MAX)
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED, "More than %u job IDs in one call.", JOB_IDS_MAX);
                r = pending_add_id(pending, id);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (pending->n_ids == 0)
                return invalid(error, "No job ID given.");
        r = pending_charge_ids(pending);
        if (r < 0)
                return job_error_set(error, r, NULL, NULL);
        return sd_bus_message_exit_container(call);
}

int pending_new_with_id(PendingCall **ret, Service *service, sd_bus_message *call) {
        const char *id;
        int r;

        r = pending_new(ret, service, call);
        if (r >= 0)
                r = sd_bus_message_read_basic(call, 's', &id);
        return r < 0 ? r : pending_add_id(*ret, id);
}

/* --- replies --------------------------------------------------------------------------------------- */

int pending_refuse(PendingCall *pending, int r, const char *first, const char *second) {
        (void) job_error_reply(pending->call, r, first, second);
        (void) pending_free(pending);
        return 0;
}

int pending_fail(PendingCall *pending, int r) {
        const Config *config = &pending->service->core->config;
        uint32_t limit = JOB_REPLY_MAX;
        char text[16];

        if (r == -JOB_ERROR_USER_QUEUE_FULL)
                limit = config->max_queued_user;
        else if (r == -JOB_ERROR_QUEUE_FULL)
                limit = config->max_queued;
        else if (r == -JOB_ERROR_TOO_MANY_QUEUES)
                limit = JOB_QUEUES_MAX;
        else if (r == -JOB_ERROR_NESTED_TOO_DEEP)
                limit = JOB_DEPTH_MAX;
        else if (r == -JOB_ERROR_STDIN_TOO_LARGE)
                limit = JOB_STDIN_MAX;
        (void) snprintf(text, sizeof(text), "%" PRIu32, limit);
        return pending_refuse(pending, r, text, NULL);
}

/* Of the call, or of the job that is to be moved. */
static const char *refused_limit(const PendingCall *pending, const char *name, const ConfigQueue *queue) {
        const Launcher *launcher = launcher_find(queue->launcher);
        const char *limit = launcher_refuses(launcher, &pending->spec.limits);
        const Job *job = !limit && pending->found ? pending->found->job : NULL;

        if (job)
                limit = launcher_refuses(launcher, &job->limits);
        return limit ?: name;
}

int pending_refuse_queue(PendingCall *pending, int r, const char *name) {
        const ConfigQueue *queue = config_find_queue(&pending->service->core->config, name);
        char text[48] = "";

        if (queue && r == -JOB_ERROR_QUEUE_RUNTIME_MAX)
                (void) snprintf(text, sizeof(text), "%.15g s", (double) queue->runtime_max_usec / USEC_PER_SEC);
        else if (queue && r == -JOB_ERROR_QUEUE_OUTPUT_MAX)
                (void) snprintf(text, sizeof(text), "%" PRIu64, queue->output_max);
        else if (queue && r == -JOB_ERROR_QUEUE_CLOSED)
                return pending_refuse(pending, r, name, queue->problem);
        else if (queue && r == -JOB_ERROR_LAUNCHER_MISSING)
                return pending_refuse(pending, r, name, launcher_program(launcher_find(queue->launcher)));
        else if (queue && r == -JOB_ERROR_LAUNCHER_LIMIT)
                return pending_refuse(pending, r, name, refused_limit(pending, name, queue));
        else if (queue && r == -JOB_ERROR_QUEUE_NOT_ALLOWED)
                return pending_refuse(pending, r, name, strempty(queue->groups));
        return pending_refuse(pending, r, name, text);
}

int pending_reply_empty(PendingCall *pending) {
        (void) sd_bus_reply_method_return(pending->call, NULL);
        (void) pending_free(pending);
        return 0;
}

void pending_on_done(int r, void *userdata) {
        if (r < 0)
                (void) pending_fail(userdata, r);
        else
                (void) pending_reply_empty(userdata);
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

static int reply_records(PendingCall *pending, const LookupResult *found, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(pending->call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < n && r >= 0; i++) {
                if (found[i].job)
                        core_explain_wait(found[i].job);
                r = job_record_append(reply, found[i].record);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r >= 0)
                (void) pending_free(pending);
        return MIN(r, 0);
}

int pending_reply_found(PendingCall *pending) {
        if (count_fitting(pending->found, pending->n_ids) < pending->n_ids)
                return -JOB_ERROR_RESULTS_TOO_LARGE;
        return reply_records(pending, pending->found, pending->n_ids);
}

void pending_on_listed(int r, JobRecord *records, size_t n, void *userdata) {
        _cleanup_free_ LookupResult *found = NULL;
        PendingCall *pending = userdata;

        if (r >= 0) {
                found = calloc(MAX(n, 1U), sizeof(LookupResult));
                r = found ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < n && r >= 0; i++) {
                /* A live job has newer data than its row: progress and sizes. */
                found[i].job = core_find_unended(pending->service->core, records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &records[i];
                if (found[i].job)
                        job_update_sizes(found[i].job);
        }
        if (r >= 0)
                r = reply_records(pending, found, count_fitting(found, n));
        if (r < 0)
                (void) pending_fail(pending, r);
}
