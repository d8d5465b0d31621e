/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Versions of the protocol: those with a handshake, and 2026-07-28, where each request says what it needs. */

#include "exchange.h"

/* Methods, see server.c. */
int era_initialize(Exchange *x, json_object *params);
int era_discover(Exchange *x, json_object *params);
int era_ping(Exchange *x, json_object *params);
int era_prompts(Exchange *x, json_object *params);

/* Finds the version of a request. Returns whether the request may go on; else it has been answered. */
bool era_read(Exchange *x, const char *method, json_object *params);
