/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "heap.h"
#include "macro.h"

void heap_init(Heap *heap, int (*compare)(const void *a, const void *b), size_t offset) {
        *heap = (Heap) { .compare = compare, .offset = offset };
}

void heap_clear(Heap *heap) {
        free(heap->items);
        heap->items = NULL;
        heap->n = heap->allocated = 0;
}

int heap_reserve(Heap *heap, size_t n) {
        void **bigger;

        if (n <= heap->allocated)
                return 0;
        n = MAX(n, 2 * heap->allocated);
        bigger = reallocarray(heap->items, n, sizeof(void *));
        if (!bigger)
                return -ENOMEM;
        heap->items = bigger;
        heap->allocated = n;
        return 0;
}

static size_t *place_of(const Heap *heap, const void *item) {
        return (size_t *) ((char *) item + heap->offset);
}

static void put(Heap *heap, size_t i, void *item) {
        heap->items[i] = item;
        *place_of(heap, item) = i + 1;
}

static void move_up(Heap *heap, size_t i, void *item) {
        for (; i > 0 && heap->compare(item, heap->items[(i - 1) / 2]) < 0; i = (i - 1) / 2)
                put(heap, i, heap->items[(i - 1) / 2]);
        put(heap, i, item);
}

static void move_down(Heap *heap, size_t i, void *item) {
        for (size_t child; (child = 2 * i + 1) < heap->n; i = child) {
                if (child + 1 < heap->n && heap->compare(heap->items[child + 1], heap->items[child]) < 0)
                        child++;
                if (heap->compare(item, heap->items[child]) <= 0)
                        break;
                put(heap, i, heap->items[child]);
        }
        put(heap, i, item);
}

void heap_add(Heap *heap, void *item) {
        assert(heap->n < heap->allocated && !heap_has(heap, item));
        move_up(heap, heap->n++, item);
}

void heap_remove(Heap *heap, void *item) {
        size_t i = *place_of(heap, item);
        void *last;

        if (i == 0)
                return;
        i--;
        *place_of(heap, item) = 0;
        last = heap->items[--heap->n];
        if (last == item)
                return;
        if (i > 0 && heap->compare(last, heap->items[(i - 1) / 2]) < 0)
                move_up(heap, i, last);
        else
                move_down(heap, i, last);
}

bool heap_has(const Heap *heap, const void *item) {
        return *place_of(heap, item) > 0;
}
