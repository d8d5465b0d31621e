/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job may use, as the service manager knows it while its unit is there. */

#include "client-bus.h"

typedef struct UnitLimits {
        uint64_t runtime_max_usec; /* UINT64_MAX: no limit or not known; likewise these */
        uint64_t memory_max;
        uint64_t tasks_max;
        uint64_t cpu_weight;
        bool read_only;
} UnitLimits;

#define UNIT_LIMITS_NONE \
        (UnitLimits) { .runtime_max_usec = UINT64_MAX, .memory_max = UINT64_MAX, .tasks_max = UINT64_MAX, \
                       .cpu_weight = UINT64_MAX }

/* Asks for those of a job that runs. What cannot be told, or what units have without being given it, is no limit. */
void unit_limits_read(Client *c, const char *id, UnitLimits *ret);
