/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "job-id.h"
#include "limits.h"
#include "request.h"
#include "turn.h"

Request *request_free(Request *request) {
        if (!request)
                return NULL;

        turn_end(request);
        for (size_t i = 0; i < request->n_ids; i++)
                free(request->ids[i]);
        free(request->ids);
        store_filter_clear(&request->filter);
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

        (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_UNAVAILABLE, "The service is stopping. Ask again.");
}

int request_new(Request **ret, Manager *manager, sd_bus_message *call) {
        Request *request;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->manager = manager;
        request->call = sd_bus_message_ref(call);
        request->uid = authorize_sender(manager->authorize, call);
        if (request->uid == UINT32_MAX) { /* has left the bus */
                (void) request_free(request);
                return -ENOTCONN;
        }
        *ret = request;
        return 0;
}

uint32_t request_owner(const Request *request) {
        return request->manager->system_scope ? request->uid : geteuid();
}

int request_unavailable(sd_bus_message *call, int r) {
        if (r == -ENOSPC)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_STORE_FULL,
                                                  "The disk of the store is full; nothing was recorded. Make room and try again.");
        if (r == -EDQUOT)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "Too many calls of yours wait at a time (MaxAwaitsPerUser=); wait for "
                                                  "several jobs with one AwaitAny or AwaitAll.");
        if (r == -EUSERS)
                return sd_bus_reply_method_errorf(call, JOBS_ERROR_LIMIT_EXCEEDED,
                                                  "Too many lists of yours wait at a time; wait for their answers.");
        return sd_bus_reply_method_errorf(call, JOBS_ERROR_UNAVAILABLE,
                                          "The service cannot do that now: %s. See its log (journalctl -t codex-jobsd).", strerror(-r));
}

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

int request_read_ids(Request *request, sd_bus_error *error) {
        const char *id;
        int r;

        r = sd_bus_message_enter_container(request->call, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(request->call, 's', &id)) > 0) {
                if (request->n_ids >= JOB_IDS_MAX)
                        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                                 "More than %u ids in one call; split it.", JOB_IDS_MAX);
                r = request_add_id(request, id);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        if (request->n_ids == 0)
                return sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, "No id was given; name one job or more.");
        return sd_bus_message_exit_container(request->call);
}

int request_read_id(Request *request) {
        const char *id;
        int r;

        r = sd_bus_message_read_basic(request->call, 's', &id);
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

int request_lookup(Request *request, const char *action, FoundCallback callback) {
        int r;

        r = manager_lookup(request->manager, request->call, request->uid, action, request->ids, request->n_ids, callback,
                           request, request_abandon);
        if (r < 0)
                (void) request_free(request);
        return r < 0 ? r : 1;
}

int request_park(Request *request, WaiterMode mode, Job *const *jobs, size_t n, uint64_t timeout_usec,
                 WaiterAnswer answer, void *userdata, void (*free_userdata)(void *)) {
        Manager *manager = request->manager;

        if (waiter_count(&manager->waiters, request->uid) >= manager->config.max_awaits_user)
                return -EDQUOT;
        return waiter_new(&manager->waiters, manager->event, request->call, request->uid, mode, jobs, n, timeout_usec,
                          answer, userdata, free_userdata);
}

int request_reply_records(sd_bus_message *call, const Found *found, size_t n) {
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
                found[i].job = manager_find_unended(request->manager, records[i].id);
                found[i].record = found[i].job ? &found[i].job->record : &records[i];
                if (found[i].job)
                        limits_update_sizes(found[i].job);
        }
        (void) request_reply_records(request->call, found, n);
}
