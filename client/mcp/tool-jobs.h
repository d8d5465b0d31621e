/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The tools. Each takes arguments that are as its schema says, and answers the exchange at once or later. Returns 0, or
 * a negative errno if the exchange is not answered and will not be. */

#include "exchange.h"

int tool_run(Exchange *x, json_object *arguments);
int tool_task(Exchange *x, json_object *arguments);
int tool_await(Exchange *x, json_object *arguments);
int tool_list(Exchange *x, json_object *arguments);
int tool_output(Exchange *x, json_object *arguments);
int tool_cancel(Exchange *x, json_object *arguments);
