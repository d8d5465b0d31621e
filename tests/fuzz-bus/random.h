/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Numbers that follow from a seed: what was found once is found again with the same seed. */

#include "macro.h"

typedef struct Random {
        uint64_t state;
} Random;

static inline void random_init(Random *r, uint64_t seed) {
        r->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* xorshift64*, see Vigna, An experimental exploration of Marsaglia's xorshift generators. */
static inline uint64_t random_next(Random *r) {
        r->state ^= r->state >> 12;
        r->state ^= r->state << 25;
        r->state ^= r->state >> 27;
        return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* From 0 to n - 1. */
static inline uint32_t random_below(Random *r, uint32_t n) {
        return (uint32_t) ((random_next(r) >> 32) % n);
}

/* True once in n times. */
static inline bool random_once_in(Random *r, uint32_t n) {
        return random_below(r, n) == 0;
}

#define random_pick(r, array) ((array)[random_below(r, (uint32_t) ELEMENTSOF(array))])
