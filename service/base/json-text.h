/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON (RFC 8259) that others wrote, taken to the letter: json-c reads more than JSON is, and rounds numbers. */

#include <stddef.h>

/* The n bytes at text without white space between its tokens, if they are one JSON object in UTF-8, nested no
 * deeper than 32; else NULL, also when memory is short. Numbers and strings stay as they are written. The
 * caller frees it. */
char *json_text_compact_object(const char *text, size_t n);
