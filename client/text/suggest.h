/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Did you mean …? Finds the name most similar to a word. */

#include "macro.h"

typedef struct Suggestion {
        const char *word; /* as typed; not owned, nor is the name */
        const char *name; /* the best one so far, NULL: none is similar */
        unsigned mistakes;
} Suggestion;

/* The number of missing, additional, wrong or transposed characters of a word compared to a name; with beginning set,
 * compared to the best matching prefix of the name. */
unsigned suggest_mistakes(const char *word, const char *name, bool beginning);

/* Considers a name. Up to a third of the word, and two characters, may be wrong; words of three characters or more may
 * also be abbreviations. If several names are equally similar, the first one is kept. */
void suggest_name(Suggestion *s, const char *name);

/* The same for a job ID, which may have been abbreviated, with or without its kind. */
void suggest_id(Suggestion *s, const char *id);
