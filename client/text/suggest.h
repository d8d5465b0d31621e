/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Did you mean …? The nearest of what there is to what was typed. Talks to nobody. */

#include "macro.h"

typedef struct Suggestion {
        const char *word; /* what was typed; not owned, as is the name */
        const char *name; /* the best so far, NULL: nothing is near */
        unsigned mistakes;
} Suggestion;

/* How many characters are missing, too many, wrong or in the wrong order in a word, against all of a name; with
 * beginning set, against that beginning of the name which it fits best. */
unsigned suggest_mistakes(const char *word, const char *name, bool beginning);

/* Takes a name if it is nearer than all before it. A third of the word may be mistaken, but two characters at most; a
 * word of three characters or more may also have been cut short. Of names that are equally near the first stays. */
void suggest_name(Suggestion *s, const char *name);

/* The same for the id of a job, of which a beginning may have been meant, with or without its kind. */
void suggest_id(Suggestion *s, const char *id);
