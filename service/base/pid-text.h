/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Formats processes for display. Needs libc only. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Appends a process to a list in text, of which n bytes are used: its PID and the beginning of its command line, "42
 * sleep 60", or with its user, "PID 42 (root): sleep 60". Omitted if there is no room. Returns the number of bytes
 * used then, always less than size and NUL-terminated. */
size_t pid_text_append(pid_t pid, bool with_user, char *text, size_t size, size_t n);
