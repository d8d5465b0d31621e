/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whether a caller may run jobs at all, the polkit action org.codex.Jobs.enqueue. It is asked once for a connection,
 * with its first call that needs it; those that come before the answer wait here, in their order. A refusal
 * holds for the calls that waited for it: the next one is asked about again. */

typedef struct Service Service;
typedef struct Request Request;

/* Goes on with the request, in next, now or when polkit has allowed it; later, what next fails with is answered. Returns 0;
 * or a negative errno, and the request stays the caller's: -EUSERS where too many wait. */
int permission_ask(Request *request, int (*next)(Request *request));

/* Frees those that wait: of a peer that has left; all, with an answer, when the service stops. */
void permission_drop_peer(Service *service, const char *peer);
void permission_stop_all(Service *service);
