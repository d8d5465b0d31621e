/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the methods of org.codex.Jobs share. Each handler reads, checks, makes one call into the manager, and
 * replies; what cannot be answered at once is parked with its message in a Request or a waiter.
 * dbus/org.codex.Jobs.xml is the contract. One file a method, or a few that belong together: */

#include "manager.h"

/* Handlers, with the manager as userdata. */
int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-enqueue.c */
int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-await.c */
int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-cancel.c */
int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-get.c */
int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-list.c */
int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-remove.c */
int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-inbox.c */
int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-queue.c */
int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

/* A call whose answer comes later. Owned by whatever it waits for, one thing at a time. */
typedef struct Request {
        Manager *manager;
        sd_bus_message *call;
        uint32_t uid;
        uint64_t timeout_usec;
        OutputStream stream;
        StoreFilter filter; /* owned */
        char *consumer; /* owned */
        char **ids; /* owned, NULL-terminated */
        size_t n_ids;
        TAILQ_ENTRY(Request) turn; /* while it has something to submit, see turn.h */
        int (*submit)(struct Request *request);
        bool has_turn;
} Request;

Request *request_free(Request *request);
DEFINE_CLEANUP(Request *, request_free);
void request_release(void *userdata); /* the same, as a callback */
void request_abandon(void *userdata); /* the same, with an answer that the service stops */

/* A request for that call, of the user who sent it. -ENOTCONN where he has left the bus. */
int request_new(Request **ret, Manager *manager, sd_bus_message *call);

/* Whose jobs the caller enqueues and whose queue is his: his own; in a user's scope everything is that user's,
 * whoever was let onto the bus. */
uint32_t request_owner(const Request *request);

/* Answers with the error that a negative errno stands for. */
int request_unavailable(sd_bus_message *call, int r);

/* The id, or the ids, that come next in the call. */
int request_add_id(Request *request, const char *id);
int request_read_id(Request *request);
int request_read_ids(Request *request, sd_bus_error *error);

/* From prefixes to ids in full: a prefix may stand for something else later. */
int request_set_found(Request *request, const Found *found, size_t n);

/* Looks the request's ids up, among the jobs of others when polkit allows action, and hands it over to callback, which
 * frees it. */
int request_lookup(Request *request, const char *action, FoundCallback callback);

/* Parks the call until jobs have ended, see waiter_new(); -EDQUOT for a user who has too many parked. */
int request_park(Request *request, WaiterMode mode, Job *const *jobs, size_t n, uint64_t timeout_usec, WaiterAnswer answer,
                 void *userdata, void (*free_userdata)(void *));

/* Answers with jobs: that were found; and, as a StoreListCallback, that were listed. */
int request_reply_records(sd_bus_message *call, const Found *found, size_t n);
void request_on_listed(int r, JobRecord *records, size_t n, void *userdata);
