/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The last lines of a stream of a job, for people. */

#include "macro.h"

/* Of at most n lines, each as settled_line() makes it, as many as fit in a few kilobytes, separated by newlines. The caller
 * frees it. */
int last_lines_read(int fd, unsigned n, char **ret);
