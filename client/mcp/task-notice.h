/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Notifications that a task has ended, to a client of 2025-11-25 that created it on this connection. They are a
 * courtesy: the client asks for the state, too. */

#include "exchange.h"

#define TASK_NOTICES_MAX 64 /* beyond, none is sent */

void task_notice_add(Mcp *mcp, const char *id);
void task_notices_clear(Mcp *mcp);
