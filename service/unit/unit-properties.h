/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The properties of a unit that tell how it stands, as read from a{sv} of org.freedesktop.systemd1.Unit
 * and .Service. For the files unit*.c alone. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct UnitProperties {
        char load_state[16]; /* words of systemd, cut where longer than any that we look for */
        char sub_state[24];
        char result[24];
        int32_t code;   /* ExecMainCode: CLD_EXITED, …, 0 while there is none */
        int32_t status; /* ExecMainStatus */
        int32_t status_errno;
        uint64_t start_usec; /* ExecMainStartTimestamp, CLOCK_REALTIME */
        uint64_t start_monotonic_usec;
        uint64_t exit_usec;  /* ExecMainExitTimestamp */
        uint64_t exit_monotonic_usec;
        uint64_t active_exit_usec; /* ActiveExitTimestampMonotonic: when the service manager began to end it, 0: it did not */
        uint64_t cpu_usage_nsec; /* 0 or UINT64_MAX: not known; likewise memory_peak */
        uint64_t memory_peak;
        char *status_text;
} UnitProperties;

void unit_properties_clear(UnitProperties *p);

/* Reads an a{sv}; entries that are not ours are passed over. *ret_progress: status_text has changed. */
int unit_properties_read(UnitProperties *p, sd_bus_message *m, bool *ret_progress);

/* Of a unit that has ended: whether its main process had, before the service manager began to end the unit, on
 * whosever behalf. stop_usec: when it was first asked to do so by us, CLOCK_MONOTONIC; 0: never. */
bool unit_properties_ended_by_itself(const UnitProperties *p, uint64_t stop_usec);
