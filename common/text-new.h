/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Texts in memory that is allocated for them: formatted at once, or written piece by piece. */

#include <stdarg.h>

#include "macro.h"

/* As printf(3) formats it. The caller frees it; NULL: out of memory. */
char *text_new(const char *format, ...) _printf_(1, 2);
char *text_new_v(const char *format, va_list ap) _printf_(1, 0);

/* Owns all of its members. */
typedef struct TextStream {
        FILE *f;
        char *text; /* valid after text_stream_close() */
        size_t size;
} TextStream;

/* Returns the file to write to; NULL: out of memory. */
FILE *text_stream_open(TextStream *s);

/* Completes the text. Returns 0 or -ENOMEM. */
int text_stream_close(TextStream *s);

/* The same, and passes the text to the caller; NULL: out of memory. */
char *text_stream_take(TextStream *s);

void text_stream_clear(TextStream *s);
#define _cleanup_text_stream_ _cleanup_(text_stream_clear)
