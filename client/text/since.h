/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Parsing of points in time. */

#include <stdint.h>

/* Parses what lies before now, both CLOCK_REALTIME in microseconds: a time span ("2h", "90min ago"), "now", "today",
 * "yesterday", a time of today ("12:30"), a date ("2026-11-01"), or both with a blank or a T between them, with seconds
 * and their fraction or without. Local time, or UTC where it ends with Z. Returns 0, -EINVAL, or -ERANGE for what is
 * before 1970 or after now. */
int parse_since(const char *text, uint64_t now_usec, uint64_t *ret_usec);

/* Likewise for what lies after now: "now", "tomorrow", "tomorrow 12:30", a time of the day that comes next ("12:30"), a
 * date, or both. -ERANGE: it has passed. */
int parse_until(const char *text, uint64_t now_usec, uint64_t *ret_usec);
