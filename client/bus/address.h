/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Where the buses are. */

#include <systemd/sd-bus.h>

#include "remote.h"

/* Connects to the system bus or to the user's, of this host if remote is NULL, but waits for nothing. *ret_bridge, which may
 * be NULL afterwards, is the caller's in any case, and freed after the connection. The match rule of "Connected" of
 * org.freedesktop.DBus.Local is then served once the bus has accepted the connection. */
int bus_open(bool system, const Remote *remote, sd_bus **ret, Bridge **ret_bridge);

/* The address of another bus than the usual one, and the variable of the environment that gives it; NULL: none does. */
const char *bus_unusual_address(bool system, const char **ret_variable);

/* Why the bus closed a connection before it accepted it, in its own words. The caller frees it; NULL: it did not say. Waits
 * for the answer, a short time. */
char *bus_ask_refusal(bool system);
