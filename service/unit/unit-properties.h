/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Properties of a unit that show its state, as read from a{sv} of org.freedesktop.systemd1.Unit and .Service. Only
 * for unit*.c. */

#include <systemd/sd-bus.h>

#include "macro.h"

typedef struct UnitProperties {
        char load_state[16]; /* words of systemd, truncated if longer than any that is compared */
        char sub_state[24];
        char result[24];
        int32_t code;   /* ExecMainCode: CLD_EXITED, …, 0 if there is none */
        int32_t status; /* ExecMainStatus */
        int32_t status_errno;
        uint64_t start_usec; /* ExecMainStartTimestamp, CLOCK_REALTIME */
        uint64_t start_monotonic_usec;
        uint64_t exit_usec;  /* ExecMainExitTimestamp */
        uint64_t exit_monotonic_usec;
        uint64_t active_exit_usec; /* ActiveExitTimestampMonotonic: when its stop was started, 0: not */
        uint64_t cpu_usage_nsec; /* 0 or UINT64_MAX: not known; likewise memory_peak */
        uint64_t memory_peak;
        bool has_stop_post; /* ExecStopPost=; how it ended, which no signal carries: */
        int32_t stop_post_code, stop_post_status;
        char *status_text;
} UnitProperties;

void unit_properties_clear(UnitProperties *p);

/* Reads an a{sv}, ignoring other entries. *ret_progress: status_text has changed. */
int unit_properties_read(UnitProperties *p, sd_bus_message *m, bool *ret_progress);

/* Whether the main process of an ended unit exited before the service manager started to stop the unit, on behalf of
 * anyone. stop_usec: when we first requested that, CLOCK_MONOTONIC; 0: never. */
bool unit_properties_ended_by_itself(const UnitProperties *p, uint64_t stop_usec);
