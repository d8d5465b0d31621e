/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Messages of JSON-RPC, one a line, over two descriptors. Knows nothing of what they say. Nothing blocks: a client that
 * does not read is not served until it does. */

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "macro.h"

#define WIRE_LINE_MAX (4U << 20)   /* bytes of a message that is read */
#define WIRE_QUEUE_MAX (16U << 20) /* bytes that wait to be written */

/* Codes of JSON-RPC, and of the Model Context Protocol. */
enum {
        CODE_PARSE = -32700,
        CODE_REQUEST = -32600,
        CODE_METHOD = -32601,
        CODE_PARAMS = -32602,
        CODE_INTERNAL = -32603,
        CODE_NO_RESOURCE = -32002, /* before 2026-07-28 */
        CODE_CAPABILITY = -32021,
        CODE_VERSION = -32022,
};

typedef struct Wire Wire;

typedef struct WireEvents {
        void (*message)(json_object *message, void *userdata); /* an object, for the time of the call */
        void (*malformed)(int code, const char *text, void *userdata); /* a line that is none */
        /* Reading or writing has: 0: the other side closed it; else a negative errno. May be repeated. */
        void (*ended)(int r, bool writing, void *userdata);
        void *userdata; /* not owned */
} WireEvents;

/* The descriptors are not owned. */
int wire_new(sd_event *event, int in, int out, const WireEvents *events, Wire **ret);
Wire *wire_free(Wire *w);
DEFINE_CLEANUP(Wire *, wire_free);

/* Sends a message. One that may be dropped is if the other side does not read. Returns 0 or -ENOMEM. */
int wire_send(Wire *w, json_object *message, bool may_be_dropped);

/* What was read. For wire.c and tests. */
int wire_take(Wire *w, const char *data, size_t n);
