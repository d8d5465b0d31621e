/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The last lines of a stream of a job, for people. */

#include "output.h"

/* What it reads of a stream. */
#define LAST_LINES_SIZE 262144
#define LAST_LINES_WANT (&(const OutputWant) { .tail = LAST_LINES_SIZE })

/* Of at most n lines, each as settled_line() makes it, as many as fit in a few kilobytes, separated by newlines. The caller
 * frees it. */
int last_lines_read(int fd, unsigned n, char **ret);
