/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The notification server of the session, org.freedesktop.Notifications
 * (https://specifications.freedesktop.org/notification-spec/1.2/). Started by the bus where it can be, when there
 * is something to show; else it is waited for. */

#include "link.h"
#include "text.h"

typedef struct Server Server;

typedef enum ServerState {
        SERVER_IDLE,   /* it may be there, but was not needed yet */
        SERVER_COMING, /* it is being started, or asked for its capabilities */
        SERVER_READY,
        SERVER_ABSENT, /* there is none: wait for one */
} ServerState;

typedef struct ServerEvents {
        void (*changed)(void *userdata);           /* the state */
        void (*lost)(void *userdata);              /* its notifications are gone */
        void (*action)(uint32_t id, const char *key, const char *token, void *userdata); /* token may be NULL */
        void (*closed)(uint32_t id, void *userdata);
        void *userdata; /* not owned */
} ServerEvents;

int server_new(Link *session, const ServerEvents *events, Server **ret);
Server *server_free(Server *s);
DEFINE_CLEANUP(Server *, server_free);

ServerState server_state(const Server *s);

/* There is something to show: SERVER_IDLE becomes another state, now or later. */
void server_want(Server *s);

/* Whether bodies are markup. Of a server that is ready. */
bool server_has_markup(const Server *s);

/* Shows a notification that replaces another, 0: none. done is called with the id, or 0 and an error; with lost set
 * where nobody can say whether it is shown, since the server went away. Forgotten when *ret is unreferenced; with NULL
 * for ret never. done may be NULL. */
typedef void (*server_done_t)(uint32_t id, bool lost, void *userdata);
int server_notify(Server *s, const Notice *notice, uint32_t replaces, int32_t timeout_msec, server_done_t done,
                  void *userdata, sd_bus_slot **ret);
