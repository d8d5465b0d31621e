/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The tools: their list, and calls of them. */

#include "exchange.h"

/* Methods, see server.c. */
int tools_list(Exchange *x, json_object *params);
int tools_call(Exchange *x, json_object *params);

/* Reads tools.json, which is part of the program. Returns 0 or -ENOMEM. */
int tools_load(json_object **ret);
