/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "era.h"
#include "resources.h"
#include "say.h"
#include "server.h"
#include "subscribe.h"
#include "task-notice.h"
#include "tasks.h"
#include "tool.h"

#define METHOD_MAX_SHOWN 64

typedef enum MethodEra {
        ERA_BOTH,
        ERA_LEGACY, /* after initialize, or it */
        ERA_MODERN,
        ERA_TASKS,     /* after initialize with 2025-11-25 */
        ERA_EXTENSION, /* of tasks. Both: not if all tools change nothing, since they start no jobs */
} MethodEra;

static const struct {
        const char *name;
        MethodEra era;
        int (*call)(Exchange *x, json_object *params); /* answers, at once or later; or a negative errno */
} methods[] = {
        { "initialize", ERA_LEGACY, era_initialize },
        { "ping", ERA_LEGACY, era_ping },
        { "server/discover", ERA_MODERN, era_discover },
        { "prompts/list", ERA_BOTH, era_prompts },
        { "tools/list", ERA_BOTH, tools_list },
        { "tools/call", ERA_BOTH, tools_call },
        { "resources/list", ERA_BOTH, resources_list },
        { "resources/templates/list", ERA_BOTH, resources_templates },
        { "resources/read", ERA_BOTH, resources_read },
        { "resources/subscribe", ERA_LEGACY, resources_subscribe },
        { "resources/unsubscribe", ERA_LEGACY, resources_unsubscribe },
        { "subscriptions/listen", ERA_MODERN, subscriptions_listen },
        { "tasks/get", ERA_EXTENSION, tasks_get },
        { "tasks/get", ERA_TASKS, tasks_get },
        { "tasks/cancel", ERA_EXTENSION, tasks_cancel },
        { "tasks/cancel", ERA_TASKS, tasks_cancel },
        { "tasks/update", ERA_EXTENSION, tasks_update },
        { "tasks/result", ERA_TASKS, tasks_result },
        { "tasks/list", ERA_TASKS, tasks_list },
};

/* ---- Requests ---- */

static bool is_of_era(const Exchange *x, MethodEra era) {
        switch (era) {
        case ERA_BOTH:
                return true;
        case ERA_MODERN:
                return x->modern;
        case ERA_TASKS:
                return !x->modern && !x->mcp->read_only && x->mcp->legacy && streq(x->mcp->legacy, MCP_VERSION_TASKS);
        case ERA_EXTENSION:
                return x->modern && !x->mcp->read_only;
        default:
                return !x->modern;
        }
}

/* Too many jobs are watched. A tool says so in its result. */
static void refuse_watching(Exchange *x, const char *method) {
        static const char text[] = "This server already waits for %u jobs. Wait for fewer at a time.";

        if (streq(method, "tools/call"))
                exchange_refuse(x, text, WATCHERS_MAX);
        else
                exchange_fail(x, CODE_INTERNAL, text, WATCHERS_MAX);
}

static void dispatch(Exchange *x, const char *method, json_object *params) {
        _cleanup_free_ char *shown = NULL;
        int r;

        if (!era_read(x, method, params))
                return;
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                if (!streq(methods[i].name, method) || !is_of_era(x, methods[i].era))
                        continue;
                r = methods[i].call(x, params);
                if (r == -E2BIG)
                        refuse_watching(x, method);
                else if (r < 0)
                        exchange_fail_errno(x, r);
                return;
        }
        shown = one_line_of_name(method, METHOD_MAX_SHOWN);
        exchange_fail(x, CODE_METHOD, "Unknown method '%s'", strempty(shown));
}

/* The ends of the range stand for all numbers beyond it, too. */
static bool is_id(json_object *id) {
        if (json_object_is_type(id, json_type_string))
                return json_object_get_string_len(id) <= EXCHANGE_ID_MAX;
        return json_object_is_type(id, json_type_int) && json_object_get_int64(id) > INT64_MIN &&
                json_object_get_int64(id) < INT64_MAX;
}

/* The answer to a request that is none, with its ID if that can be one. */
static void refuse(Mcp *mcp, json_object *id, int code, const char *text) {
        Exchange *x;
        int r;

        if (!is_id(id) || exchange_find(mcp, id)) {
                mcp_report(mcp, code, text);
                return;
        }
        r = exchange_new(mcp, id, NULL, &x);
        if (r < 0)
                mcp_fail(mcp, r);
        else
                exchange_fail(x, code, "%s", text);
}

static void take_request(Mcp *mcp, json_object *id, const char *method, json_object *params) {
        json_object *token = NULL;
        Exchange *x;
        int r;

        if (!is_id(id)) {
                mcp_report(mcp, CODE_REQUEST, "The id must be an integer or a text of at most 256 bytes");
                return;
        }
        if (exchange_find(mcp, id)) {
                mcp_report(mcp, CODE_REQUEST, "The id is that of a request that is not answered yet");
                return;
        }
        if (mcp->n_exchanges - mcp->n_listening >= EXCHANGES_MAX) {
                refuse(mcp, id, CODE_INTERNAL, "64 requests are not answered yet: wait for one of them");
                return;
        }
        (void) json_object_object_get_ex(json_member(params, "_meta", json_type_object), "progressToken", &token);
        r = exchange_new(mcp, id, is_id(token) ? token : NULL, &x);
        if (r < 0)
                mcp_fail(mcp, r);
        else
                dispatch(x, method, params);
}

/* ---- Notifications ---- */

static void take_notification(Mcp *mcp, const char *method, json_object *params) {
        json_object *id = NULL;

        if (!streq(method, "notifications/cancelled") || !json_object_object_get_ex(params, "requestId", &id) ||
            !is_id(id))
                return;
        (void) exchange_free(exchange_find(mcp, id)); /* nothing more is sent for it; what it started goes on */
}

/* ---- The wire ---- */

static void on_message(json_object *message, void *userdata) {
        const char *version = json_text(message, "jsonrpc"), *method = json_text(message, "method");
        json_object *id = NULL, *params = NULL, *any = NULL;
        bool has_id = json_object_object_get_ex(message, "id", &id);
        Mcp *mcp = userdata;

        if (!version || !streq(version, "2.0")) {
                refuse(mcp, id, CODE_REQUEST, "Not a message of JSON-RPC 2.0");
                return;
        }
        if (!method &&
            (json_object_object_get_ex(message, "result", NULL) || json_object_object_get_ex(message, "error", NULL)))
                return; /* an answer; nothing was asked */
        if (!method) {
                refuse(mcp, id, CODE_REQUEST, "Missing method");
                return;
        }
        params = json_member(message, "params", json_type_object);
        if (!params && json_object_object_get_ex(message, "params", &any)) {
                if (has_id)
                        refuse(mcp, id, CODE_PARAMS, "The params must be an object");
                return;
        }
        if (has_id)
                take_request(mcp, id, method, params);
        else
                take_notification(mcp, method, params);
}

static void on_malformed(int code, const char *text, void *userdata) {
        mcp_report(userdata, code, text);
}

/* A client that went away is the usual end. */
static void on_ended(int r, bool writing, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = {};
        Mcp *mcp = userdata;

        if (r == 0 || r == -EPIPE || r == -ECONNRESET)
                mcp_fail(mcp, -EPIPE);
        else if (r == -ENOMEM || r == -ENOBUFS)
                mcp_fail(mcp, r);
        else
                client_stop(mcp->client,
                            error_set(&error, "Failed to %s: %s.",
                                      writing ? "write to standard output" : "read from standard input", strerror(-r)),
                            &error);
}

/* ---- The server ---- */

int server_begin(Mcp *mcp, Client *c, const ServerOptions *options) {
        int r;

        *mcp = (Mcp) {
                .client = c,
                .event = client_event(c),
                .read_only = options->read_only,
                .wait_usec = options->wait_usec,
        };
        r = tools_load(&mcp->tools);
        if (r >= 0)
                r = watch_new(c, &mcp->watch);
        return r < 0 ? r : wire_new(mcp->event, options->in, options->out,
                                    &(const WireEvents) {
                                            .message = on_message,
                                            .malformed = on_malformed,
                                            .ended = on_ended,
                                            .userdata = mcp,
                                    },
                                    &mcp->wire);
}

void server_clear(Mcp *mcp) {
        while (!LIST_EMPTY(&mcp->exchanges))
                (void) exchange_free(LIST_FIRST(&mcp->exchanges));
        subscriptions_clear(mcp);
        tasks_clear(mcp);
        task_notices_clear(mcp);
        (void) watch_free(mcp->watch);
        (void) wire_free(mcp->wire);
        (void) json_object_put(mcp->tools);
}

int server_run(Client *c, const ServerOptions *options, sd_bus_error *error) {
        Mcp mcp;
        int r;

        r = server_begin(&mcp, c, options);
        while (r >= 0)
                r = client_iterate(c, error);
        server_clear(&mcp);
        if (r == -ENOBUFS)
                return error_set(error, "The client does not read: %u MiB wait for it.", WIRE_QUEUE_MAX >> 20);
        return r == -EPIPE || r == -EINTR ? 0 : r;
}
