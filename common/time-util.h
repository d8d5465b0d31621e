/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Times and sizes in the syntax for people. */

#include <stdint.h>
#include <time.h>

#include "macro.h"

#define RFC3339_MAX sizeof("292278994-08-17T07:12:55.807000Z")

/* CLOCK_REALTIME in microseconds. */
uint64_t now_realtime(void);
uint64_t now_monotonic(void);

/* Writes usec since the epoch as RFC 3339 in UTC with microseconds. Returns ret. */
const char *format_rfc3339(uint64_t usec, char ret[static RFC3339_MAX]);

/* Parses a time span: a number with an optional fraction and a unit out of us, ms, s, sec, min, m, h, d,
 * w (default s), several of them added up ("1h 30min"), or "infinity" (USEC_INFINITY).
 * Returns 0, -EINVAL, or -ERANGE. The syntax is that of systemd.time(7), without months and years. */
int parse_timespan(const char *text, uint64_t *ret_usec);

/* Parses bytes: a number and an optional unit K, M, G, T (of 1024). Returns 0, -EINVAL or -ERANGE. */
int parse_size(const char *text, uint64_t *ret);

/* Parses an unsigned decimal number without anything around it. Returns 0, -EINVAL or -ERANGE. */
int parse_u64(const char *text, uint64_t *ret);
