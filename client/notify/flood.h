/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Many jobs that finish within a short time, and the single notification for them. */

#include "text.h"

typedef struct Flood {
        uint32_t id;         /* 0: none is shown */
        uint64_t until_usec; /* CLOCK_MONOTONIC: jobs that finish earlier are part of it */
        Digest digest;
        char *list; /* a line for each job */
} Flood;

void flood_clear(Flood *flood);

/* Each returns 0 or -ENOMEM. */
int flood_copy(const Flood *flood, Flood *ret);
int flood_add(Flood *flood, const JobRecord *record);
