/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Notifications of jobs that a client has asked for: of resources, by URI, in all versions; of tasks, in 2026-07-28. */

#include "exchange.h"

/* Methods, see server.c. */
int resources_subscribe(Exchange *x, json_object *params);
int resources_unsubscribe(Exchange *x, json_object *params);
int subscriptions_listen(Exchange *x, json_object *params);

void subscriptions_clear(Mcp *mcp);
