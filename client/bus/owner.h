/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The owner of a bus name, as reported by the bus: the name is not activated, and not queried repeatedly. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct Owner {
        const char *name;                 /* well-known, not owned */
        void (*changed)(void *userdata);  /* it is known now, or another */
        void *userdata;                   /* not owned */
        char *unique;                     /* of the owner; NULL: none, or not known yet */
        bool known;                       /* the bus has answered */
        sd_bus_slot *match;
        sd_bus_slot *call;
} Owner;

/* The signals about a name, and what one says: the new owner, "" for none; NULL: it is not about the name, or not from the
 * bus. */
#define OWNER_RULE(name)                                                                                   \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                        \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" name "'"
const char *owner_read_change(sd_bus_message *m, const char *name);

/* Begins on a new connection. */
int owner_watch(Owner *o, sd_bus *bus);

/* Forgets the owner; changed() is not called. */
void owner_forget(Owner *o);

/* Whether m comes from the owner: anybody can send us a signal. */
bool owner_sent(const Owner *o, sd_bus_message *m);
