/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a job's control group takes of the machine right now: a gauge, read when somebody looks. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct Usage {
        sd_bus_slot *slot; /* asking the service manager where the group is */
        char *group;       /* NULL: not known yet */

        bool has_cpu, has_memory;
        uint64_t cpu_percent; /* of one processor, since the last reading */
        uint64_t memory;      /* bytes */

        uint64_t cpu_usec, read_usec; /* of the last reading; read_usec is 0 before the first */
} Usage;

void usage_clear(Usage *u);

/* Reads it anew. The bus is that of the service manager, and is only asked, not waited for, where the group is not
 * known; NULL: not now. started_usec is CLOCK_REALTIME. The usage must stay where it is until it is cleared. */
void usage_read(Usage *u, sd_bus *bus, const char *id, uint64_t started_usec);
