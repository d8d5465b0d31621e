/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "permission.h"
#include "request.h"

#define WAITING_MAX 1024U /* of a user */

/* About a connection. */
typedef struct Question {
        Service *service;
        char peer[]; /* its unique name */
} Question;

static const char *peer_of(const Request *request) {
        return sd_bus_message_get_sender(request->call);
}

static Request *find_waiting(Service *service, const char *peer) {
        Request *request;

        TAILQ_FOREACH(request, &service->permissions, permission)
                if (streq(peer_of(request), peer))
                        return request;
        return NULL;
}

static unsigned count_waiting(const Service *service, uint32_t uid) {
        const Request *request;
        unsigned n = 0;

        TAILQ_FOREACH(request, &service->permissions, permission)
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
        Service *service = question->service;
        bool allowed = answer != POLKIT_DENIED;
        Request *request;

        service->polkit_absent = answer == POLKIT_ABSENT;
        authorize_set_permission(service->authorize, question->peer, allowed ? PERMISSION_GIVEN : PERMISSION_UNKNOWN);
        while ((request = find_waiting(service, question->peer))) {
                TAILQ_REMOVE(&service->permissions, request, permission);
                if (allowed)
                        request_go_on(request);
                else
                        refuse(request);
        }
}

static int ask(Request *request) {
        Service *service = request->service;
        _cleanup_free_ Question *question = NULL;
        const char *peer = peer_of(request);
        size_t size = strlen(peer) + 1;
        int r;

        question = malloc(sizeof(*question) + size);
        if (!question)
                return -ENOMEM;
        question->service = service;
        memcpy(question->peer, peer, size);
        r = polkit_check(service->polkit, request->call, request->uid, POLKIT_ENQUEUE, on_answer, question, free);
        if (r < 0)
                return r;
        TAKE_PTR(question);
        authorize_set_permission(service->authorize, peer, PERMISSION_ASKED);
        return 0;
}

int permission_ask(Request *request, int (*next)(Request *request)) {
        Service *service = request->service;
        Permission permission;
        int r = 0;

        if (!service->core->system_scope || service->polkit_absent || request->uid == 0)
                return next(request);
        permission = authorize_get_permission(service->authorize, peer_of(request));
        if (permission == PERMISSION_GIVEN)
                return next(request);
        if (count_waiting(service, request->uid) >= WAITING_MAX)
                return -EUSERS;
        if (permission == PERMISSION_UNKNOWN)
                r = ask(request);
        if (r < 0)
                return r;
        request->next = next;
        TAILQ_INSERT_TAIL(&service->permissions, request, permission);
        return 0;
}

void permission_drop_peer(Service *service, const char *peer) {
        Request *request;

        while ((request = find_waiting(service, peer))) {
                TAILQ_REMOVE(&service->permissions, request, permission);
                (void) request_free(request);
        }
}

void permission_stop_all(Service *service) {
        Request *request;

        while ((request = TAILQ_FIRST(&service->permissions))) {
                TAILQ_REMOVE(&service->permissions, request, permission);
                request_abandon(request);
        }
}
