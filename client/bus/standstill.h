/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Why the service of this host does not start, as far as its unit shows. */

#include <stdbool.h>

typedef enum Standstill {
        STANDSTILL_UNKNOWN,
        STANDSTILL_MASKED,
        STANDSTILL_NEWER_STORE,  /* a newer version wrote the database */
        STANDSTILL_NAME_REFUSED, /* by a policy of the bus */
        STANDSTILL_NO_PROGRAM,   /* or it lacks a library */
} Standstill;

/* Both wait for the answer of the service manager, a short time. */
Standstill standstill_ask(bool system);

/* What the service waits for, such as its database, in its own words. The caller frees it; NULL: nothing, or not known. */
char *standstill_status(bool system);
