/* SPDX-License-Identifier: Apache-2.0 */

#include "request.h"
#include "turn.h"

#define ASKED_MAX 2U      /* of a user, at a time */
#define WAITING_MAX 1024U /* and those after them */

/* How many requests of a user have their turn, and how many wait for it; the first of those. */
static Request *count(const Manager *manager, uint32_t uid, unsigned *ret_asked, unsigned *ret_waiting) {
        Request *request, *first = NULL;

        *ret_asked = *ret_waiting = 0;
        TAILQ_FOREACH(request, &manager->turns, turn) {
                if (request->uid != uid)
                        continue;
                *(request->has_turn ? ret_asked : ret_waiting) += 1;
                if (!request->has_turn && !first)
                        first = request;
        }
        return first;
}

static void leave(Request *request) {
        TAILQ_REMOVE(&request->manager->turns, request, turn);
        request->submit = NULL;
}

static int submit(Request *request) {
        int r;

        request->has_turn = true;
        r = request->submit(request);
        if (r < 0)
                leave(request);
        return r;
}

int turn_take(Request *request, int (*submit_request)(Request *request)) {
        Manager *manager = request->manager;
        unsigned asked, waiting;

        (void) count(manager, request->uid, &asked, &waiting);
        if (waiting >= WAITING_MAX)
                return -EUSERS;
        request->submit = submit_request;
        TAILQ_INSERT_TAIL(&manager->turns, request, turn);
        return asked < ASKED_MAX ? submit(request) : 0;
}

void turn_end(Request *request) {
        Manager *manager = request->manager;
        uint32_t uid = request->uid;
        unsigned asked, waiting;
        Request *next;

        if (!request->submit)
                return;
        leave(request);
        while (!manager->stopping && (next = count(manager, uid, &asked, &waiting)) && asked < ASKED_MAX) {
                int r = submit(next);

                if (r < 0) {
                        (void) request_unavailable(next->call, r);
                        (void) request_free(next);
                }
        }
}

/* Those that wait; what the store was asked for comes back from there. */
void turn_drop_peer(Manager *manager, const char *peer) {
        Request *next;

        for (Request *request = TAILQ_FIRST(&manager->turns); request; request = next) {
                next = TAILQ_NEXT(request, turn);
                if (request->has_turn || !streq(sd_bus_message_get_sender(request->call), peer))
                        continue;
                leave(request);
                (void) request_free(request);
        }
}

void turn_stop_all(Manager *manager) {
        Request *request;

        while ((request = TAILQ_FIRST(&manager->turns))) {
                leave(request);
                request_abandon(request);
        }
}
