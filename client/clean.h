/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes what a job wrote harmless for whoever shows it: escape sequences (ECMA-48) are left out, other control
 * characters are shown as ^X, what turns the direction of writing as U+FFFD, line ends are newlines. Newlines, tabs and
 * all text stay. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Cleaner {
        int state;     /* of CleanState, begins as 0 */
        unsigned more; /* bytes that the character still has */
        unsigned char held[2]; /* the beginning of one that may turn the direction of writing */
        unsigned n_held;
} Cleaner;

/* The room that n bytes may take when they are clean. */
#define CLEAN_SIZE(n) (3 * (n) + 1)

/* Cleans the next n bytes of a text into out, which has room for CLEAN_SIZE(n). Returns how many bytes came out. */
size_t clean(Cleaner *cleaner, const char *in, size_t n, char *out);

/* How many bytes a character of UTF-8 has that turns the direction of what follows, so that a text could look like
 * another; 0: it does not. A NUL ends the text. */
size_t turns_direction(const unsigned char *s);

/* Whether a text has control characters, which a name has not. */
bool has_control(const char *s);

/* A clean copy of a string. The caller frees it; NULL when memory is short. */
char *clean_string(const char *s);
