/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What client-bus.c and call.c share, and nobody else sees. */

#include "client-bus.h"

typedef struct Match {
        char *rule;
        sd_bus_message_handler_t handler;
        void *userdata; /* not owned */
        sd_bus_slot *slot;
} Match;

/* What the connection has done with the calls, of which it knows nothing: they are the floor above. */
typedef struct CallEvents {
        void (*resume)(Client *c, const sd_bus_error *error); /* sends all that wait; with an error, lets each of them
                                                                * fail once more */
        void (*lost)(Client *c); /* the connection is gone: those that were under way on it have failed */
} CallEvents;

struct Client {
        bool system;
        bool scope_given;
        bool quiet;

        sd_event *event;
        sd_bus *bus;   /* NULL only while the bus cannot be reached again */
        char *unknown; /* the id that there was no job for, NULL: none */
        char *owner;   /* the unique name that last answered as the service, NULL: none yet */
        uint64_t patience_until; /* CLOCK_MONOTONIC, to try again while there is none; UINT64_MAX: not set */
        bool away;     /* the person was told that the service is away */
        Match **matches;
        size_t n_matches;
        Call *calls; /* those without an answer */
        const CallEvents *call_events; /* NULL: there was no call yet */

        void (*changed)(void *userdata);
        void *changed_userdata;

        sd_event_source *slow; /* once: the service takes long to answer at all */
        sd_event_source *retry;
        unsigned failures; /* since something worked */

        sd_event_source *deadline;
        sd_event_source *interrupt;
        sd_event_source *terminate;
        sd_event_source *hangup;
        int signal;
        int stop; /* what client_iterate() returns */
        sd_bus_error stop_error;
};

struct Call {
        Client *client;
        Call *next;
        Call *previous;

        CallMode mode;
        const char *method;
        call_append_t append;
        void *arguments; /* not owned */
        call_done_t done;
        void *userdata; /* not owned */

        sd_bus_slot *slot;
        bool waiting;           /* to be sent again */
        uint64_t failing_since; /* CLOCK_MONOTONIC, 0: it is not */
};

/* Has all calls that wait, and the connection if it is gone, tried again soon. */
int client_retry(Client *c);

/* The service answered: m is the answer. */
int client_seen(Client *c, sd_bus_message *m);

/* Tells the person, once until it is back, that the service is away. */
void client_away(Client *c);

/* Explains an error of the bus or of the service, and what to do, under the same name. */
void explain_error(const Client *c, const sd_bus_error *error, sd_bus_error *ret);

/* The same for a connection that could not be opened. Returns r. */
int explain_connect(bool system, int r, sd_bus_error *ret);

/* Whether an argument was refused because of this option of Enqueue, or one like it. */
bool error_is_about(const sd_bus_error *error, const char *option);
