/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Commands that Codex runs, as people would write them. */

#include <stdbool.h>
#include <stddef.h>

/* The command in "/bin/bash -lc 'make test'", as reported by Codex: without the shell, on one line of at most max
 * bytes. The caller frees it; NULL: out of memory. */
char *command_shown(const char *command, size_t n, size_t max);

/* Whether the command looks like a check of the work: a test, a linter, a build. */
bool command_is_check(const char *shown);
