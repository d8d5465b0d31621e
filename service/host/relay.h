/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Parts of codex-jobs-host:
 *
 *   main.c     options
 *   relay.c    the loop: what is done when
 *   submit.c   the request for the job there
 *   copy.c     its output
 *   outcome.c  its end
 *   reap.c     ends what is left there
 *   far.c      the connection to the service there
 *
 * To the service here it is the worker of the job, see worker-protocol.h. To the service there it is a client like others: it
 * enqueues a job whose key (IdempotencyKey) is made of the ID of ours, so that the job is the same one however often it is asked
 * for. All such jobs, of each attempt, have the same session. */

#include "elsewhere.h"
#include "far.h"
#include "job-record.h"

#define RELAY_KEY_MAX 96
#define RELAY_NONSENSE "the end as told by the other host makes no sense"

typedef enum RelayStage {
        RELAY_ASKING,    /* the job there is not known yet */
        RELAY_FOLLOWING, /* it is */
        RELAY_COPYING,   /* it has ended: the rest of its output is fetched */
        RELAY_SETTLED,   /* the end is known, and to be recorded by the service here */
        RELAY_RELEASING, /* it is recorded */
        RELAY_OVER,
} RelayStage;

enum {
        COPY_STDOUT,
        COPY_STDERR,
        COPY_ORDER,
        COPY_STREAMS,
};

typedef struct Relay Relay;

/* To the loop, which is above the other parts. */
typedef struct RelayEvents {
        /* A call failed, which it may not do again a little later. error: NULL if it could not be made. */
        void (*failed)(Relay *r, const sd_bus_error *error);

        /* The answer to the request for the job. */
        void (*accepted)(Relay *r, const char *id, const char *path);
        void (*refused)(Relay *r, const sd_bus_error *error);
} RelayEvents;

struct Relay {
        const RelayEvents *events;
        Description description;
        char key[RELAY_KEY_MAX];
        char session[RELAY_KEY_MAX];
        RelayStage stage;
        sd_event *event;
        int epoll; /* of the link, in the event loop */
        int signals;
        int journal;
        Link link;
        Far far;

        char *there; /* the ID of the job there, NULL: not known; owned, as its path */
        char *path;
        bool asked;      /* and there is no answer on this connection yet */
        unsigned unsure; /* requests without an answer, which may have been accepted or may yet be */
        bool repeated;   /* a request may arrive there after the answer to another one */
        bool stopping;
        JobRecord record; /* of the job there, once it has ended */

        bool copying;
        bool again; /* there may be more than was asked for */
        unsigned stream;
        bool grown; /* something was got in this turn */
        char *order_data; /* what was got of the order: written after the bytes that it covers; owned */
        size_t order_size;
        uint64_t base[2];
        uint64_t offsets[COPY_STREAMS]; /* of what was got of the job there */
        int order; /* of the service; -EBADF: none yet */
        uint64_t order_base;
        bool order_lost;
        int follower; /* an eventfd of a client that follows the output */
        int output_error;

        bool awaited; /* on this connection */
        bool looking; /* at its progress */
        bool look_again;
        int code, status; /* how to exit */

        /* CLOCK_MONOTONIC, 0: not due */
        uint64_t connect_usec;
        uint64_t go_on_usec; /* after an error on a connection that is still there */
        uint64_t pause_usec; /* the last one */
        uint64_t copy_usec;
        uint64_t away_usec;
        uint64_t release_usec;
};

/* --- relay.c --- */

int relay_run(const char *id);

/* --- submit.c --- */

/* Key and session of the job, by its ID and the number of the attempt. */
void submit_name(const char *id, uint64_t attempt, char key[static RELAY_KEY_MAX], char session[static RELAY_KEY_MAX]);

/* Asks for the job. Returns 0 or a negative errno. */
int submit(Relay *r);

/* --- copy.c --- */

/* There may be output. If the job has ended, outcome_settle() follows. */
void copy_start(Relay *r);

/* --- outcome.c --- */

/* As the record says. */
void outcome_settle(Relay *r);

/* As found out here. text: NULL is none. */
void outcome_as(Relay *r, WorkerCause cause, int code, int status, const char *text);
void outcome_cannot(Relay *r, const char *why);
void outcome_stopped(Relay *r);

/* --- reap.c --- */

/* Cancels what is alive of the job there, and sees to it that none begins later. Waits as long as it takes. Returns the exit
 * status. */
int reap(const char *id);
