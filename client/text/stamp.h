/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Prefixes each line with the time when it was started. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2024-11-30T04:05:49.123+01:00 ": RFC 3339, local time, milliseconds. If the time is unknown, "-" padded with spaces
 * to the same width. */
#define STAMP_SIZE 30U

/* The maximum size of n bytes with their prefixes. */
#define STAMPED_SIZE(n) ((n) * (STAMP_SIZE + 1))

/* Copies n bytes that were written at usec (CLOCK_REALTIME, 0: unknown) into out, which has room for STAMPED_SIZE(n).
 * *amid, initially false, is whether the previous bytes ended within a line. Returns the number of bytes written. */
size_t stamp(bool *amid, uint64_t usec, const char *in, size_t n, char *out);
