/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a terminal can show, and how much of it a text takes. */

#include "job-state.h"
#include "macro.h"

/* The columns and lines of the terminal behind a descriptor; SIZE_MAX where it is none. */
size_t terminal_columns(int fd);
size_t terminal_lines(int fd);

/* Whether it can go back in a line and erase it: $TERM names none that is dumb. */
bool terminal_is_smart(int fd);

/* Whether it shows colours and the person wants them: see https://no-color.org. */
bool terminal_has_color(int fd);

/* Whether the locale of the environment has UTF-8. */
bool terminal_is_utf8(void);

/* Whether a descriptor takes UTF-8: it is no terminal, or one in a locale that has it. For others each byte is a
 * character, and 0x80 to 0x9f are controls. */
bool terminal_takes_utf8(int fd);

/* Makes what is not ASCII in a text of UTF-8 "?", and an ellipsis three dots. */
void text_to_ascii(char *text);

/* one_line(), and without utf8 text_to_ascii(). The caller frees it; NULL: memory is short. */
char *terminal_text(const char *s, bool utf8);

/* The columns that a text takes, of at most max; *ret_bytes is how many of its bytes fit. The locale has to have
 * UTF-8, else each byte is taken for a column. */
size_t text_columns(const char *s, size_t max, size_t *ret_bytes);

/* The beginning of an ECMA-48 colour for a state, or ""; COLOR_END ends it. */
const char *state_color(JobState state);
#define COLOR_END "\033[0m"
