/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a retry is made of: what is left of the job in the store, and what its caller says. Does no I/O but
 * for the memfd of a standard input that was kept. */

#include "spec.h"
#include "store.h"

/* Adds to the options that the caller gave, see spec_read_retry(), what is left of a job that has ended. Returns 0 or
 * a negative error of job-error.h; where error is set, that is what to say. */
int retry_complete_spec(Spec *spec, const StoredJob *stored, const void *encoded, size_t size, sd_bus_error *error);
