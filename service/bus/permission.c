/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Whether a caller may run jobs at all, the polkit action org.codex.Jobs.enqueue. It is checked once per connection,
 * at the first call that needs it; calls that arrive meanwhile wait here, in their order. A refusal applies to the
 * waiting calls only: the next call is checked again. */

#include "pending-call.h"

#define WAITING_MAX 1024U /* of a user */

static void on_answer(PolkitAnswer answer, void *userdata) {
        PendingCall *pending;
        Peer *peer = userdata;

        peer->question = question_free(peer->question);
        peer->is_permitted = answer != POLKIT_DENIED;
        while ((pending = TAILQ_FIRST(&peer->asking))) {
                pending->service->polkit_absent = answer == POLKIT_ABSENT;
                if (peer->is_permitted)
                        pending_advance(pending);
                else
                        (void) pending_refuse(pending, -JOB_ERROR_NOT_AUTHORIZED, POLKIT_ENQUEUE, NULL);
        }
}

int pending_ask_permission(PendingCall *pending) {
        Peer *peer = pending->item.peer;
        int r = 0;

        if (!pending->service->core->system_scope || pending->service->polkit_absent || pending->user->uid == 0 || peer->is_permitted)
                return 1;
        if (pending->user->n_asking >= WAITING_MAX)
                return -JOB_ERROR_TOO_MANY_CALLS;
        if (!peer->question)
                r = question_new(&peer->question, pending->user, pending->call, POLKIT_ENQUEUE, on_answer, peer);
        if (r < 0)
                return r;
        TAILQ_INSERT_TAIL(&peer->asking, pending, asking);
        pending->user->n_asking++;
        pending->is_waiting = pending->is_asking = true;
        return 0;
}
