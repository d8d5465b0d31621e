/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Shared by client-bus.c and call.c only. */

#include <sys/queue.h>

#include "client-bus.h"
#include "link.h"

/* Of our own: descriptors cannot be sent now. */
#define CLIENT_ERROR_IN_FLIGHT "org.codex.Jobs.Client.Error.InFlight"

typedef struct Match {
        char *rule;
        sd_bus_message_handler_t handler;
        void *userdata; /* not owned */
        sd_bus_slot *slot;
} Match;

/* Operations of the calls that the connection needs, without depending on call.c. */
typedef struct CallEvents {
        void (*resume)(Client *c, const sd_bus_error *error); /* sends waiting calls; with an error they fail */
        void (*next)(Client *c); /* sends queued calls as far as others were answered */
        void (*lost)(Client *c); /* the connection was lost: pending calls have failed */
} CallEvents;

struct Client {
        bool system;
        Remote remote;
        char *place;  /* " on HOST", or "" */
        char *option; /* of client_scope_option() */
        bool quiet;

        sd_event *event;
        Link *link;
        char *unknown; /* the first ID that the service did not know, NULL: none */
        char *owner;   /* the unique name that last replied as the service, NULL: none yet */
        uint64_t patience_until; /* CLOCK_MONOTONIC, of the next attempt to connect; UINT64_MAX: not set */
        bool away;     /* it was reported that the service went away */
        Match **matches;
        size_t n_matches;
        LIST_HEAD(, Call) calls; /* pending calls */
        const CallEvents *call_events; /* NULL: there was no call yet */
        size_t n_sent;     /* number of calls that were sent and not answered */
        size_t n_queued;

        void (*changed)(void *userdata);
        void *changed_userdata;
        client_grew_t grew;
        void *grew_userdata;
        bool watches_owner;
        bool watches_output;

        char *complaint; /* the last one that was shown */
        sd_event_source *slow; /* once: the service takes long to reply to the first call */
        sd_event_source *retry;
        unsigned failures; /* since the last success */

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
        LIST_ENTRY(Call) entry;

        CallMode mode;
        const char *method;
        call_append_t append;
        void *arguments; /* not owned */
        call_done_t done;
        void *userdata; /* not owned */

        sd_bus_slot *slot;
        bool waiting;           /* to be sent again */
        bool queued;            /* to be sent when others are answered */
        uint64_t failing_since; /* CLOCK_MONOTONIC, 0: not set */
};

/* Schedules another attempt for all waiting calls, and for the connection if it was lost. */
int client_retry(Client *c);

/* Records that the service replied with m. */
int client_seen(Client *c, sd_bus_message *m);

/* Reports, once until it is back, that the service went away. */
void client_away(Client *c);

/* Explains an error of the bus or of the service, and what to do, under the same name. */
void explain_error(const Client *c, const sd_bus_error *error, sd_bus_error *ret);

/* The same for a connection that could not be opened. Returns r. */
int explain_connect(const Client *c, int r, sd_bus_error *ret);

/* Whether this option of Enqueue was refused since the service is an older one. The error is an explained one. */
bool error_is_unknown(const sd_bus_error *error, const char *option);
