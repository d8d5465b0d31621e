/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "view.h"

void view_clear(View *v) {
        free(v->jobs);
        free(v->id);
        free(v->filter);
        *v = (View) {};
}

static bool matches(const View *v, const JobRecord *record) {
        const char *const texts[] = {
                record->id, record->label, record->progress,
                job_state_to_string(record->state), job_reason_to_string(record->reason),
        };

        if (!v->filter)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strcasestr(strempty(texts[i]), v->filter))
                        return true;
        return false;
}

/* Where the selected job is now; if it is gone, what stands in its place is selected. Until somebody moves it is
 * whatever stands first. */
static int find_selected(View *v) {
        if (!v->id) {
                v->selected = 0;
                return 0;
        }
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->jobs[i]->record.id, v->id)) {
                        v->selected = i;
                        return 0;
                }
        return view_move(v, 0);
}

static void scroll(View *v) {
        size_t last = v->n > v->lines ? v->n - v->lines : 0;

        if (v->selected < v->first)
                v->first = v->selected;
        if (v->lines > 0 && v->selected >= v->first + v->lines)
                v->first = v->selected - v->lines + 1;
        v->first = MIN(v->first, last);
}

int view_update(View *v, const Model *m, size_t lines) {
        TopJob *const *all, **jobs;
        size_t n;
        int r;

        all = model_jobs(m, &n);
        jobs = reallocarray(v->jobs, n + 1, sizeof(TopJob *));
        if (!jobs)
                return -ENOMEM;
        v->jobs = jobs;
        v->lines = lines;
        v->n = 0;
        for (size_t i = 0; i < n; i++)
                if (matches(v, &all[i]->record))
                        v->jobs[v->n++] = all[i];
        r = find_selected(v);
        scroll(v);
        return r;
}

int view_move(View *v, ssize_t lines) {
        ssize_t selected = (ssize_t) v->selected + lines;
        char *id;

        if (v->n == 0) {
                v->selected = 0;
                return 0;
        }
        v->selected = (size_t) MIN(MAX(selected, (ssize_t) 0), (ssize_t) v->n - 1);
        id = strdup(v->jobs[v->selected]->record.id);
        if (!id)
                return -ENOMEM;
        free(v->id);
        v->id = id;
        scroll(v);
        return 0;
}

TopJob *view_job(const View *v) {
        return v->n > 0 ? v->jobs[v->selected] : NULL;
}

int view_set_filter(View *v, const char *filter) {
        char *copy = NULL;

        if (!isempty(filter)) {
                copy = strdup(filter);
                if (!copy)
                        return -ENOMEM;
        }
        free(v->filter);
        v->filter = copy;
        return 0;
}
