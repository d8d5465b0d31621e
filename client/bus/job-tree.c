/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-tree.h"

typedef struct Tree {
        const JobList *list;
        size_t *by_id;     /* indices of the records in the order of their IDs */
        size_t *by_parent; /* and of those of their parents, the oldest first */
        size_t *order;     /* out, and n of it so far */
        unsigned *depths;
        bool *is_placed;
        size_t n;
} Tree;

static void tree_clear(Tree *t) {
        free(t->by_id);
        free(t->by_parent);
        free(t->order);
        free(t->depths);
        free(t->is_placed);
}

static int compare_ids(const void *a, const void *b, void *userdata) {
        const JobRecord *records = userdata;

        return strcmp(records[*(const size_t *) a].id, records[*(const size_t *) b].id);
}

static int compare_parents(const void *a, const void *b, void *userdata) {
        const JobRecord *records = userdata, *x = &records[*(const size_t *) a], *y = &records[*(const size_t *) b];
        int r = strcmp(strempty(x->parent), strempty(y->parent));

        if (r != 0)
                return r;
        return x->created_usec < y->created_usec ? -1 : x->created_usec > y->created_usec;
}

static bool has_parent(const Tree *t, const JobRecord *record) {
        size_t low = 0, high = t->list->n;

        while (record->parent && low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(record->parent, t->list->records[t->by_id[middle]].id);

                if (r == 0)
                        return true;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}

/* The place of the first child of a job among those by parent. */
static size_t first_child(const Tree *t, const char *id) {
        size_t low = 0, high = t->list->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(strempty(t->list->records[t->by_parent[middle]].parent), id) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The service limits how deep jobs are nested; a job whose parent has ended starts at 1 again, so that a chain may be longer. */
static void place(Tree *t, size_t i, unsigned depth) {
        const char *id = t->list->records[i].id;

        if (t->is_placed[i])
                return;
        t->is_placed[i] = true;
        t->depths[t->n] = depth;
        t->order[t->n++] = i;
        for (size_t k = first_child(t, id); k < t->list->n && streq(strempty(t->list->records[t->by_parent[k]].parent), id); k++)
                place(t, t->by_parent[k], depth + 1);
}

int job_list_to_tree(JobList *list, unsigned **ret_depths) {
        size_t n = list->n + 1;
        _cleanup_(tree_clear) Tree t = {
                .list = list,
                .by_id = calloc(n, sizeof(size_t)),
                .by_parent = calloc(n, sizeof(size_t)),
                .order = calloc(n, sizeof(size_t)),
                .depths = calloc(n, sizeof(unsigned)),
                .is_placed = calloc(n, sizeof(bool)),
        };
        JobRecord *records = calloc(n, sizeof(JobRecord));

        if (!t.by_id || !t.by_parent || !t.order || !t.depths || !t.is_placed || !records) {
                free(records);
                return -ENOMEM;
        }
        for (size_t i = 0; i < list->n; i++)
                t.by_id[i] = t.by_parent[i] = i;
        qsort_r(t.by_id, list->n, sizeof(size_t), compare_ids, list->records);
        qsort_r(t.by_parent, list->n, sizeof(size_t), compare_parents, list->records);
        for (size_t i = 0; i < list->n; i++)
                if (!has_parent(&t, &list->records[i]))
                        place(&t, i, 0);
        for (size_t i = 0; i < t.n; i++)
                records[i] = list->records[t.order[i]];
        free(list->records);
        list->records = records;
        *ret_depths = TAKE_PTR(t.depths);
        return 0;
}
