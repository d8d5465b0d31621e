/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A line of output of `codex exec --json`. Only this module knows its JSON. Unknown events, items and fields are
 * ignored. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum EventType {
        EVENT_UNKNOWN,
        EVENT_THREAD_STARTED, /* text: the thread's id */
        EVENT_TURN_STARTED,
        EVENT_TURN_COMPLETED, /* usage */
        EVENT_TURN_FAILED,    /* text: why */
        EVENT_ERROR,          /* text; also reports attempts to reconnect, which are not final */
        EVENT_ITEM_STARTED,
        EVENT_ITEM_UPDATED,
        EVENT_ITEM_COMPLETED,
} EventType;

typedef enum ItemType {
        ITEM_NONE,
        ITEM_MESSAGE,   /* text; the last one of a turn is its answer */
        ITEM_REASONING, /* text */
        ITEM_COMMAND,   /* text: the command; exit_code */
        ITEM_EDIT,      /* changes */
        ITEM_TOOL,      /* text: its name; server */
        ITEM_AGENT,     /* text: what is done with another agent */
        ITEM_SEARCH,    /* text: the query */
        ITEM_PLAN,      /* n_steps, n_steps_done */
        ITEM_WARNING,   /* text */
} ItemType;

/* n bytes, followed by a NUL, perhaps with others among them; s is NULL without text. */
typedef struct EventText {
        const char *s;
        size_t n;
} EventText;

typedef struct TokenUsage {
        uint64_t input;
        uint64_t cached_input;
        uint64_t output;
        uint64_t reasoning_output;
} TokenUsage;

typedef struct Event {
        EventType type;
        ItemType item; /* of item events */
        const char *id; /* of an item; NULL: none */
        EventText text;
        EventText server;
        bool failed; /* an item's status */
        bool has_exit_code;
        int exit_code;
        TokenUsage usage;
        size_t n_steps, n_steps_done;
        json_object *changes; /* an array, or NULL: see event_change() */
        json_object *root;    /* owns the strings above */
} Event;

/* Reads a line into ret, which the caller clears. What it does not know is EVENT_UNKNOWN. Returns 0,
 * -EBADMSG when the line is no JSON object, -ENOMEM. */
int event_read(const char *line, size_t n, Event *ret);
void event_clear(Event *event);
#define _cleanup_event_ _cleanup_(event_clear)

/* How many files an edit changes, and one of them. A path or a kind (add, update, delete) may be NULL. */
size_t event_n_changes(const Event *event);
void event_change(const Event *event, size_t i, const char **ret_path, const char **ret_kind);

/* Whether the beginning of a line that was too long is that of a message of Codex. */
bool event_is_long_message(const char *line, size_t n);
