/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Jobs as a table that fits the terminal: on narrow ones columns are omitted and long text is truncated. The table is
 * plain and complete if stdout is not a terminal. */

#include <locale.h>
#include <pwd.h>

#include "clean.h"
#include "render.h"
#include "say.h"
#include "terminal.h"
#include "text-new.h"
#include "time-util.h"

/* How much room WHAT must have for the others to stay. */
#define WHAT_MIN 12U
#define GAP 2U

/* What stdout can show. */
typedef struct Style {
        size_t width;
        bool utf8;
        bool color;
        bool history; /* a look back: points in time in place of ages */
        uint64_t now;
} Style;

size_t terminal_width(void) {
        return terminal_columns(STDOUT_FILENO);
}

static Style style_of_stdout(size_t width, bool history) {
        return (Style) {
                .width = width,
                .utf8 = terminal_takes_utf8(STDOUT_FILENO),
                .color = terminal_has_color(STDOUT_FILENO),
                .history = history,
                .now = now_realtime(),
        };
}

static char *cell(const char *text) {
        return one_line(isempty(text) ? "-" : text);
}

static char *what_cell(const JobRecord *record, const Style *style) {
        _cleanup_free_ char *progress = render_progress(record), *text = NULL;

        text = text_new("%s%s%s%s%s%s", isempty(record->label) ? "-" : record->label, record->place ? " on " : "",
                        strempty(record->place), progress ? " [" : "", strempty(progress), progress ? "]" : "");
        if (!text)
                return NULL;
        return terminal_text(text, style->utf8);
}

static char *id_cell(const JobRecord *record, const Style *style) {
        return cell(record->id);
}

static char *state_cell(const JobRecord *record, const Style *style) {
        return cell(job_state_to_string(record->state));
}

static char *end_cell(const JobRecord *record, const Style *style) {
        char text[32];

        if (record->reason != JOB_REASON_EXIT_CODE)
                return cell(job_reason_to_string(record->reason));
        (void) snprintf(text, sizeof(text), "exit %d", record->exit_code);
        return strdup(text);
}

char *render_user(uid_t uid) {
        const struct passwd *user = getpwuid(uid);
        char text[16];

        if (user)
                return one_line(user->pw_name);
        (void) snprintf(text, sizeof(text), "%u", (unsigned) uid);
        return strdup(text);
}

static char *user_cell(const JobRecord *record, const Style *style) {
        return render_user(record->uid);
}

static char *since_cell(uint64_t from, uint64_t to) {
        char text[DURATION_MAX];

        if (from == 0)
                return strdup("-");
        return strdup(format_duration(to > from ? to - from : 0, text));
}

static char *when_cell(uint64_t usec) {
        char text[TIME_TEXT_MAX];

        return strdup(usec > 0 ? format_time(usec, text) ?: "-" : "-");
}

static char *time_cell(const JobRecord *record, const Style *style) {
        return since_cell(record->started_usec, record->finished_usec ?: style->now);
}

static char *age_cell(const JobRecord *record, const Style *style) {
        return style->history ? when_cell(record->created_usec) : since_cell(record->created_usec, style->now);
}

static const struct {
        const char *header;
        const char *history_header; /* NULL: the same */
        unsigned leaves;            /* when it is narrow: 1 is the first, 0 stays */
        char *(*cell)(const JobRecord *record, const Style *style); /* NULL: memory is short */
} columns[] = {
        { "ID", NULL, 0, id_cell },
        { "STATE", NULL, 0, state_cell },
        { "END", NULL, 3, end_cell },
        { "USER", NULL, 4, user_cell },
        { "TIME", NULL, 2, time_cell },
        { "AGE", "ENQUEUED", 1, age_cell },
        { "WHAT", NULL, 5, what_cell }, /* the last takes the rest */
};
enum { N_COLUMNS = ELEMENTSOF(columns), COLUMN_LAST = N_COLUMNS - 1 };

typedef struct Row {
        char *cells[N_COLUMNS];
        JobState state;
} Row;

static int row_fill(Row *row, const JobRecord *record, const Style *style) {
        row->state = record->state;
        for (size_t i = 0; i < N_COLUMNS; i++) {
                row->cells[i] = columns[i].cell(record, style);
                if (!row->cells[i])
                        return -ENOMEM;
        }
        return 0;
}

static void rows_free(Row *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < N_COLUMNS; k++)
                        free(rows[i].cells[k]);
        free(rows);
}

static void measure(const Row *rows, size_t n, const char *const *heads, size_t widths[static N_COLUMNS]) {
        for (size_t k = 0; k < N_COLUMNS; k++) {
                widths[k] = strlen(heads[k]);
                for (size_t i = 0; i < n; i++)
                        widths[k] = MAX(widths[k], text_columns(rows[i].cells[k], SIZE_MAX, NULL));
        }
}

/* Takes columns away until the last has some room, and gives it what is left. A width of 0 is a column that left. */
static void fit(size_t widths[static N_COLUMNS], size_t width) {
        for (unsigned turn = 1; turn <= N_COLUMNS; turn++) {
                size_t others = 0;

                for (size_t k = 0; k < COLUMN_LAST; k++)
                        others += widths[k] > 0 ? widths[k] + GAP : 0;
                if (width >= others + MIN(widths[COLUMN_LAST], WHAT_MIN)) {
                        widths[COLUMN_LAST] = MIN(widths[COLUMN_LAST], width - others);
                        return;
                }
                for (size_t k = 0; k < N_COLUMNS; k++)
                        if (columns[k].leaves == turn)
                                widths[k] = 0;
        }
}

/* Truncates a text to this many columns, with a mark. Returns the number of columns used. */
static size_t put_text(FILE *f, const char *text, size_t room, const Style *style) {
        const char *mark = style->utf8 ? "…" : "...";
        size_t mark_width = style->utf8 ? 1 : 3, taken, bytes;
        bool cut = text_columns(text, room, &bytes) < text_columns(text, SIZE_MAX, NULL);

        if (!cut || room <= mark_width)
                mark_width = 0;
        taken = text_columns(text, room - mark_width, &bytes);
        (void) fprintf(f, "%.*s%s", (int) bytes, text, mark_width > 0 ? mark : "");
        return taken + mark_width;
}

static void put_line(FILE *f, const char *const *cells, const char *color, const size_t widths[static N_COLUMNS],
                     const Style *style) {
        size_t column = 0, due = 0;

        for (size_t k = 0; k < N_COLUMNS; k++) {
                bool colored = *color && columns[k].cell == state_cell;

                if (widths[k] == 0)
                        continue;
                if (due >= style->width)
                        break;
                (void) fprintf(f, "%*s%s", (int) (due - column), "", colored ? color : "");
                column = due + put_text(f, cells[k], MIN(widths[k], style->width - due), style);
                (void) fputs(colored ? COLOR_END : "", f);
                due += widths[k] + GAP;
        }
        (void) fputc('\n', f);
}

/* The user is shown only to those who see jobs of others. */
static bool has_others(const JobRecord *records, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (records[i].uid != getuid())
                        return true;
        return false;
}

static int render(FILE *f, const JobRecord *records, size_t n, bool history, size_t width) {
        const Style style = style_of_stdout(width, history);
        bool others = has_others(records, n);
        const char *heads[N_COLUMNS];
        size_t widths[N_COLUMNS];
        Row *rows;
        int r = 0;

        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters only */
        rows = calloc(n, sizeof(Row));
        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = row_fill(&rows[i], &records[i], &style);
        if (r >= 0) {
                for (size_t k = 0; k < N_COLUMNS; k++)
                        heads[k] = (history ? columns[k].history_header : NULL) ?: columns[k].header;
                measure(rows, n, heads, widths);
                for (size_t k = 0; k < N_COLUMNS; k++)
                        if (columns[k].cell == user_cell && !others)
                                widths[k] = 0;
                fit(widths, width);
                put_line(f, heads, "", widths, &style);
                for (size_t i = 0; i < n; i++)
                        put_line(f, (const char *const *) rows[i].cells, style.color ? state_color(rows[i].state) : "",
                                 widths, &style);
        }
        rows_free(rows, n);
        return r;
}

int render_table(FILE *f, const JobRecord *records, size_t n, size_t width) {
        return render(f, records, n, false, width);
}

int render_history(FILE *f, const JobRecord *records, size_t n, size_t width) {
        return render(f, records, n, true, width);
}
