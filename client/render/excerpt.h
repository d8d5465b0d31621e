/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Part of the output of a job: its last lines, or its beginning and end, with a line between them that says how much
 * was omitted and how to show it. */

#include "output.h"

typedef struct Bounds {
        uint64_t max_bytes;
        uint64_t tail; /* lines */
} Bounds;

#define BOUNDS_NONE (Bounds) { .max_bytes = UINT64_MAX, .tail = UINT64_MAX }

bool bounds_are_set(const Bounds *bounds);

/* The parts of a file to show: [begin, head) and [rest, end). If head is less than rest, or begin greater than 0,
 * something is omitted. */
typedef struct Excerpt {
        off_t begin, head, rest, end;
} Excerpt;

/* What excerpt_find() and those after it read of a stream. */
OutputWant bounds_want(const Bounds *bounds);

int excerpt_find(int fd, const Bounds *bounds, Excerpt *ret);
bool excerpt_is_cut(const Excerpt *e);

/* Writes the excerpt of a file to one of our descriptors, cleaned if that is a terminal. command, which shows the
 * full output, is named in the line between. Output before the last lines is not mentioned. Returns 0, or a
 * negative errno. */
int excerpt_write(int fd, const Excerpt *e, int target, const char *command);

/* The same as a clean text for JSON, in UTF-8. The caller frees it. */
int excerpt_text(int fd, const Excerpt *e, const char *command, char **ret);
