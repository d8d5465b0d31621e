/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A server of the Model Context Protocol: jobs as tools, tasks and resources for a client that speaks JSON-RPC on two
 * descriptors. */

#include "exchange.h"

typedef struct ServerOptions {
        bool read_only;
        uint64_t wait_usec; /* the longest time until a call of a tool is answered */
        int in, out;        /* not owned */
} ServerOptions;

/* Serves until the client closes the connection or a signal ends the client. Returns 0, or a negative errno with error
 * set if there are details. */
int server_run(Client *c, const ServerOptions *options, sd_bus_error *error);

/* The parts, for tests: what is read is passed to wire_take(mcp->wire, …). */
int server_begin(Mcp *mcp, Client *c, const ServerOptions *options);
void server_clear(Mcp *mcp);
