/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The visible jobs and the selected one: filter, selection and scrolling. Independent of the terminal. */

#include "model.h"

typedef struct View {
        TopJob **jobs; /* the jobs that match the filter; valid until the event loop runs */
        size_t n;
        size_t first;    /* the index of the job in the first line */
        size_t lines;    /* of the list */
        size_t selected; /* an index, if n is not 0 */
        char *id;        /* of the selected job, which stays selected when it moves; NULL: none yet */
        char *filter;    /* NULL: none */
} View;

void view_clear(View *v);

/* Sets the current jobs and the number of lines. */
int view_update(View *v, const Model *m, size_t lines);

/* Moves the selection down or up by this many lines. */
int view_move(View *v, ssize_t lines);

/* The selected job; NULL: there is none. */
TopJob *view_job(const View *v);

/* Shows only jobs whose ID, label, state, reason or progress contains this text, ignoring case; all for "". */
int view_set_filter(View *v, const char *filter);
