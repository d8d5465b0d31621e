/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Where the buses are. */

#include <systemd/sd-bus.h>

#include "macro.h"

/* Connects to the system bus or to the user's, but waits for nothing. The match rule of "Connected" of
 * org.freedesktop.DBus.Local is then served once the bus has accepted the connection. */
int bus_open(bool system, sd_bus **ret);

/* Why the bus closed a connection before it accepted it, in its own words. The caller frees it; NULL: it did not say. Waits
 * for the answer, a short time. */
char *bus_ask_refusal(bool system);
