/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Asks polkit(8) whether the sender of a call may do something that is not his by itself. Asynchronous, with
 * the caller's bus name as subject; whoever allows it in his message's flags may be asked for a password. Of each user a
 * few questions are asked at a time and the others wait: a bus bounds how many answers we may wait for in all,
 * and what one user asks is not to keep another's question from being put. */

#include <systemd/sd-bus.h>

#define POLKIT_ENQUEUE "org.codex.Jobs.enqueue"
#define POLKIT_READ_ALL "org.codex.Jobs.read-all"
#define POLKIT_MANAGE_ALL "org.codex.Jobs.manage-all"

typedef enum PolkitAnswer {
        POLKIT_ALLOWED,
        POLKIT_DENIED, /* also when polkit fails */
        POLKIT_ABSENT, /* it is not installed */
} PolkitAnswer;

typedef struct Polkit Polkit;

int polkit_new(Polkit **ret, sd_bus *bus);

/* Frees what was not answered, see polkit_check(). Takes NULL; returns NULL. */
Polkit *polkit_free(Polkit *polkit);

/* Drops what a connection that is gone had asked for. */
void polkit_drop_peer(Polkit *polkit, const char *peer);

/* Asks on behalf of uid, who sent call; calls back once, not from within; where the caller is gone before the answer, or
 * polkit_free() comes, frees userdata instead. Returns 0; or a negative errno, and does neither: -EUSERS where too
 * many questions of that user wait. */
typedef void (*PolkitCallback)(PolkitAnswer answer, void *userdata);
int polkit_check(Polkit *polkit, sd_bus_message *call, uint32_t uid, const char *action, PolkitCallback callback,
                 void *userdata, void (*free_userdata)(void *));
