/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Texts from a model, a command or a provider, made safe for terminals: valid UTF-8 of limited length without control
 * characters. */

#include <stddef.h>

/* One line of at most max bytes, with "…" where text was omitted: each run of spaces, line breaks and control
 * characters becomes one space. The caller frees it; NULL: out of memory. */
char *text_line(const char *s, size_t n, size_t max);

/* The same that keeps line breaks and tabs and how much there is of both. */
char *text_block(const char *s, size_t n, size_t max);
