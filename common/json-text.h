/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A strict parser for JSON (RFC 8259) of others: json-c accepts more than JSON, and rounds numbers. */

#include <stddef.h>

/* Returns the n bytes at text without white space between tokens, if they are one JSON object in UTF-8 with at most
 * 32 levels of nesting; else NULL, also if out of memory. Numbers and strings are kept as written. The caller frees
 * it. */
char *json_text_compact_object(const char *text, size_t n);
