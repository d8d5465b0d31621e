/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "event.h"
#include "macro.h"

#define DEPTH_MAX 256         /* results of tools are JSON of others */
#define LONG_MESSAGE_HEAD 256 /* bytes that include the type of the line */

/* The value of a key if object is one and the value of this type, else NULL. */
static json_object *get(json_object *object, const char *key, json_type type) {
        json_object *value;

        if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
                return NULL;
        return json_object_is_type(value, type) ? value : NULL;
}

static EventText get_text(json_object *object, const char *key) {
        json_object *value = get(object, key, json_type_string);

        if (!value)
                return (EventText) {};
        return (EventText) { json_object_get_string(value), (size_t) json_object_get_string_len(value) };
}

static uint64_t get_number(json_object *object, const char *key) {
        json_object *value = get(object, key, json_type_int);
        int64_t number = value ? json_object_get_int64(value) : 0;

        return number > 0 ? (uint64_t) number : 0;
}

/* ---- Items ---- */

static void read_plan(Event *e, json_object *item) {
        json_object *steps = get(item, "items", json_type_array);

        e->n_steps = steps ? json_object_array_length(steps) : 0;
        for (size_t i = 0; i < e->n_steps; i++) {
                json_object *done = get(json_object_array_get_idx(steps, i), "completed", json_type_boolean);

                e->n_steps_done += done && json_object_get_boolean(done) ? 1 : 0;
        }
}

static void read_status(Event *e, json_object *item) {
        json_object *code = get(item, "exit_code", json_type_int);
        const char *status = get_text(item, "status").s;

        e->has_exit_code = code;
        e->exit_code = code ? json_object_get_int(code) : 0;
        e->failed = status && (streq(status, "failed") || streq(status, "declined"));
}

static void read_item(Event *e, json_object *item) {
        static const struct {
                const char *name;
                ItemType type;
                const char *text; /* the key of what it cannot be without; NULL: none */
        } types[] = {
                { "agent_message", ITEM_MESSAGE, "text" },
                { "reasoning", ITEM_REASONING, "text" },
                { "command_execution", ITEM_COMMAND, "command" },
                { "file_change", ITEM_EDIT, NULL },
                { "mcp_tool_call", ITEM_TOOL, "tool" },
                { "collab_tool_call", ITEM_AGENT, "tool" },
                { "web_search", ITEM_SEARCH, "query" },
                { "todo_list", ITEM_PLAN, NULL },
                { "error", ITEM_WARNING, "message" },
        };
        const char *type = get_text(item, "type").s;

        e->id = get_text(item, "id").s;
        for (size_t i = 0; type && i < ELEMENTSOF(types); i++) {
                if (!streq(type, types[i].name))
                        continue;
                e->item = types[i].type;
                if (!types[i].text)
                        break;
                e->text = get_text(item, types[i].text);
                if (!e->text.s)
                        e->item = ITEM_NONE;
                break;
        }
        e->server = get_text(item, "server");
        read_status(e, item);
        if (e->item == ITEM_PLAN)
                read_plan(e, item);
        if (e->item == ITEM_EDIT)
                e->changes = get(item, "changes", json_type_array);
}

/* ---- Events ---- */

static void read_usage(Event *e) {
        json_object *usage = get(e->root, "usage", json_type_object);

        e->usage = (TokenUsage) {
                .input = get_number(usage, "input_tokens"),
                .cached_input = get_number(usage, "cached_input_tokens"),
                .output = get_number(usage, "output_tokens"),
                .reasoning_output = get_number(usage, "reasoning_output_tokens"),
        };
}

static EventType event_type(json_object *root) {
        static const struct {
                const char *name;
                EventType type;
        } types[] = {
                { "thread.started", EVENT_THREAD_STARTED }, { "turn.started", EVENT_TURN_STARTED },
                { "turn.completed", EVENT_TURN_COMPLETED }, { "turn.failed", EVENT_TURN_FAILED },
                { "error", EVENT_ERROR },                   { "item.started", EVENT_ITEM_STARTED },
                { "item.updated", EVENT_ITEM_UPDATED },     { "item.completed", EVENT_ITEM_COMPLETED },
        };
        const char *name = get_text(root, "type").s;

        for (size_t i = 0; name && i < ELEMENTSOF(types); i++)
                if (streq(name, types[i].name))
                        return types[i].type;
        return EVENT_UNKNOWN;
}

static void read_event(Event *e) {
        json_object *item = get(e->root, "item", json_type_object);

        e->type = event_type(e->root);
        switch (e->type) {
        case EVENT_THREAD_STARTED:
                e->text = get_text(e->root, "thread_id");
                break;
        case EVENT_ERROR:
                e->text = get_text(e->root, "message");
                break;
        case EVENT_TURN_FAILED:
                e->text = get_text(get(e->root, "error", json_type_object), "message");
                break;
        case EVENT_TURN_COMPLETED:
                read_usage(e);
                break;
        case EVENT_ITEM_STARTED:
        case EVENT_ITEM_UPDATED:
        case EVENT_ITEM_COMPLETED:
                if (item)
                        read_item(e, item);
                if (e->item == ITEM_NONE)
                        e->type = EVENT_UNKNOWN;
                break;
        default:
                break;
        }
}

int event_read(const char *line, size_t n, Event *ret) {
        struct json_tokener *tokener;
        Event e = {};

        if (n > INT32_MAX)
                return -EBADMSG;
        tokener = json_tokener_new_ex(DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        e.root = json_tokener_parse_ex(tokener, line, (int) n);
        json_tokener_free(tokener);
        if (!json_object_is_type(e.root, json_type_object)) {
                json_object_put(e.root);
                return -EBADMSG;
        }
        read_event(&e);
        *ret = e;
        return 0;
}

void event_clear(Event *e) {
        json_object_put(e->root);
        *e = (Event) {};
}

size_t event_n_changes(const Event *e) {
        return e->changes ? json_object_array_length(e->changes) : 0;
}

void event_change(const Event *e, size_t i, const char **ret_path, const char **ret_kind) {
        json_object *change = json_object_array_get_idx(e->changes, i);

        *ret_path = get_text(change, "path").s;
        *ret_kind = get_text(change, "kind").s;
}

bool event_is_long_message(const char *line, size_t n) {
        static const char type[] = "\"agent_message\"";

        return memmem(line, MIN(n, (size_t) LONG_MESSAGE_HEAD), type, sizeof(type) - 1);
}
