/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "build-config.h"
#include "clean.h"
#include "exchange.h"
#include "text-new.h"

#define SERVER_INFO "io.modelcontextprotocol/serverInfo"
#define COMPLAINT_MAX 2048 /* bytes of what an error says */

json_object *json_text_block(const char *text) {
        _cleanup_json_ json_object *block = json_object_new_object();

        if (!block || json_add_string(block, "type", "text") < 0 || json_add_string(block, "text", text) < 0)
                return NULL;
        return TAKE_PTR(block);
}

/* ---- Sending ---- */

void mcp_fail(Mcp *mcp, int r) {
        client_stop(mcp->client, r, NULL);
}

/* An envelope with one member more, which is taken. */
static int send_message(Mcp *mcp, json_object *id, const char *name, json_object *value) {
        _cleanup_json_ json_object *message = json_object_new_object();
        int r = message ? json_add_string(message, "jsonrpc", "2.0") : -ENOMEM;

        if (r >= 0 && id)
                r = json_add(message, "id", json_object_get(id));
        if (r < 0) {
                (void) json_object_put(value);
                return r;
        }
        r = json_add(message, name, value);
        return r < 0 ? r : wire_send(mcp->wire, message, false);
}

static json_object *error_object(int code, const char *text, json_object *data) {
        _cleanup_json_ json_object *error = json_object_new_object();

        if (!error || json_add(error, "code", json_object_new_int(code)) < 0 ||
            json_add_string(error, "message", text) < 0) {
                (void) json_object_put(data);
                return NULL;
        }
        if (data && json_add(error, "data", data) < 0)
                return NULL;
        return TAKE_PTR(error);
}

void mcp_report(Mcp *mcp, int code, const char *text) {
        int r = send_message(mcp, NULL, "error", error_object(code, text, NULL));

        if (r < 0)
                mcp_fail(mcp, r);
}

void mcp_notify(Mcp *mcp, const char *method, json_object *params, bool may_be_dropped) {
        _cleanup_json_ json_object *message = json_object_new_object();
        int r = message ? 0 : -ENOMEM;

        if (r >= 0)
                r = json_add_string(message, "jsonrpc", "2.0");
        if (r >= 0)
                r = json_add_string(message, "method", method);
        if (r < 0)
                (void) json_object_put(params);
        else
                r = json_add(message, "params", params);
        if (r >= 0)
                r = wire_send(mcp->wire, message, may_be_dropped);
        if (r < 0)
                mcp_fail(mcp, r);
}

/* ---- Exchanges ---- */

int exchange_new(Mcp *mcp, json_object *id, json_object *token, Exchange **ret) {
        Exchange *x = malloc(sizeof(Exchange));

        if (!x)
                return -ENOMEM;
        *x = (Exchange) {
                .mcp = mcp,
                .id = json_object_get(id),
                .token = json_object_get(token),
        };
        LIST_INSERT_HEAD(&mcp->exchanges, x, entry);
        mcp->n_exchanges++;
        *ret = x;
        return 0;
}

Exchange *exchange_free(Exchange *x) {
        if (!x)
                return NULL;
        LIST_REMOVE(x, entry);
        x->mcp->n_exchanges--;
        exchange_set_work(x, NULL, NULL);
        (void) json_object_put(x->id);
        (void) json_object_put(x->token);
        free(x);
        return NULL;
}

Exchange *exchange_find(Mcp *mcp, json_object *id) {
        Exchange *x;

        LIST_FOREACH(x, &mcp->exchanges, entry)
                if (json_object_get_type(x->id) == json_object_get_type(id) && json_object_equal(x->id, id))
                        return x;
        return NULL;
}

void exchange_set_work(Exchange *x, void *work, void (*work_free)(void *work)) {
        void *before = x->work;

        x->work = NULL;
        if (before)
                x->work_free(before);
        x->work = work;
        x->work_free = work_free;
}

/* ---- Answers ---- */

static int add_server_info(json_object *meta) {
        _cleanup_json_ json_object *info = json_object_new_object();

        if (!info || json_add_string(info, "name", "codex-jobs") < 0 ||
            json_add_string(info, "version", PROJECT_VERSION) < 0)
                return -ENOMEM;
        return json_add(meta, SERVER_INFO, TAKE_PTR(info));
}

static int complete_result(json_object *result) {
        json_object *meta = json_member(result, "_meta", json_type_object);
        int r;

        if (!json_member(result, "resultType", json_type_string)) {
                r = json_add_string(result, "resultType", "complete");
                if (r < 0)
                        return r;
        }
        if (meta)
                return add_server_info(meta);
        meta = json_object_new_object();
        r = json_add(result, "_meta", meta);
        return r < 0 ? r : add_server_info(meta);
}

void exchange_answer(Exchange *x, json_object *result) {
        Mcp *mcp = x->mcp;
        int r = result ? 0 : -ENOMEM;

        if (r >= 0 && x->modern)
                r = complete_result(result);
        if (r < 0)
                (void) json_object_put(result);
        else
                r = send_message(mcp, x->id, "result", result);
        if (r < 0)
                mcp_fail(mcp, r);
        (void) exchange_free(x);
}

int exchange_answer_for(Exchange *x, json_object *result, uint64_t msec) {
        int r = 0;

        if (x->modern)
                r = json_add_number(result, "ttlMs", msec);
        if (x->modern && r >= 0)
                r = json_add_string(result, "cacheScope", "private");
        if (r < 0)
                (void) json_object_put(result);
        else
                exchange_answer(x, result);
        return r;
}

void exchange_fail_with(Exchange *x, int code, json_object *data, const char *text) {
        int r = send_message(x->mcp, x->id, "error", error_object(code, text, data));

        if (r < 0)
                mcp_fail(x->mcp, r);
        (void) exchange_free(x);
}

/* Names that the client chose may be in it, cut off within a character. NULL: out of memory. */
static char *complaint_new(const char *format, va_list ap) _printf_(1, 0);
static char *complaint_new(const char *format, va_list ap) {
        _cleanup_free_ char *text = text_new_v(format, ap);

        return text ? one_line_of_name(text, COMPLAINT_MAX) : NULL;
}

void exchange_fail(Exchange *x, int code, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = complaint_new(format, ap);
        va_end(ap);
        exchange_fail_with(x, code, NULL, text ?: "Out of memory");
}

int exchange_fail_capability(Exchange *x) {
        json_object *data = json_object_new_object(), *capabilities = NULL, *extensions = NULL;
        int r;

        if (!data)
                return -ENOMEM;
        r = json_add(data, "requiredCapabilities", capabilities = json_object_new_object());
        if (r >= 0)
                r = json_add(capabilities, "extensions", extensions = json_object_new_object());
        if (r >= 0)
                r = json_add(extensions, MCP_TASKS, json_object_new_object());
        if (r < 0)
                (void) json_object_put(data);
        else
                exchange_fail_with(x, CODE_CAPABILITY, data, "Missing required client capability");
        return r;
}

void exchange_fail_errno(Exchange *x, int r) {
        exchange_fail(x, CODE_INTERNAL, "Internal error: %s", strerror(-r));
}

static json_object *refusal(const char *text) {
        _cleanup_json_ json_object *result = json_object_new_object(), *content = json_object_new_array();

        if (!result || !content || json_append(content, json_text_block(text)) < 0 ||
            json_add(result, "content", TAKE_PTR(content)) < 0 || json_add_bool(result, "isError", true) < 0)
                return NULL;
        return TAKE_PTR(result);
}

void exchange_refuse(Exchange *x, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = complaint_new(format, ap);
        va_end(ap);
        exchange_answer(x, text ? refusal(text) : NULL);
}

/* The errors of the client name its commands and options; these, calls and arguments. */
void exchange_refuse_error(Exchange *x, const sd_bus_error *error) {
        static const struct {
                const char *cut; /* the advice, where it starts */
                const char *advice;
        } advices[] = {
                { " List your jobs with", " Find your jobs with list." },
                { " Choose another one with --cwd", " Give another directory." },
                { "This --key was", "This key was already used for a different request. Use a new key." },
                { " Give it as an argument", " Give one in 'prompt'." },
                { " Cancel jobs with", " Call cancel, or try again when some have ended." },
        };
        const char *message = strempty(error->message), *cut;

        for (size_t i = 0; i < ELEMENTSOF(advices); i++) {
                cut = strstr(message, advices[i].cut);
                if (!cut)
                        continue;
                exchange_refuse(x, "%.*s%s", (int) (cut - message), message, advices[i].advice);
                return;
        }
        exchange_refuse(x, "%s", *message ? message : strempty(error->name));
}
