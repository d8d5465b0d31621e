/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who calls, and what that user may see. The uid of a peer comes from the bus and from nowhere else. A
 * filter holds back each method call of a peer that is not known yet until the bus has said who it is,
 * asynchronously; behind it, every handler has the uid at hand. Signals that somebody sends to the service alone
 * end at the filter. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

typedef struct Authorize Authorize;

/* Installs the filter. gone is called with the unique name of each peer that has left the bus. */
int authorize_new(Authorize **ret, sd_bus *bus, void (*gone)(const char *peer, void *userdata), void *userdata);
Authorize *authorize_free(Authorize *a);

/* Answers with Unavailable whatever is parked, and each call from now on. */
void authorize_refuse(Authorize *a);

/* The uid that sent a method call that has passed the filter; UINT32_MAX for any other message. */
uint32_t authorize_sender(Authorize *a, sd_bus_message *m);

/* The uid behind a unique name that has called; UINT32_MAX when it has left the bus. */
uint32_t authorize_peer(Authorize *a, const char *name);

/* What is known of whether a connection may run jobs, see permission.h; of one that is gone, nothing. */
typedef enum Permission {
        PERMISSION_UNKNOWN,
        PERMISSION_ASKED,
        PERMISSION_GIVEN,
} Permission;
Permission authorize_get_permission(Authorize *a, const char *peer);
void authorize_set_permission(Authorize *a, const char *peer, Permission permission);

/* The uid whose jobs the user sees: the user's own, or STORE_ANY_UID for uid 0. */
uint32_t authorize_visible_uid(uint32_t uid);

/* Whether the user may see and manage the jobs of owner. */
bool authorize_may_manage(uint32_t uid, uint32_t owner);
