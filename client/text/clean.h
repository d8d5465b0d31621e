/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes what a job wrote harmless for whoever shows it: escape sequences (ECMA-48) are left out, other control
 * characters are shown as ^X; what turns the direction of writing, separates lines of Unicode or is no UTF-8 is
 * U+FFFD; line ends are newlines. Newlines, tabs and all text stay. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Cleaner {
        int state;  /* of CleanState, begins as 0 */
        bool ascii; /* a terminal without UTF-8: other characters, whose bytes could be its controls, are "?" */
        unsigned char held[4 + 1]; /* the beginning of a character, and a NUL */
        size_t n_held;
} Cleaner;

/* The room that n bytes may take when they are clean, with those held before. */
#define CLEAN_SIZE(n) (3 * ((n) + 3))

/* Cleans the next n bytes of a text into out, which has room for CLEAN_SIZE(n). Returns how many bytes came out. */
size_t clean(Cleaner *cleaner, const char *in, size_t n, char *out);

/* The text ends here, perhaps within a character: what there is of it, in room for CLEAN_SIZE(0). */
size_t clean_end(Cleaner *cleaner, char *out);

/* How many bytes a character of UTF-8 has that turns the direction of what follows, so that a text could look like
 * another; that begins a new line without being a newline; that does one of both. 0: it does not. A NUL ends the
 * text. */
size_t turns_direction(const unsigned char *s);
size_t separates_lines(const unsigned char *s);
size_t misleads(const unsigned char *s);

/* Whether a text begins with one of U+0080 to U+009F. */
bool is_c1(const unsigned char *s);

/* Whether a text has control characters, which a name has not. */
bool has_control(const char *s);

/* A clean copy of a string. The caller frees it; NULL when memory is short. */
char *clean_string(const char *s);

/* A copy of s on one line, which can do nothing to a terminal: control characters, also those of Unicode, are spaces,
 * and what turns the direction of writing is left out. NULL: memory is short. */
char *one_line(const char *s);
