/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* UTF-8 (RFC 3629) as accepted by sd-bus, that is without noncharacters. D-Bus strings and JSON must be UTF-8, file
 * names and output need not be. */

#include <stdbool.h>
#include <stddef.h>

/* Whether the n bytes at s are UTF-8 without a NUL byte. */
bool utf8_is_valid(const char *s, size_t n);

/* A copy of a name chosen by a caller, for a message: valid, on one line, and truncated to max bytes. The caller
 * frees it; NULL: out of memory. */
char *utf8_make_shown(const char *s, size_t max);

/* A copy of the n bytes at s in which each byte that is not part of valid UTF-8, and each NUL, is U+FFFD. The caller
 * frees it; NULL: out of memory. */
char *utf8_make_valid(const char *s, size_t n);

/* Whether a byte of UTF-8 is not the first one of its character. */
static inline bool utf8_is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

/* The length of the n bytes at s, truncated to at most max without splitting a character. */
size_t utf8_truncate(const char *s, size_t n, size_t max);
