/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests that cost the store and the loop most, the lists: of each user a few are carried out at a time and the
 * others wait here, so that nobody waits for all that another user asks for, nor are the answers to it in memory at
 * once. */

#include <stdint.h>

typedef struct Manager Manager;
typedef struct Request Request;

/* Calls submit, which hands the request over to the store, now or when its turn has come; later, what submit fails with is
 * answered. Returns 0; or a negative errno, and the request stays the caller's: -EUSERS where too many wait. */
int turn_take(Request *request, int (*submit)(Request *request));

/* The request is through. Without effect on one that takes no turn. */
void turn_end(Request *request);

/* Frees those that wait: of a peer that has left; all, with an answer, when the service stops. */
void turn_drop_peer(Manager *manager, const char *peer);
void turn_stop_all(Manager *manager);
