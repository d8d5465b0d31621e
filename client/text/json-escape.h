/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* JSON (RFC 8259) may have characters that a terminal obeys, or that make a text look like another: DEL, U+0080 to
 * U+009F, and those of bidi_or_separator_size(). As \uXXXX they are harmless, and the JSON is the same. */

#include <stdbool.h>

/* A copy of JSON in valid UTF-8 with these written so; with ascii all that is not ASCII. The caller frees it; NULL:
 * memory is short. */
char *json_escape(const char *json, bool ascii);
