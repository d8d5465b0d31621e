/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "arguments.h"
#include "clean.h"
#include "tool-jobs.h"
#include "tool.h"
#include "tools.inc"

#define NAME_MAX_SHOWN 64

static const struct {
        const char *name;
        int (*call)(Exchange *x, json_object *arguments);
        bool may_be_task;
        bool is_plain; /* its result is text, without structure */
} tools[] = {
        { "run", tool_run, .may_be_task = true },
        { "task", tool_task, .may_be_task = true },
        { "await", tool_await },
        { "list", tool_list },
        { "output", tool_output, .is_plain = true },
        { "cancel", tool_cancel },
};

/* Of all tools that return jobs. Short: the model of some clients reads it. */
static const char output_schema[] =
        "{\"type\":\"object\",\"required\":[\"done\",\"jobs\",\"next\"],\"properties\":{"
        "\"done\":{\"type\":\"boolean\"},"
        "\"jobs\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\",\"state\"]}},"
        "\"next\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}";

/* ---- The list ---- */

static ssize_t find_row(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(tools); i++)
                if (streq(tools[i].name, name))
                        return (ssize_t) i;
        return -1;
}

int tools_load(json_object **ret) {
        _cleanup_json_ json_object *list = json_tokener_parse(tools_json);

        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                json_object *tool = json_object_array_get_idx(list, i);
                ssize_t row = find_row(json_text(tool, "name"));

                if (row < 0)
                        return -EBADMSG;
                if (!tools[row].is_plain && json_add(tool, "outputSchema", json_tokener_parse(output_schema)) < 0)
                        return -ENOMEM;
        }
        if (!list)
                return -ENOMEM;
        *ret = TAKE_PTR(list);
        return 0;
}

static bool changes_nothing(json_object *tool) {
        json_object *annotations = json_member(tool, "annotations", json_type_object);

        return json_is_true(annotations, "readOnlyHint");
}

/* Clients of the version that has it must not ask for a task of others. */
static int add_execution(json_object *tool) {
        json_object *execution = json_object_new_object();
        int r = json_add(tool, "execution", execution);

        return r < 0 ? r : json_add_string(execution, "taskSupport", "optional");
}

static int append_tool(json_object *list, json_object *tool, bool with_execution) {
        json_object *copy = NULL;
        int r;

        if (!with_execution || !tools[find_row(json_text(tool, "name"))].may_be_task)
                return json_append(list, json_object_get(tool));
        if (json_object_deep_copy(tool, &copy, NULL) < 0)
                return -ENOMEM;
        r = json_append(list, copy);
        return r < 0 ? r : add_execution(copy);
}

static bool has_legacy_tasks(const Exchange *x) {
        return !x->modern && x->mcp->legacy && streq(x->mcp->legacy, MCP_VERSION_TASKS);
}

int tools_list(Exchange *x, json_object *params) {
        _cleanup_json_ json_object *result = json_object_new_object(), *list = json_object_new_array();
        json_object *all = x->mcp->tools;
        int r = result && list ? 0 : -ENOMEM;

        for (size_t i = 0; i < json_object_array_length(all) && r >= 0; i++)
                if (!x->mcp->read_only || changes_nothing(json_object_array_get_idx(all, i)))
                        r = append_tool(list, json_object_array_get_idx(all, i), has_legacy_tasks(x));
        if (r >= 0)
                r = json_add(result, "tools", TAKE_PTR(list));
        return r < 0 ? r : exchange_answer_for(x, TAKE_PTR(result), CACHE_LONG_MS);
}

/* ---- Calls ---- */

static json_object *find_tool(const Mcp *mcp, const char *name) {
        for (size_t i = 0; i < json_object_array_length(mcp->tools); i++) {
                json_object *tool = json_object_array_get_idx(mcp->tools, i);

                if (streq(json_text(tool, "name"), name))
                        return !mcp->read_only || changes_nothing(tool) ? tool : NULL;
        }
        return NULL;
}

static int unknown_tool(Exchange *x, const char *name) {
        _cleanup_free_ char *shown = one_line_of_name(name, NAME_MAX_SHOWN);

        exchange_fail(x, CODE_PARAMS, "Unknown tool '%s'", strempty(shown));
        return 0;
}

static int check(Exchange *x, json_object *tool, json_object *arguments) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = arguments_check(json_member(tool, "inputSchema", json_type_object), arguments, &text);
        if (r != -EINVAL)
                return r;
        exchange_refuse(x, "%s", text);
        return 1;
}

/* A task was asked for, as before 2026-07-28. Returns 1 after answering that it cannot be. */
static int check_task(Exchange *x, json_object *params, bool may_be_task) {
        if (!has_legacy_tasks(x) || !json_object_object_get_ex(params, "task", NULL))
                return 0;
        if (!may_be_task) {
                exchange_fail(x, CODE_METHOD, "The tool cannot be called as a task");
                return 1;
        }
        x->tasks = true;
        return 0;
}

int tools_call(Exchange *x, json_object *params) {
        const char *name = json_text(params, "name");
        json_object *given = json_member(params, "arguments", json_type_object), *any, *tool;
        _cleanup_json_ json_object *arguments = NULL;
        ssize_t row;
        int r;

        if (!name) {
                exchange_fail(x, CODE_PARAMS, "Missing name of the tool");
                return 0;
        }
        tool = find_tool(x->mcp, name);
        if (!tool)
                return unknown_tool(x, name);
        if (!given && json_object_object_get_ex(params, "arguments", &any) && any) {
                exchange_fail(x, CODE_PARAMS, "The arguments of a tool must be an object");
                return 0;
        }
        row = find_row(name);
        r = check_task(x, params, tools[row].may_be_task);
        if (r != 0)
                return MIN(r, 0);
        arguments = given ? json_object_get(given) : json_object_new_object();
        r = arguments ? check(x, tool, arguments) : -ENOMEM;
        return r != 0 ? MIN(r, 0) : tools[row].call(x, arguments);
}
