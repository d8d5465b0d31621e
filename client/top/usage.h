/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Current resource usage of the control group of a job. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct Usage {
        sd_bus_slot *slot; /* asks the service manager for the control group */
        char *group;       /* NULL: unknown */

        bool has_cpu, has_memory;
        uint64_t cpu_percent; /* of one processor, since the last reading */
        uint64_t memory;      /* bytes */

        uint64_t cpu_usec, read_usec; /* of the last reading; read_usec is 0 before the first */
} Usage;

void usage_clear(Usage *u);

/* Reads it again. The bus is that of the service manager, which is asked asynchronously if the control group is
 * unknown; NULL: not now. started_usec is CLOCK_REALTIME. The usage must not move until it is cleared. */
void usage_read(Usage *u, sd_bus *bus, const char *id, uint64_t started_usec);
