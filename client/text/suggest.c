/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-id.h"
#include "suggest.h"

#define LENGTH_MAX 64U /* of words and names that are compared */
#define MISTAKES_MAX 2U
#define SHORT_MIN 3U

/* The rows of the matrix of distances, the last three of them. */
typedef struct Rows {
        unsigned before[LENGTH_MAX + 1], last[LENGTH_MAX + 1], now[LENGTH_MAX + 1];
} Rows;

static unsigned cell(const Rows *rows, const char *word, const char *name, size_t i, size_t k) {
        bool same = word[i - 1] == name[k - 1];
        unsigned best = rows->last[k - 1] + (same ? 0 : 1);

        best = MIN(best, rows->last[k] + 1);
        best = MIN(best, rows->now[k - 1] + 1);
        if (i > 1 && k > 1 && word[i - 1] == name[k - 2] && word[i - 2] == name[k - 1])
                best = MIN(best, rows->before[k - 2] + 1);
        return best;
}

unsigned suggest_mistakes(const char *word, const char *name, bool beginning) {
        size_t n = strnlen(word, LENGTH_MAX), m = strnlen(name, LENGTH_MAX);
        Rows rows = {};
        unsigned best;

        for (size_t k = 0; k <= m; k++)
                rows.now[k] = (unsigned) k;
        for (size_t i = 1; i <= n; i++) {
                (void) memcpy(rows.before, rows.last, sizeof(rows.last));
                (void) memcpy(rows.last, rows.now, sizeof(rows.now));
                rows.now[0] = (unsigned) i;
                for (size_t k = 1; k <= m; k++)
                        rows.now[k] = cell(&rows, word, name, i, k);
        }
        best = rows.now[m];
        for (size_t k = 0; beginning && k <= m; k++)
                best = MIN(best, rows.now[k]);
        return best;
}

static void offer(Suggestion *s, const char *name, unsigned mistakes) {
        if (mistakes > MIN(strlen(s->word) / 3, MISTAKES_MAX) || (s->name && mistakes >= s->mistakes))
                return;
        s->name = name;
        s->mistakes = mistakes;
}

void suggest_name(Suggestion *s, const char *name) {
        bool is_short = strlen(s->word) >= SHORT_MIN && startswith(name, s->word);

        offer(s, name, is_short ? 1 : suggest_mistakes(s->word, name, false));
}

void suggest_id(Suggestion *s, const char *id) {
        offer(s, id, MIN(suggest_mistakes(s->word, id, true), suggest_mistakes(s->word, job_id_token(id), true)));
}
