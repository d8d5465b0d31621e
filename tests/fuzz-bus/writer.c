/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "writer.h"

void writer_clear(Writer *w) {
        free(w->data);
        *w = (Writer) {};
}

static uint8_t *extend(Writer *w, size_t size) {
        uint8_t *end;

        if (w->size + size > w->allocated) {
                w->allocated = MAX(2 * w->allocated, w->size + size + 1024);
                w->data = realloc(w->data, w->allocated);
                if (!w->data)
                        abort();
        }
        end = w->data + w->size;
        w->size += size;
        return end;
}

void writer_fill(Writer *w, uint8_t byte, size_t size) {
        if (size > 0)
                memset(extend(w, size), byte, size);
}

void writer_align(Writer *w, size_t alignment) {
        writer_fill(w, 0, (alignment - w->size % alignment) % alignment);
}

void writer_bytes(Writer *w, const void *bytes, size_t size) {
        if (size > 0)
                memcpy(extend(w, size), bytes, size);
}

void writer_number(Writer *w, uint64_t value, size_t size) {
        writer_align(w, size);
        for (size_t i = 0; i < size; i++)
                *extend(w, 1) = (uint8_t) (value >> (8 * i));
}

void writer_string(Writer *w, const char *s) {
        size_t n = strlen(s);

        writer_number(w, n, 4);
        writer_bytes(w, s, n + 1);
}

void writer_signature(Writer *w, const char *s) {
        size_t n = strlen(s);

        writer_number(w, n, 1);
        writer_bytes(w, s, n + 1);
}

size_t writer_begin_array(Writer *w, size_t alignment) {
        size_t begin;

        writer_number(w, 0, 4);
        begin = w->size;
        writer_align(w, alignment);
        return begin;
}

/* The length counts from the first element. */
void writer_end_array(Writer *w, size_t begin, size_t alignment) {
        size_t first = begin + (alignment - begin % alignment) % alignment, size = w->size - first;

        for (size_t i = 0; i < 4; i++)
                w->data[begin - 4 + i] = (uint8_t) (size >> (8 * i));
}
