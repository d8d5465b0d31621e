/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Common parts of the methods of org.codex.Jobs. A handler reads the arguments and starts a pending call, which is a
 * list of steps: permission, lookup, turn, the call into the core or the store, the reply. dbus/org.codex.Jobs.xml
 * documents the methods. Each file contains one method, or a few related ones: */

#include "job-error.h"
#include "service.h"

/* Handlers, with the service as userdata. */
int method_enqueue(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-enqueue.c */
int method_retry(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-await.c */
int method_await_any(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_await_all(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-cancel.c */
int cancel_job(Service *service, sd_bus_message *call, const char *id);     /* of that job */
int method_get(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-get.c */
int method_hold(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-hold.c */
int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_edit(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-edit.c */
int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-output.c */
int method_read_output(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-list.c */
int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-remove.c */
int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-inbox.c */
int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list_consumers(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-consumers.c */
int method_forget_consumer(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-queue.c */
int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_set_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_remove_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list_queues(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

/* A step returns 1 when it is done and the next one follows; 0 if somebody else continues, or the call is answered
 * and freed; or a negative error of job-error.h to reply with. */
typedef int (*PendingStep)(PendingCall *pending);

/* The job that an ID refers to: a live job, or the record of a finished one. */
typedef struct LookupResult {
        Job *job; /* NULL: not live; valid until the call waits */
        const JobRecord *record;
} LookupResult;

/* A call that is not answered yet. While it waits it is owned by its peer; otherwise by the store or the core that
 * processes it. */
struct PendingCall {
        PeerItem item;
        Service *service;
        User *user; /* owned, like the following */
        sd_bus_message *call; /* the part of the call that is needed to reply; without its arguments */
        uint64_t charged; /* bytes, see pending_charge() */

        const PendingStep *step; /* the next one */
        bool is_waiting;         /* waiting for permission, for its turn, for polkit, or for jobs */
        bool is_asking;          /* for permission */
        bool is_held;            /* it is its turn, but replies wait to be written */
        TAILQ_ENTRY(PendingCall) asking;
        TAILQ_ENTRY(PendingCall) held;
        Ticket ticket;
        Turns *turns; /* of its user, to which the ticket belongs */
        Question *question; /* whether it may see the jobs of others */
        Waiter *waiter;

        char **ids; /* NULL-terminated */
        size_t n_ids;
        const char *action;  /* static; the polkit action for access to jobs of others; NULL: not checked (any more) */
        uint32_t visible_uid; /* whose jobs are looked up, or STORE_ANY_UID */
        LookupResult *found;  /* by pending_find(), one per ID */
        JobRecord *records;  /* storage for finished jobs */
        size_t n_records;

        uint64_t timeout_usec;
        OutputStream stream;
        uint64_t offset, max; /* of what is read of it */
        StoreFilter filter;
        Spec spec;
        char *consumer;
        StoreQueue queue;
        bool is_making; /* it, which does not exist yet */
};

/* Creates a pending call of the user who sent it. -ENOTCONN if the sender has left the bus. */
int pending_new(PendingCall **ret, Service *service, sd_bus_message *call);

/* The same for a call whose first argument is the ID of a job. */
int pending_new_with_id(PendingCall **ret, Service *service, sd_bus_message *call);

PendingCall *pending_free(PendingCall *pending);
DEFINE_CLEANUP(PendingCall *, pending_free);

/* Takes ownership and executes the first step, and the following ones until one waits. Returns 1, for a handler to
 * return. */
int pending_start(PendingCall *pending, const PendingStep *steps);

/* Continues with the next step. */
void pending_advance(PendingCall *pending);

/* Replies with the error for a negative r, with up to two texts, and frees. Returns 0, for a step to return. */
int pending_refuse(PendingCall *pending, int r, const char *first, const char *second);

/* The same for errors whose message has no text, or a limit. */
int pending_fail(PendingCall *pending, int r);

/* Reply and free. Return 0, for a step to return: without a value; with records, as many as fit into a reply or, if
 * all are required, LimitExceeded; with a list, as a StoreListCallback. */
int pending_reply_empty(PendingCall *pending);
int pending_reply_found(PendingCall *pending);
void pending_on_listed(int r, JobRecord *records, size_t n, void *userdata);

/* A StoreCallback that replies with its result. */
void pending_on_done(int r, void *userdata);

/* The owner of the jobs that the caller enqueues and of the caller's queue: the caller; in the scope of a user,
 * always that user, regardless of who may access the bus. */
uint32_t pending_owner(const PendingCall *pending);

/* The caller, with its groups as long as it is on the bus. */
Caller pending_caller(const PendingCall *pending);

/* Replies with an error about a queue, of admission.c, and frees. Returns 0, for a step to return. */
int pending_refuse_queue(PendingCall *pending, int r, const char *name);

/* Charges the user for memory of the call until it is freed, replacing the previous charge. */
int pending_charge(PendingCall *pending, uint64_t size);

/* Starts calls that were held until replies were written: after each iteration of the event loop. */
void pending_advance_held(Service *service);

/* Reads the name of a consumer. (method-inbox.c) */
int pending_read_consumer(sd_bus_message *call, const char **ret, sd_bus_error *error);

/* Adds an ID; reads the IDs of the call. */
int pending_add_id(PendingCall *pending, const char *id);
int pending_read_ids(PendingCall *pending, sd_bus_message *call, sd_bus_error *error);

/* Charges for the IDs. */
int pending_charge_ids(PendingCall *pending);

/* Adds the IDs of option After, and tells whether all are full ones; once they are looked up, replaces them in the option by
 * the full ones, beginning with number first of the call. The latter returns as a step. (lookup.c) */
int pending_add_dependencies(PendingCall *pending, bool *ret_full);
int pending_take_dependencies(PendingCall *pending, size_t first);

/* Waits until jobs have ended, see waiter_new(). A step. */
int pending_wait(PendingCall *pending, WaiterMode mode, Job *const *jobs, size_t n, WaiterCallback callback);

/* --- steps --- */

/* Wait until the store may process another call of its user: one that occupies it for longer, or one that reads a record. The
 * turn ends when the call is freed; it must be ended before the call waits for people or jobs. */
int pending_take_turn(PendingCall *pending);
int pending_take_lookup_turn(PendingCall *pending);
void pending_end_turn(PendingCall *pending);

/* Waits for polkit to decide whether the caller may run jobs, which is checked once per connection. (permission.c) */
int pending_ask_permission(PendingCall *pending);

/* Two steps that belong together: look up the IDs. Jobs that are not found among those of the user are looked up
 * among all jobs if polkit allows the action. Afterwards found is set, and the IDs are full ones, since a prefix may
 * match something else later. (lookup.c) */
int pending_find(PendingCall *pending);
int pending_find_stored(PendingCall *pending);
#define REQUEST_FIND pending_find, pending_find_stored

/* Clears the results of the lookup. */
void pending_clear_found(PendingCall *pending);
