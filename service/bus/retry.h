/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The specification of a retry: what the store has kept of the job, and the options of the caller. Does no I/O
 * except for the memfd of a kept standard input. */

#include "spec.h"
#include "store.h"

/* Completes the options that the caller gave, see spec_read_retry(), with the stored parts of a finished job.
 * Returns 0 or a negative error of job-error.h; if error is set, use that. */
int retry_complete_spec(Spec *spec, const StoredJob *stored, const void *encoded, size_t size, sd_bus_error *error);
