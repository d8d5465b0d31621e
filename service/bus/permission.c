/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "permission.h"
#include "request.h"

#define WAITING_MAX 1024U /* of a user */

/* About a connection. */
typedef struct Question {
        Manager *manager;
        char peer[]; /* its unique name */
} Question;

static const char *peer_of(const Request *request) {
        return sd_bus_message_get_sender(request->call);
}

static Request *find_waiting(Manager *manager, const char *peer) {
        Request *request;

        TAILQ_FOREACH(request, &manager->permissions, permission)
                if (streq(peer_of(request), peer))
                        return request;
        return NULL;
}

static unsigned count_waiting(const Manager *manager, uint32_t uid) {
        const Request *request;
        unsigned n = 0;

        TAILQ_FOREACH(request, &manager->permissions, permission)
                n += request->uid == uid;
        return n;
}

static void refuse(Request *request) {
        (void) sd_bus_reply_method_errorf(request->call, JOBS_ERROR_NOT_PERMITTED,
                                          "Not authorized to run background jobs on this host (polkit action %s).", POLKIT_ENQUEUE);
        (void) request_free(request);
}

static void on_answer(PolkitAnswer answer, void *userdata) {
        _cleanup_free_ Question *question = userdata;
        Manager *manager = question->manager;
        bool allowed = answer != POLKIT_DENIED;
        Request *request;

        manager->polkit_absent = answer == POLKIT_ABSENT;
        authorize_set_permission(manager->authorize, question->peer, allowed ? PERMISSION_GIVEN : PERMISSION_UNKNOWN);
        while ((request = find_waiting(manager, question->peer))) {
                TAILQ_REMOVE(&manager->permissions, request, permission);
                if (allowed)
                        request_go_on(request);
                else
                        refuse(request);
        }
}

static int ask(Request *request) {
        Manager *manager = request->manager;
        _cleanup_free_ Question *question = NULL;
        const char *peer = peer_of(request);
        size_t size = strlen(peer) + 1;
        int r;

        question = malloc(sizeof(*question) + size);
        if (!question)
                return -ENOMEM;
        question->manager = manager;
        memcpy(question->peer, peer, size);
        r = polkit_check(manager->polkit, request->call, request->uid, POLKIT_ENQUEUE, on_answer, question, free);
        if (r < 0)
                return r;
        TAKE_PTR(question);
        authorize_set_permission(manager->authorize, peer, PERMISSION_ASKED);
        return 0;
}

int permission_ask(Request *request, int (*next)(Request *request)) {
        Manager *manager = request->manager;
        Permission permission;
        int r = 0;

        if (!manager->system_scope || manager->polkit_absent || request->uid == 0)
                return next(request);
        permission = authorize_get_permission(manager->authorize, peer_of(request));
        if (permission == PERMISSION_GIVEN)
                return next(request);
        if (count_waiting(manager, request->uid) >= WAITING_MAX)
                return -EUSERS;
        if (permission == PERMISSION_UNKNOWN)
                r = ask(request);
        if (r < 0)
                return r;
        request->next = next;
        TAILQ_INSERT_TAIL(&manager->permissions, request, permission);
        return 0;
}

void permission_drop_peer(Manager *manager, const char *peer) {
        Request *request;

        while ((request = find_waiting(manager, peer))) {
                TAILQ_REMOVE(&manager->permissions, request, permission);
                (void) request_free(request);
        }
}

void permission_stop_all(Manager *manager) {
        Request *request;

        while ((request = TAILQ_FIRST(&manager->permissions))) {
                TAILQ_REMOVE(&manager->permissions, request, permission);
                request_abandon(request);
        }
}
