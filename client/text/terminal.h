/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Capabilities of terminals, and the width of texts. */

#include "job-state.h"
#include "macro.h"

/* The columns and lines of the terminal of a descriptor; SIZE_MAX if it is none. */
size_t terminal_columns(int fd);
size_t terminal_lines(int fd);

/* Whether the terminal can go back in a line and erase it: $TERM is not a dumb one. */
bool terminal_is_smart(int fd);

/* Whether it shows colors and the user wants them, see https://no-color.org. */
bool terminal_has_color(int fd);

/* Whether the locale of the environment uses UTF-8; for one that is not installed, whether its name says so. */
bool terminal_is_utf8(void);

/* Its name, and whether it is installed. */
const char *terminal_locale(void);
bool terminal_locale_is_installed(void);

/* Whether a descriptor accepts UTF-8: it is not a terminal, or the locale uses UTF-8. In other locales each byte is a
 * character, and 0x80 to 0x9f are control characters. */
bool terminal_takes_utf8(int fd);

/* Replaces non-ASCII characters of a UTF-8 text by "?", and an ellipsis by three dots. */
void text_to_ascii(char *text);

/* one_line(), and text_to_ascii() unless utf8. The caller frees it; NULL: out of memory. */
char *terminal_text(const char *s, bool utf8);

/* The columns of a text, at most max; *ret_bytes is the number of its bytes that fit. If the locale does not use UTF-8,
 * each byte is a column. */
size_t text_columns(const char *s, size_t max, size_t *ret_bytes);

/* The ECMA-48 sequence that starts the color of a state, or ""; COLOR_END ends it. */
const char *state_color(JobState state);
#define COLOR_END "\033[0m"
