/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Part of what a job wrote, for a reader with little room: the last lines of it, or the beginning and the end with a
 * line between them that says how much is missing and where it is. */

#include "macro.h"

typedef struct Bounds {
        uint64_t max_bytes;
        uint64_t tail; /* lines */
} Bounds;

#define BOUNDS_NONE (Bounds) { .max_bytes = UINT64_MAX, .tail = UINT64_MAX }

bool bounds_are_set(const Bounds *bounds);

/* What is shown of a file: [begin, head) and [rest, end). Where head is less than rest, or begin more than 0,
 * something is left out. */
typedef struct Excerpt {
        off_t begin, head, rest, end;
} Excerpt;

int excerpt_find(int fd, const Bounds *bounds, Excerpt *ret);
bool excerpt_is_cut(const Excerpt *e);

/* Writes the excerpt of a file to one of our descriptors, clean if that is a terminal. command shows all of it, and is
 * named in the middle; of what stands before the last lines nothing is said. Returns 0, or a negative errno. */
int excerpt_write(int fd, const Excerpt *e, int target, const char *command);

/* The same as a clean text for JSON, in UTF-8. The caller frees it. */
int excerpt_text(int fd, const Excerpt *e, const char *command, char **ret);
