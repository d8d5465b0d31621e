/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A slice of work in the event loop. What has no bound is done in slices, of at least one step each, between which the
 * loop does what else there is. */

#include <stdbool.h>

#include "time-util.h"

#define SLICE_USEC (2 * USEC_PER_MSEC)

/* begin: now_monotonic() when it began. */
static inline bool slice_is_over(uint64_t begin) {
        return now_monotonic() >= begin + SLICE_USEC;
}
