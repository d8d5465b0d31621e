/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UTF-8 (RFC 3629) as sd-bus takes it, that is without noncharacters: D-Bus strings and JSON must be it, file
 * names and output need not. */

#include <stdbool.h>
#include <stddef.h>

/* Whether the n bytes at s are UTF-8 without a NUL byte. */
bool utf8_is_valid(const char *s, size_t n);

/* A copy of what a caller named something, to be repeated in a message: valid, on one line, and cut after max
 * bytes. The caller frees it; NULL when memory is short. */
char *utf8_make_shown(const char *s, size_t max);

/* A copy of the n bytes at s in which each byte that is not part of valid UTF-8, and each NUL, is
 * U+FFFD. The caller frees it; NULL when memory is short. */
char *utf8_make_valid(const char *s, size_t n);

/* Whether a byte of UTF-8 is not the first of its character. */
static inline bool utf8_is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

/* The length of the n bytes at s, cut to at most max without splitting a character. */
size_t utf8_truncate(const char *s, size_t n, size_t max);
