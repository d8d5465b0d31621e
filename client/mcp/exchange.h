/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Requests of the client that are not answered yet, and what all of them share. An exchange ends with its answer, with
 * a notification that cancels it, or with the connection; what it waits for is freed with it, and jobs keep running. */

#include <sys/queue.h>

#include "client-bus.h"
#include "json-build.h"
#include "json-read.h"
#include "watch.h"
#include "wire.h"

#define MCP_VERSION "2026-07-28"        /* without a handshake */
#define MCP_VERSION_TASKS "2025-11-25"  /* the only one with tasks of its own, and the last with a handshake */
#define MCP_TASKS "io.modelcontextprotocol/tasks"

#define EXCHANGES_MAX 64
#define EXCHANGE_ID_MAX 256
#define SUBSCRIPTIONS_MAX 16

typedef struct Exchange Exchange;
typedef struct Subscription Subscription;
typedef struct TaskNotice TaskNotice;

typedef struct Mcp {
        Client *client; /* not owned */
        sd_event *event; /* not owned */
        Wire *wire;
        Watch *watch;
        bool read_only;      /* only tools that change nothing */
        uint64_t wait_usec;  /* the longest time until an answer */
        const char *legacy;  /* the version that initialize agreed on; NULL: none yet. Not owned. */
        json_object *tools;  /* as tools.json has them */
        LIST_HEAD(, Exchange) exchanges; /* the newest first */
        size_t n_exchanges;
        Subscription *subscriptions; /* see subscribe.h */
        size_t n_subscriptions;
        size_t n_listening; /* exchanges that are one */
        TaskNotice *notices; /* see task-notice.h */
        size_t n_notices;
        struct Errand *errands; /* see tasks.c */
} Mcp;

struct Exchange {
        Mcp *mcp; /* not owned */
        LIST_ENTRY(Exchange) entry;
        json_object *id;
        json_object *token; /* of progress; NULL: the client wants none */
        bool modern;        /* as of 2026-07-28 */
        bool tasks;         /* the answer may be a task, and modern methods of tasks may be called */
        void *work;         /* what it waits for */
        void (*work_free)(void *work);
};

/* Both objects are referenced. */
int exchange_new(Mcp *mcp, json_object *id, json_object *token, Exchange **ret);
Exchange *exchange_free(Exchange *x);

/* The exchange with this ID; NULL: none. */
Exchange *exchange_find(Mcp *mcp, json_object *id);

/* What it waited for before is freed. */
void exchange_set_work(Exchange *x, void *work, void (*work_free)(void *work));

/* These end the exchange, which must not be used any more. Members that every result of its version has are added. */
void exchange_answer(Exchange *x, json_object *result /* taken; NULL: there was no memory for it */);
void exchange_fail(Exchange *x, int code, const char *format, ...) _printf_(3, 4);
void exchange_fail_with(Exchange *x, int code, json_object *data /* taken */, const char *text);
void exchange_fail_errno(Exchange *x, int r);

/* The client did not say that it can do tasks. Returns 0, or -ENOMEM without ending the exchange. */
int exchange_fail_capability(Exchange *x);

/* With how long a client may keep the result, which only versions without a handshake say. Returns 0, or a negative
 * errno without ending the exchange. */
#define CACHE_LONG_MS 3600000U
int exchange_answer_for(Exchange *x, json_object *result /* taken */, uint64_t msec);

/* A tool did not do its work. The text says what to do. */
void exchange_refuse(Exchange *x, const char *format, ...) _printf_(2, 3);
void exchange_refuse_error(Exchange *x, const sd_bus_error *error);

/* Sends a notification. may_be_dropped: if the client does not read. */
void mcp_notify(Mcp *mcp, const char *method, json_object *params /* taken */, bool may_be_dropped);

/* An error without a request. */
void mcp_report(Mcp *mcp, int code, const char *text);

/* Ends the server: there is no memory for an answer, or the like. */
void mcp_fail(Mcp *mcp, int r);

/* {"type":"text","text":…} */
json_object *json_text_block(const char *text);
