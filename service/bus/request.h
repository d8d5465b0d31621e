/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the methods of org.codex.Jobs share. A handler reads the arguments and starts a request, which is a list of steps:
 * permission, look-up, turn, the call into the core or the store, the answer. dbus/org.codex.Jobs.xml is the contract. One
 * file a method, or a few that belong together: */

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
int method_open_output(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-list.c */
int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-remove.c */
int method_inbox(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-inbox.c */
int method_acknowledge(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error); /* method-queue.c */
int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_queue(sd_bus_message *m, void *userdata, sd_bus_error *error);

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

/* A step returns 1 when it is done and the next follows; 0 when somebody else continues, or the request is answered and freed;
 * or a negative error of job-error.h, which is answered. */
typedef int (*RequestStep)(Request *request);

/* What an id stands for: a live job, or the record of one that is over. */
typedef struct LookupResult {
        Job *job; /* NULL: not live; valid until the request waits */
        const JobRecord *record;
} LookupResult;

/* A call that is not answered yet. While it waits it is its peer's; otherwise that of the store or the core, which has it. */
struct Request {
        PeerItem item;
        Service *service;
        User *user; /* owned, as what follows */
        sd_bus_message *call; /* what is kept of the call to answer it; its arguments are not in it */
        uint64_t charged; /* bytes, see request_charge() */

        const RequestStep *step; /* the next one */
        bool is_waiting;         /* for permission, for its turn, for polkit, or for jobs */
        bool is_asking;          /* for permission */
        bool is_held;            /* it is its turn, but for answers that wait to be written */
        TAILQ_ENTRY(Request) asking;
        TAILQ_ENTRY(Request) held;
        Ticket ticket;
        Question *question; /* whether it may see the jobs of others */
        Waiter *waiter;

        char **ids; /* NULL-terminated */
        size_t n_ids;
        const char *action;  /* static; the polkit action that lets one see the jobs of others; NULL: not asked (any more) */
        uint32_t visible_uid; /* whose jobs are looked for, or STORE_ANY_UID */
        LookupResult *found;  /* by request_find(), one an id */
        JobRecord *records;  /* what it points to, of jobs that are over */
        size_t n_records;

        uint64_t timeout_usec;
        OutputStream stream;
        StoreFilter filter;
        Spec spec;
        char *consumer;
        bool paused;
};

/* A request for that call, of the user who sent it. -ENOTCONN where he has left the bus. */
int request_new(Request **ret, Service *service, sd_bus_message *call);
Request *request_free(Request *request);
DEFINE_CLEANUP(Request *, request_free);

/* Takes the request and does its first step, and those after it until one waits. Returns 1, for a handler to return. */
int request_start(Request *request, const RequestStep *steps);

/* Continues with the next step. */
void request_advance(Request *request);

/* Answers with the error that a negative r stands for, with up to two texts, and frees. Returns 0, for a step to return. */
int request_refuse(Request *request, int r, const char *first, const char *second);

/* The same for errors whose sentence has no text, or a limit. */
int request_fail(Request *request, int r);

/* Answers and frees. Return 0, for a step to return: without a value; with records, as many as one answer takes, or, where all
 * have to be there, LimitExceeded; with what was listed, a StoreListCallback. */
int request_reply_empty(Request *request);
int request_reply_found(Request *request);
void request_on_listed(int r, JobRecord *records, size_t n, void *userdata);

/* A StoreCallback that answers so. */
void request_on_done(int r, void *userdata);

/* Whose jobs the caller enqueues and whose queue is his: his own; in a user's scope everything is that user's,
 * whoever was let onto the bus. */
uint32_t request_owner(const Request *request);

/* Charges the user for memory that the request takes until it is freed, in place of what it was charged before. */
int request_charge(Request *request, uint64_t size);

/* What may have been held until the bus had taken what was written: after each round of the event loop. */
int request_on_idle(sd_event_source *source, void *userdata);

/* The id, or the ids, that come next in the call. */
int request_add_id(Request *request, const char *id);
int request_read_id(Request *request, sd_bus_message *call);
int request_read_ids(Request *request, sd_bus_message *call, sd_bus_error *error);

/* Waits until jobs have ended, see waiter_new(). A step. */
int request_wait(Request *request, WaiterMode mode, Job *const *jobs, size_t n, WaiterCallback callback);

/* --- steps --- */

/* Waits until the store has room for another request of its user: for what keeps the store busy for longer. The turn is over
 * when the request is freed, or waits for people or jobs: then it is to be ended. */
int request_take_turn(Request *request);
void request_end_turn(Request *request);

/* Waits until polkit has said that the caller may run jobs, which is asked once for a connection. (permission.c) */
int request_ask_permission(Request *request);

/* Two steps that belong together: look up what the ids stand for. What is not among the user's own jobs is looked for among
 * those of all when polkit allows the action. Then found is set, and the ids are in full: a prefix may stand for something
 * else later. (lookup.c) */
int request_find(Request *request);
int request_find_stored(Request *request);
#define REQUEST_FIND request_find, request_find_stored

/* Forgets what was found. */
void request_clear_found(Request *request);
