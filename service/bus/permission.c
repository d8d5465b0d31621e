/* SPDX-License-Identifier: Apache-2.0 */

/* Whether a caller may run jobs at all, the polkit action org.codex.Jobs.enqueue. It is checked once per connection,
 * at the first call that needs it; calls that arrive meanwhile wait here, in their order. A refusal applies to the
 * waiting calls only: the next call is checked again. */

#include "request.h"

#define WAITING_MAX 1024U /* of a user */

static void on_answer(PolkitAnswer answer, void *userdata) {
        Request *request;
        Peer *peer = userdata;

        peer->question = question_free(peer->question);
        peer->is_permitted = answer != POLKIT_DENIED;
        while ((request = TAILQ_FIRST(&peer->asking))) {
                request->service->polkit_absent = answer == POLKIT_ABSENT;
                if (peer->is_permitted)
                        request_advance(request);
                else
                        (void) request_refuse(request, -JOB_ERROR_NOT_AUTHORIZED, POLKIT_ENQUEUE, NULL);
        }
}

int request_ask_permission(Request *request) {
        Peer *peer = request->item.peer;
        int r = 0;

        if (!request->service->core->system_scope || request->service->polkit_absent || request->user->uid == 0 || peer->is_permitted)
                return 1;
        if (request->user->n_asking >= WAITING_MAX)
                return -JOB_ERROR_TOO_MANY_CALLS;
        if (!peer->question)
                r = question_new(&peer->question, request->user, request->call, POLKIT_ENQUEUE, on_answer, peer);
        if (r < 0)
                return r;
        TAILQ_INSERT_TAIL(&peer->asking, request, asking);
        request->user->n_asking++;
        request->is_waiting = request->is_asking = true;
        return 0;
}
