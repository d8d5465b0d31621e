/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A connection to a bus, which can be opened again after it was lost. Owns the connection and nothing that is done on it;
 * each of its users is notified of a new one. When to open it again is up to the owner of the link. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "remote.h"

typedef struct Link Link;

typedef struct LinkUser {
        int (*up)(sd_bus *bus, void *userdata); /* there is a connection: subscribe and ask */
        void (*down)(void *userdata);           /* it was lost: free all slots, there will be no replies */
        void *userdata;                         /* not owned */
} LinkUser;

/* system: the system bus, else the user's; of this host if remote, which is not copied, is NULL. The event loop is referenced. lost() is called after an open connection
 * ended, and after its users. */
int link_new(sd_event *event, bool system, const Remote *remote, void (*lost)(void *userdata), void *userdata, Link **ret);
Link *link_free(Link *l);
DEFINE_CLEANUP(Link *, link_free);

/* Must be called before link_open(). Users are notified in the order in which they were added. */
int link_add_user(Link *l, const LinkUser *user);

/* Connects, but does not wait for it. Returns 0 or a negative errno. */
int link_open(Link *l);

bool link_is_system(const Link *l);

/* Whether the bus accepted the last connection. Before that, it delivers no message. */
bool link_was_accepted(const Link *l);

/* Why another host, or the way to it, ended a connection before it was accepted, in the words of ssh(1); NULL: it did not say.
 * May wait for its end a short time. Not owned. */
const char *link_complaint(Link *l);

/* The connection, which the link owns; NULL while there is none. */
sd_bus *link_bus(const Link *l);
