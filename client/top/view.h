/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which of the jobs are on the screen, and which of them is selected: filter, selection and scrolling. Knows no
 * terminal. */

#include "model.h"

typedef struct View {
        TopJob **jobs; /* those that the filter lets through; valid until the event loop runs */
        size_t n;
        size_t first;    /* the index of the job in the first line */
        size_t lines;    /* of the list */
        size_t selected; /* an index, if n is not 0 */
        char *id;        /* of the selected job: it stays selected wherever it moves; NULL: none yet */
        char *filter;    /* NULL: none */
} View;

void view_clear(View *v);

/* Takes the jobs as they are now, and a list of so many lines. */
int view_update(View *v, const Model *m, size_t lines);

/* Selects the job so many lines further down, or up. */
int view_move(View *v, ssize_t lines);

/* The selected job; NULL: there is none. */
TopJob *view_job(const View *v);

/* Shows only jobs whose id, label, state, reason or progress has that text in it, however it is capitalized; all for
 * "". */
int view_set_filter(View *v, const char *filter);
