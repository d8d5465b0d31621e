/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The connection to the service, for as long as a verb needs it: through restarts of the service and losses of
 * the bus. Owns the event loop, the subscriptions and the calls that are under way. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "macro.h"
#include "scope.h"

typedef struct Client Client;
typedef struct Call Call;

/* Connects, but waits for nothing: what is sent next travels together with the greeting. quiet: says nothing by itself. */
int client_new(Scope scope, bool quiet, Client **ret, sd_bus_error *error);
Client *client_free(Client *c);
DEFINE_CLEANUP(Client *, client_free);

sd_event *client_event(Client *c);

/* The connection, to ask others than the service; NULL while it is being opened again. */
sd_bus *client_bus(Client *c);

/* Whether the service has answered anything at all. */
bool client_was_answered(const Client *c);

/* Whether the service went away and has answered nothing since. */
bool client_is_away(const Client *c);

/* " --system" or " --user" where a command that is shown needs it to reach the same service, else "". */
const char *client_scope_option(const Client *c);
bool client_is_system(const Client *c);
bool client_is_quiet(const Client *c);

/* ---- The event loop ---- */

/* Runs the loop once. Returns 0, or what ended it, again and again: -EINTR (see client_signal()), -ETIMEDOUT,
 * or what client_stop() was told; error is set where there is more to say. */
int client_iterate(Client *c, sd_bus_error *error);

/* Makes client_iterate() return r, a negative errno, and error, which may be NULL. The first one stays. */
void client_stop(Client *c, int r, const sd_bus_error *error);

/* Forgets what ended it, so that something more can be asked. */
void client_go_on(Client *c);

/* From now on SIGINT, SIGTERM and SIGHUP end client_iterate() and not the process, those that are ignored apart. Behind
 * client_restore_signals() they end the process again. */
int client_catch_signals(Client *c);
void client_restore_signals(Client *c);
int client_signal(const Client *c); /* which one came, 0: none */

/* client_iterate() returns -ETIMEDOUT after that time; USEC_INFINITY: never. */
int client_set_timeout(Client *c, uint64_t usec);

/* How long a service that cannot be reached, and was not yet, is tried again, counted from now. That is the wait of
 * whoever gave a time to wait; it is a second at least, which a restart may take. Without this: a few seconds. */
void client_set_patience(Client *c, uint64_t usec);

/* ---- Subscriptions ---- */

/* Subscribes to a signal. userdata must live as long as the client. The request is sent before any call that
 * follows, and again on each new connection. */
int client_match(Client *c, const char *rule, sd_bus_message_handler_t handler, void *userdata);

/* Watches the owner of the service's name, and calls changed() whenever signals may have been missed: the
 * service went away or is another process now, or the bus was lost. One at a time. */
int client_watch_service(Client *c, void (*changed)(void *userdata), void *userdata);

/* ---- Calls ---- */

typedef enum CallMode {
        CALL_ONCE,    /* not to be repeated unless the service said that it did nothing */
        CALL_AGAIN,   /* repeated a few times while the service is not there */
        CALL_PATIENT, /* repeated until it is answered, once the service has answered anything */
} CallMode;

/* Appends the arguments; called for each repetition. */
typedef int (*call_append_t)(sd_bus_message *m, void *arguments);

/* Takes the answer: reply, or NULL and error. The call may be freed inside. */
typedef void (*call_done_t)(sd_bus_message *reply, const sd_bus_error *error, void *userdata);

/* Calls a method of the service. arguments must live until the call is answered or freed. */
int call_new(Client *c, Call **ret, CallMode mode, const char *method, call_append_t append, void *arguments,
             call_done_t done, void *userdata);

/* Forgets the answer to a call that has none yet. */
Call *call_free(Call *call);
DEFINE_CLEANUP(Call *, call_free);

/* Runs the event loop until the answer is there. Returns 0; or a negative errno, with error set unless it is
 * what client_iterate() returned. */
int call_wait(Client *c, CallMode mode, const char *method, call_append_t append, void *arguments,
              sd_bus_message **ret, sd_bus_error *error);

/* The append function for no arguments. */
int append_nothing(sd_bus_message *m, void *nothing);

/* The append function for one string, which is the argument itself: mostly an id. */
int append_string(sd_bus_message *m, void *string);

/* The first such id that the service had no job for; NULL: it knew all. */
const char *client_unknown_id(const Client *c);
