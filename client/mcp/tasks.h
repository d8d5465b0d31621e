/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Methods of tasks, in both generations: as of 2025-11-25, and of the extension. See server.c. */

#include "exchange.h"

int tasks_get(Exchange *x, json_object *params);
int tasks_cancel(Exchange *x, json_object *params);
int tasks_update(Exchange *x, json_object *params); /* of the extension alone */
int tasks_result(Exchange *x, json_object *params); /* these of 2025-11-25 alone */
int tasks_list(Exchange *x, json_object *params);

/* Forgets what was sent without waiting for it. */
void tasks_clear(Mcp *mcp);
