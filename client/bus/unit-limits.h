/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job may use, as the service manager knows it while its unit is there. */

#include "client-bus.h"
#include "job-limits.h"

/* Asks for those of a job that runs. What cannot be told, or what units have without being given it, is 0. */
void unit_limits_read(Client *c, const char *id, JobLimits *ret);
