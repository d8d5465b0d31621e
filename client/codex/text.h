/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Texts that come from a model, from what it ran or from a provider, made fit for a person's terminal:
 * valid UTF-8, no control characters, not longer than there is room for. */

#include <stddef.h>

/* One line of at most max bytes and the mark "…" where something was left out: each run of blanks, line
 * breaks and control characters becomes one blank. The caller frees it; NULL when memory is short. */
char *text_line(const char *s, size_t n, size_t max);

/* The same that keeps line breaks and tabs and how much there is of both. */
char *text_block(const char *s, size_t n, size_t max);
