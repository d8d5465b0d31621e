/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The limits of a job, as the service manager knows them while its unit is loaded. */

#include "client-bus.h"
#include "job-limits.h"

/* Reads those of a running job. Unknown limits and defaults of units are 0. */
void unit_limits_read(Client *c, const char *id, JobLimits *ret);
