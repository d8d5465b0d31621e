/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Puts before each line the time at which it was begun. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2024-11-30T04:05:49.123+01:00 ": RFC 3339, local time, milliseconds. Of the same width, "-" and blanks, where the
 * time is not known. */
#define STAMP_SIZE 30U

/* The room that n bytes may take. */
#define STAMPED_SIZE(n) ((n) * (STAMP_SIZE + 1))

/* Copies n bytes that were written at usec (CLOCK_REALTIME, 0: not known) into out, which has room for STAMPED_SIZE(n).
 * *amid, false at first, is whether the bytes before ended within a line. Returns how many bytes came out. */
size_t stamp(bool *amid, uint64_t usec, const char *in, size_t n, char *out);
