/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Bytes of a D-Bus message in the making, as the D-Bus specification has them. It is not checked what is
 * written: wrong messages are wanted too. Without memory the process ends. */

#include "macro.h"

typedef struct Writer {
        uint8_t *data; /* owned */
        size_t size;
        size_t allocated;
} Writer;

void writer_clear(Writer *w);

void writer_align(Writer *w, size_t alignment);
void writer_bytes(Writer *w, const void *bytes, size_t size);
void writer_fill(Writer *w, uint8_t byte, size_t size);

/* A number of 1, 2, 4 or 8 bytes, aligned. */
void writer_number(Writer *w, uint64_t value, size_t size);

/* Types s and o; g. */
void writer_string(Writer *w, const char *s);
void writer_signature(Writer *w, const char *s);

/* An array whose elements are aligned so; end takes what begin returned. */
size_t writer_begin_array(Writer *w, size_t alignment);
void writer_end_array(Writer *w, size_t begin, size_t alignment);
