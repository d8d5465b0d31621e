/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Events of Codex as it prints them, and a turn that takes them in. */

#include "event.h"
#include "test.h"
#include "turn.h"

#define THREAD "01a202e5-af54-7291-8df6-47733f72365c"
#define BEGIN "{\"type\":\"thread.started\",\"thread_id\":\"" THREAD "\"}", "{\"type\":\"turn.started\"}"
#define COMPLETED "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":2}}"
#define FAILED(why) "{\"type\":\"turn.failed\",\"error\":{\"message\":\"" why "\"}}"

#define ITEM(when, id, type, rest) \
        "{\"type\":\"item." when "\",\"item\":{\"id\":\"" id "\",\"type\":\"" type "\"," rest "}}"
#define MESSAGE(text) ITEM("completed", "m", "agent_message", "\"text\":\"" text "\"")
#define COMMAND(when, id, rest) ITEM(when, id, "command_execution", rest)
#define EDIT(when, path, kind, status)                \
        ITEM(when, "e", "file_change",                \
             "\"changes\":[{\"path\":\"" path "\",\"kind\":\"" kind "\"}],\"status\":\"" status "\"")

/* A list of lines that ends with NULL; one second after the other. */
static inline void feed(Turn *turn, const char *const *lines) {
        for (uint64_t now = 1000000; *lines; lines++, now += 1000000) {
                _cleanup_event_ Event event = {};

                check_ok(event_read(*lines, strlen(*lines), &event));
                check_ok(turn_event(turn, &event, now));
        }
}
#define FEED(turn, ...) feed(turn, (const char *const[]) { __VA_ARGS__, NULL })

#define _cleanup_turn_ _cleanup_(turn_clear)
