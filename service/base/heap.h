/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* A binary heap of items that know their place in it: adding, removing at any place and moving take O(log n). Does not own
 * the items. */

#include <stdbool.h>
#include <stddef.h>

typedef struct Heap {
        void **items; /* the first one is the first in order */
        size_t n;
        size_t allocated;
        int (*compare)(const void *a, const void *b);
        size_t offset; /* in an item, of a size_t: its place, from 1 on; 0: it is not in the heap */
} Heap;

void heap_init(Heap *heap, int (*compare)(const void *a, const void *b), size_t offset);
void heap_clear(Heap *heap);

/* Makes room for this many items. Returns 0 or -ENOMEM. */
int heap_reserve(Heap *heap, size_t n);

/* Adds an item for which there is room. */
void heap_add(Heap *heap, void *item);

/* Removes an item; nothing if it is not in the heap. */
void heap_remove(Heap *heap, void *item);

bool heap_has(const Heap *heap, const void *item);

static inline void *heap_first(const Heap *heap) {
        return heap->n > 0 ? heap->items[0] : NULL;
}
