/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the methods of org.codex.Jobs share. Each handler reads, checks, makes one call into the service, and
 * replies; what cannot be answered at once is parked with its message in a Request or a waiter.
 * dbus/org.codex.Jobs.xml is the contract. One file a method, or a few that belong together: */

#include "service.h"

/* Handlers, with the service as userdata. */
int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-enqueue.c */
int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-await.c */
int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-cancel.c */
int cancel_job(Service *service, sd_bus_message *call, const char *id);     /* of that job */
void cancel_is_stuck(Job *job, void *userdata); /* JobEvents.stuck: answers those who cancel it */
int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-get.c */
int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-list.c */
int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-remove.c */
int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-inbox.c */
int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-queue.c */
int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* What an id stands for: a live job, or the record of one that is over. */
typedef struct Found {
        Job *job; /* NULL: not live; valid within the callback */
        const JobRecord *record;
} Found;
typedef void (*FoundCallback)(const sd_bus_error *error, const Found *found, size_t n, void *userdata);

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

/* A call whose answer comes later. Owned by whatever it waits for, one thing at a time. */
typedef struct Request {
        Service *service;
        sd_bus_message *call; /* what is kept of the call to answer it; its arguments are not in it */
        uint32_t uid;
        uint64_t charged; /* bytes, see request_charge() */
        uint64_t timeout_usec;
        OutputStream stream;
        StoreFilter filter; /* owned */
        Spec spec;          /* owned */
        char *consumer;     /* owned */
        char **ids;         /* owned, NULL-terminated */
        size_t n_ids;

        /* While it is looked up, see request_lookup(). */
        const char *action; /* static; NULL: polkit is not asked (any more) */
        FoundCallback found;

        /* While it waits for its turn, or for permission: what is done then. */
        int (*next)(struct Request *request);
        Ticket ticket;
        bool is_held; /* it is its turn, but for answers that wait to be written */
        TAILQ_ENTRY(Request) permission;
} Request;

Request *request_free(Request *request);
DEFINE_CLEANUP(Request *, request_free);
void request_release(void *userdata); /* the same, as a callback */
void request_abandon(void *userdata); /* the same, with an answer that the service stops */

/* A request for that call, of the user who sent it. -ENOTCONN where he has left the bus. */
int request_new(Request **ret, Service *service, sd_bus_message *call);

/* Whose jobs the caller enqueues and whose queue is his: his own; in a user's scope everything is that user's,
 * whoever was let onto the bus. */
uint32_t request_owner(const Request *request);

/* Charges the user for memory that the request takes until it is freed, in place of what it was charged before, see account.h. */
int request_charge(Request *request, uint64_t size);

/* Answers with the error that a negative errno stands for; or sets it. */
int request_unavailable(sd_bus_message *call, int r);
int request_set_unavailable(sd_bus_error *error, int r);

/* Goes on with a request that has waited; where that fails, answers and frees it. */
void request_go_on(Request *request);

/* Hands the request over to next, which submits it to the store, now or when its user's turn has come, see ticket.h: for what
 * keeps the store busy for longer. Returns 0, or a negative errno and the request stays the caller's. The turn is over when
 * the request is freed, or with request_end_turn(). */
int request_take_turn(Request *request, int (*next)(Request *request));
void request_end_turn(Request *request);

/* What may have been held until the bus had taken what was written: after each round of the event loop. */
int request_on_idle(sd_event_source *source, void *userdata);

/* Frees those that wait for their turn: of a peer that has left; all, with an answer, when the service stops. */
void request_drop_peer(Service *service, const char *peer);
void request_stop_all(Service *service);

/* The id, or the ids, that come next in the call. */
int request_add_id(Request *request, const char *id);
int request_read_id(Request *request, sd_bus_message *call);
int request_read_ids(Request *request, sd_bus_message *call, sd_bus_error *error);

/* From prefixes to ids in full: a prefix may stand for something else later. */
int request_set_found(Request *request, const Found *found, size_t n);

/* Parks the call until jobs have ended, see waiter_new(), and hands the request over to answer, whose userdata it is;
 * -EDQUOT for a user who has too many parked. */
int request_park(Request *request, WaiterMode mode, Job *const *jobs, size_t n, WaiterAnswer answer);

/* Answers with jobs: with those that were found, or LimitExceeded where they are too large together; and, as a
 * StoreListCallback, with as many of those that were listed as fit, see JOB_REPLY_MAX. */
int request_reply_records(sd_bus_message *call, const Found *found, size_t n);
void request_on_listed(int r, JobRecord *records, size_t n, void *userdata);

/* --- lookup.c --- */

/* Looks up what the request's ids stand for and hands it over to callback, with one entry an id or with error set, perhaps
 * from within; callback frees it. What is not among the user's own jobs is looked for among those of all when polkit
 * allows action. Returns 1, for a handler to return. */
int request_lookup(Request *request, const char *action, FoundCallback callback);
