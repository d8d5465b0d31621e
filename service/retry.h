/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a retry is made of: what is left of the job in the store, and what its caller says. Does no I/O but
 * for the memfd of a standard input that was kept. */

#include "spec.h"
#include "store.h"

/* Reads the options of Retry from call and makes *ret out of them and of a job that has ended; its strings are those of
 * stored and call. *ret_input_fd is what spec->stdin_fd refers to where the input was kept; the caller closes it. On a
 * mistake of the caller's returns a negative errno and sets error to a sentence for people. */
int retry_make_spec(const StoredJob *stored, const void *spec, size_t spec_size, sd_bus_message *call, Spec *ret,
                    int *ret_input_fd, sd_bus_error *error);
