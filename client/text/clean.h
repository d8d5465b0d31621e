/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Makes output of jobs safe for terminals: escape sequences (ECMA-48) are removed, and other control characters are
 * shown as ^X. Characters that change the text direction, line separators of Unicode and invalid UTF-8 are replaced by
 * U+FFFD, and line ends by newlines. Newlines, tabs and all other text are kept. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Cleaner {
        int state;  /* of CleanState, begins as 0 */
        bool ascii; /* a terminal without UTF-8: non-ASCII characters are replaced by "?" */
        unsigned char held[4 + 1]; /* an incomplete character, and a NUL */
        size_t n_held;
} Cleaner;

/* The maximum size of n cleaned bytes, including an incomplete character from before. */
#define CLEAN_SIZE(n) (3 * ((n) + 3))

/* Cleans the next n bytes into out, which has room for CLEAN_SIZE(n). Returns the number of bytes written. */
size_t clean(Cleaner *cleaner, const char *in, size_t n, char *out);

/* The end of the text, perhaps within a character: writes the rest, at most CLEAN_SIZE(0). */
size_t clean_end(Cleaner *cleaner, char *out);

/* How many bytes a character of UTF-8 has that changes the direction of what follows, so that a text could look like
 * another, or that starts a new line without being a newline. 0: it does neither. A NUL ends the text. */
size_t bidi_or_separator_size(const unsigned char *s);

/* Whether a text starts with one of U+0080 to U+009F. */
bool is_c1(const unsigned char *s);

/* Whether a text contains control characters, which are not allowed in names. */
bool has_control(const char *s);

/* A clean copy of a string. The caller frees it; NULL: out of memory. */
char *clean_string(const char *s);

/* A clean copy of one line of output as a terminal shows it last: what a carriage return or backspaces went back over,
 * as a progress bar does, is gone. The caller frees it; NULL: out of memory. */
char *settled_line(const char *line);

/* A copy of s on one line, safe for terminals: control characters, including those of Unicode, are replaced by spaces,
 * and characters that change the text direction are removed. NULL: out of memory. */
char *one_line(const char *s);

/* The same of a name that somebody else chose, of which up to max bytes are shown. NULL: out of memory. */
char *one_line_of_name(const char *s, size_t max);
