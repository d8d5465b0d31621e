/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "heap.h"
#include "test.h"

typedef struct Item {
        int value;
        size_t place;
} Item;

static int compare_items(const void *a, const void *b) {
        return ((const Item *) a)->value - ((const Item *) b)->value;
}

static void in_order(void) {
        enum { N = 1000 };
        Item items[N] = {};
        int last = -1;
        Heap heap;

        heap_init(&heap, compare_items, offsetof(Item, place));
        check(!heap_first(&heap));
        check_ok(heap_reserve(&heap, N));
        for (int i = 0; i < N; i++) {
                items[i].value = i * 7919 % 1009;
                heap_add(&heap, &items[i]);
        }
        for (int i = 0; i < N; i++) {
                Item *first = heap_first(&heap);

                check(first->value >= last);
                last = first->value;
                heap_remove(&heap, first);
                check(!heap_has(&heap, first));
        }
        check(!heap_first(&heap));
        heap_clear(&heap);
}

/* At any place, and what is not in it. */
static void remove_anywhere(void) {
        enum { N = 500 };
        Item items[N] = {};
        int left = 0, last = -1;
        Heap heap;

        heap_init(&heap, compare_items, offsetof(Item, place));
        for (int i = 0; i < N; i++) {
                check_ok(heap_reserve(&heap, heap.n + 1));
                items[i].value = i * 31 % 101;
                heap_add(&heap, &items[i]);
        }
        for (int i = 0; i < N; i += 1 + i % 3) {
                heap_remove(&heap, &items[i]);
                heap_remove(&heap, &items[i]);
        }
        for (Item *first; (first = heap_first(&heap)); left++) {
                check(first->value >= last);
                last = first->value;
                heap_remove(&heap, first);
        }
        check(left > 0 && left < N);
        heap_clear(&heap);
}

TEST_MAIN(TEST(in_order), TEST(remove_anywhere))
