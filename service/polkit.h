/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asks polkit(8) whether the sender of a call may do something that is not his by itself. Asynchronous, with
 * the caller's bus name as subject; whoever allows it in his message's flags may be asked for a password. */

#include <systemd/sd-bus.h>

#define POLKIT_ENQUEUE "org.codex.Jobs.enqueue"
#define POLKIT_READ_ALL "org.codex.Jobs.read-all"
#define POLKIT_MANAGE_ALL "org.codex.Jobs.manage-all"

typedef enum PolkitAnswer {
        POLKIT_ALLOWED,
        POLKIT_DENIED, /* also when polkit fails */
        POLKIT_ABSENT, /* it is not installed */
} PolkitAnswer;

/* Calls back once, not from within; where the bus is closed before the answer, frees userdata instead. Returns 0;
 * or a negative errno, and does neither. */
typedef void (*PolkitCallback)(PolkitAnswer answer, void *userdata);
int polkit_check(sd_bus_message *call, const char *action, PolkitCallback callback, void *userdata,
                 void (*free_userdata)(void *));
