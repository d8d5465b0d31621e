/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Other programs: where they are, and queries, of git about a repository, of codex about itself. */

#include "macro.h"

bool program_is_executable(const char *path);

/* Returns 1 with the first executable file of that name in PATH, in full, which the caller frees; 0 if there is none;
 * or -ENOMEM. */
int program_find(const char *name, char **ret);

/* Runs a program of PATH, argv[0], without input, and takes what it writes, stdout and stderr, of that the first
 * 64 KiB; without a newline at the end, the caller frees it. *ret_status is its exit status, 128+n behind signal n.
 * Returns 0, or a negative errno: -ENOENT where there is no such program, -ETIME after it was ended for taking
 * longer than the time. */
int process_output(const char *const *argv, uint64_t timeout_usec, char **ret, int *ret_status);
