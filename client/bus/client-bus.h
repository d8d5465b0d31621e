/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The connection to the service for the lifetime of a verb, restored after restarts of the service and of the bus. Owns
 * the event loop, the subscriptions and the pending calls. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "remote.h"
#include "scope.h"

/* Of our own: the bus refused the connection, since there are too many. */
#define CLIENT_ERROR_REFUSED "org.codex.Jobs.Client.Error.Refused"

typedef struct Client Client;
typedef struct Call Call;

/* Connects without waiting: the first requests are sent together with the authentication. The words of remote are not copied.
 * quiet: reports nothing by itself. */
int client_new(Scope scope, const Remote *remote, bool quiet, Client **ret, sd_bus_error *error);
Client *client_free(Client *c);
DEFINE_CLEANUP(Client *, client_free);

sd_event *client_event(Client *c);

/* The connection, for calls to other services; NULL while it is being reopened. */
sd_bus *client_bus(Client *c);

/* Whether the service has replied to any call. */
bool client_was_answered(const Client *c);

/* Whether the service went away and has not replied since. */
bool client_is_away(const Client *c);

/* Whether file descriptors can be sent and received. Only known once the service was reached. */
bool client_passes_descriptors(const Client *c);

/* The other host or container; NULL: it is this host. These are in scope.c. */
const char *client_remote(const Client *c);
const char *client_remote_option(const Client *c); /* "-H" or "-M" */

/* " --system" or " --user", or " -H HOST", if commands that are shown must have it to reach the same service, else "". */
const char *client_scope_option(const Client *c);

/* A command that starts with systemctl(1) or journalctl(1), which is not for other hosts, where the service is. NULL: out of
 * memory. The caller frees it. */
char *client_tool(const Client *c, const char *tool);
bool client_is_system(const Client *c);
bool client_is_quiet(const Client *c);

/* ---- The event loop ---- */

/* Runs the loop once. Returns 0, or the reason to stop, repeatedly: -EINTR (see client_signal()), -ETIMEDOUT, or the
 * error given to client_stop(); error is set if there are details. */
int client_iterate(Client *c, sd_bus_error *error);

/* Makes client_iterate() return r, a negative errno, and error, which may be NULL. Later calls are ignored. */
void client_stop(Client *c, int r, const sd_bus_error *error);

/* Clears the reason to stop, so that further calls can be made. */
void client_go_on(Client *c);

/* From now on SIGINT, SIGTERM and SIGHUP, unless ignored, stop client_iterate() instead of the process. After
 * client_restore_signals() they terminate the process again. */
int client_catch_signals(Client *c);
void client_restore_signals(Client *c);
int client_signal(const Client *c); /* the signal that was received, 0: none */

/* client_iterate() returns -ETIMEDOUT after this time; USEC_INFINITY: never. */
int client_set_timeout(Client *c, uint64_t usec);

/* How long, from now, connecting to a service that was never reached is retried: the time limit of the wait, but at
 * least a second, since a restart may take that long. Default: a few seconds. */
void client_set_patience(Client *c, uint64_t usec);

/* ---- Subscriptions ---- */

/* Subscribes to a signal. userdata must live as long as the client. The request is sent before any later call, and
 * again on each new connection. */
int client_match(Client *c, const char *rule, sd_bus_message_handler_t handler, void *userdata);

/* Watches the owner of the bus name of the service, and calls changed() whenever signals may have been missed: the
 * service or the bus restarted. Only one watch is possible. */
int client_watch_service(Client *c, void (*changed)(void *userdata), void *userdata);

/* Subscribes to OutputGrew, for the one who reads output: grew() is called with the full ID of the job and the stream, or
 * with NULL whenever a signal may have been missed. NULL: nobody reads any more. */
typedef void (*client_grew_t)(const char *id, const char *stream, void *userdata);
int client_watch_output(Client *c, client_grew_t grew, void *userdata);

/* ---- Calls ---- */

typedef enum CallMode {
        CALL_ONCE,    /* not repeated, unless the service reported that nothing was done */
        CALL_AGAIN,   /* repeated a few times while the service is not running */
        CALL_PATIENT, /* repeated until there is a reply, once the service has replied to any call */
} CallMode;

/* Appends the arguments; called for each attempt. */
typedef int (*call_append_t)(sd_bus_message *m, void *arguments);

/* Receives the reply, or NULL and error. The call may be freed inside. */
typedef void (*call_done_t)(sd_bus_message *reply, const sd_bus_error *error, void *userdata);

/* Calls a method of the service. arguments must live until the call has completed or is freed. */
int call_new(Client *c, Call **ret, CallMode mode, const char *method, call_append_t append, void *arguments,
             call_done_t done, void *userdata);

/* Cancels a call that has not completed. */
Call *call_free(Call *call);
DEFINE_CLEANUP(Call *, call_free);

/* Runs the event loop until there is a reply. Returns 0, or a negative errno, with error set unless it is from
 * client_iterate(). */
int call_wait(Client *c, CallMode mode, const char *method, call_append_t append, void *arguments,
              sd_bus_message **ret, sd_bus_error *error);

/* Appends no arguments. */
int append_nothing(sd_bus_message *m, void *nothing);

/* Appends one string, which is the argument itself: usually an ID. */
int append_string(sd_bus_message *m, void *string);

/* The first ID that the service did not know; NULL: none. */
const char *client_unknown_id(const Client *c);
