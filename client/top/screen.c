/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What is on the screen: a line about all, the table, a line about the selected job, and one of keys, a question or
 * a message. In a small terminal lines and columns are left out. */

#include <curses.h>

#include "console.h"
#include "render.h"
#include "terminal.h"
#include "time-util.h"
#include "top.h"

enum { COLUMN_ID, COLUMN_STATE, COLUMN_END, COLUMN_CPU, COLUMN_MEMORY, COLUMN_TIME, COLUMN_AT, COLUMN_WHAT, N_COLUMNS };

static const char *const headers[N_COLUMNS] = { "ID", "STATE", "END", "CPU", "MEMORY", "TIME", "AT", "WHAT" };
static const int leaving[] = { COLUMN_AT, COLUMN_END, COLUMN_MEMORY, COLUMN_CPU, COLUMN_TIME, COLUMN_STATE };

#define WHAT_MIN 16U
#define GAP 2U
#define CELL_MAX 64

typedef struct Cells {
        char texts[N_COLUMNS][CELL_MAX]; /* but for WHAT */
} Cells;

/* ---- Text ---- */

/* Draws a text at a position, at most this many columns of it. Returns the column after it. */
static size_t put(size_t y, size_t x, size_t max, const char *text) {
        _cleanup_free_ char *safe = terminal_text(text, console_is_utf8());
        size_t columns, bytes;

        if (!safe)
                return x;
        columns = text_columns(safe, max, &bytes);
        (void) mvaddnstr((int) y, (int) x, safe, (int) bytes);
        return x + columns;
}

static size_t room_behind(size_t x) {
        return x < (size_t) COLS ? (size_t) COLS - x : 0;
}

/* A line up to the right edge of the screen. */
static void put_line(size_t y, int attributes, const char *text) {
        (void) attrset(attributes);
        (void) put(y, 0, room_behind(0), text);
        (void) attrset(A_NORMAL);
}

/* ---- Cells ---- */

static void format_memory(uint64_t bytes, char ret[static CELL_MAX]) {
        static const char units[] = "BKMGTPE";
        double value = (double) bytes;
        size_t i = 0;

        for (; value >= 1024 && units[i + 1]; i++)
                value /= 1024;
        (void) snprintf(ret, CELL_MAX, i > 0 && value < 10 ? "%.1f%c" : "%.0f%c", value, units[i]);
}

/* A point in time, which stays true while the screen stays as it is: the time of day, or the date. */
static void format_at(uint64_t usec, char ret[static CELL_MAX]) {
        time_t then = (time_t) (usec / USEC_PER_SEC), now = (time_t) (now_realtime() / USEC_PER_SEC);
        struct tm then_parts, now_parts;
        bool today;

        if (usec == 0 || !localtime_r(&then, &then_parts) || !localtime_r(&now, &now_parts))
                return;
        today = then_parts.tm_year == now_parts.tm_year && then_parts.tm_yday == now_parts.tm_yday;
        (void) strftime(ret, CELL_MAX, today ? "%H:%M" : "%m-%d", &then_parts);
}

static void fill_usage(Cells *cells, const Usage *usage) {
        if (usage->has_cpu)
                (void) snprintf(cells->texts[COLUMN_CPU], CELL_MAX, "%ju%%", (uintmax_t) usage->cpu_percent);
        if (usage->has_memory)
                format_memory(usage->memory, cells->texts[COLUMN_MEMORY]);
}

static void fill_cells(Cells *cells, const TopJob *job) {
        const JobRecord *record = &job->record;
        uint64_t to = record->finished_usec ?: now_realtime();
        char duration[DURATION_MAX];

        *cells = (Cells) {};
        (void) snprintf(cells->texts[COLUMN_ID], CELL_MAX, "%s", record->id);
        (void) snprintf(cells->texts[COLUMN_STATE], CELL_MAX, "%s", job_state_to_string(record->state));
        if (record->reason == JOB_REASON_EXIT_CODE)
                (void) snprintf(cells->texts[COLUMN_END], CELL_MAX, "exit %d", record->exit_code);
        else if (record->state != JOB_CANCELLED)
                (void) snprintf(cells->texts[COLUMN_END], CELL_MAX, "%s", job_reason_to_string(record->reason));
        if (record->started_usec > 0)
                (void) snprintf(cells->texts[COLUMN_TIME], CELL_MAX, "%s",
                                format_duration(to > record->started_usec ? to - record->started_usec : 0, duration));
        format_at(record->finished_usec ?: record->started_usec ?: record->created_usec, cells->texts[COLUMN_AT]);
        if (record->state == JOB_RUNNING)
                fill_usage(cells, &job->usage);
}

/* ---- The table ---- */

static size_t first_line(void) {
        return LINES >= 4 ? 2 : LINES == 3 ? 1 : 0;
}

size_t screen_list_lines(void) {
        size_t others = first_line() + 1 + (LINES >= 5);

        return (size_t) LINES > others ? (size_t) LINES - others : 0;
}

static size_t shown_end(const View *v) {
        return MIN(v->n, v->first + v->lines);
}

static void measure(const View *v, size_t widths[static N_COLUMNS]) {
        Cells cells;

        for (size_t k = 0; k < N_COLUMNS; k++)
                widths[k] = strlen(headers[k]);
        widths[COLUMN_END] = 0;
        widths[COLUMN_STATE] = strlen("completed"); /* what comes and goes most moves nothing */
        widths[COLUMN_TIME] = strlen("59min 59s");
        for (size_t i = v->first; i < shown_end(v); i++) {
                fill_cells(&cells, v->jobs[i]);
                for (size_t k = 0; k < COLUMN_WHAT; k++)
                        widths[k] = MAX(widths[k], strlen(cells.texts[k]));
        }
        if (widths[COLUMN_END] > 0)
                widths[COLUMN_END] = MAX(widths[COLUMN_END], strlen(headers[COLUMN_END]));
}

/* Takes columns away until WHAT has some room, and gives it all that is left. */
static void fit(size_t widths[static N_COLUMNS]) {
        for (size_t gone = 0;; gone++) {
                size_t others = 0;

                for (size_t k = 0; k < COLUMN_WHAT; k++)
                        others += widths[k] > 0 ? widths[k] + GAP : 0;
                if (room_behind(others) >= WHAT_MIN || gone == ELEMENTSOF(leaving)) {
                        widths[COLUMN_WHAT] = room_behind(others);
                        return;
                }
                widths[leaving[gone]] = 0;
        }
}

static bool is_number(size_t column) {
        return column == COLUMN_CPU || column == COLUMN_MEMORY || column == COLUMN_TIME;
}

static size_t put_cell(size_t y, size_t x, size_t column, size_t width, const char *text) {
        size_t used = text_columns(text, width, NULL);

        (void) put(y, is_number(column) ? x + width - used : x, MIN(width, room_behind(x)), text);
        return x + width + GAP;
}

/* The label, and the progress in brackets: both are shortened if they are too long. */
static void put_what(size_t y, size_t x, size_t width, const JobRecord *record) {
        const char *label = strempty(record->label);
        _cleanup_free_ char *progress = render_progress(record);
        size_t room = width, wanted;

        if (!progress) {
                (void) put(y, x, width, label);
                return;
        }
        wanted = text_columns(progress, width, NULL) + strlen(" []");
        if (wanted < width)
                room = MAX(width - wanted, width / 4);
        else
                room = width / 4;
        room = x + width - put(y, x, room, label);
        x = x + width - room;
        if (room <= strlen(" []"))
                return;
        x = put(y, x, room, " [");
        x = put(y, x, room - strlen(" []"), progress);
        (void) put(y, x, 1, "]");
}

static void put_job(const View *v, size_t i, size_t y, const size_t widths[static N_COLUMNS]) {
        const TopJob *job = v->jobs[i];
        int selected = i == v->selected ? A_REVERSE : 0;
        size_t x = 0;
        Cells cells;

        fill_cells(&cells, job);
        (void) attrset(selected);
        (void) mvhline((int) y, 0, ' ', COLS);
        for (size_t k = 0; k < COLUMN_WHAT; k++) {
                if (widths[k] == 0)
                        continue;
                if (k == COLUMN_STATE && console_has_color())
                        (void) attrset(selected | COLOR_PAIR(job->record.state + 1));
                x = put_cell(y, x, k, widths[k], cells.texts[k]);
                (void) attrset(selected);
        }
        put_what(y, x, widths[COLUMN_WHAT], &job->record);
        (void) attrset(A_NORMAL);
}

static void put_table(const Top *t) {
        const View *v = &t->view;
        size_t widths[N_COLUMNS], x = 0;

        measure(v, widths);
        fit(widths);
        if (first_line() == 2) {
                (void) attrset(A_BOLD);
                for (size_t k = 0; k < N_COLUMNS; k++)
                        if (widths[k] > 0)
                                x = put_cell(1, x, k, MIN(widths[k], room_behind(x)), headers[k]);
                (void) attrset(A_NORMAL);
        }
        for (size_t i = v->first; i < shown_end(v); i++)
                put_job(v, i, first_line() + i - v->first, widths);
        if (v->n == 0 && v->lines > 0)
                put_line(first_line(), A_DIM,
                         !model_is_loaded(t->model) ? "Loading jobs." :
                         v->filter                  ? "No matching jobs. Press Esc to show all." :
                                                      "No jobs. Submit one with: codex-jobs enqueue -- COMMAND");
}

/* ---- The lines around it ---- */

static void put_summary(const Top *t) {
        size_t n, counts[3] = {};
        TopJob *const *jobs = model_jobs(t->model, &n);
        char text[256];

        for (size_t i = 0; i < n; i++)
                counts[job_state_is_terminal(jobs[i]->record.state) ? 2 : jobs[i]->record.state == JOB_QUEUED]++;
        (void) snprintf(text, sizeof(text), "%zu running, %zu queued, %zu finished%s%s%s%s", counts[0], counts[1],
                        counts[2], model_is_paused(t->model) ? ", PAUSED" : "",
                        client_is_away(t->client) ? ", reconnecting" : "", t->view.filter ? ", filter: " : "",
                        strempty(t->view.filter));
        put_line(0, A_BOLD, text);
}

static void put_details(const Top *t) {
        _cleanup_free_ char *state = NULL, *text = NULL;
        const TopJob *job = view_job(&t->view);
        char priority[32] = "";

        if (!job)
                return;
        if (job->record.state == JOB_QUEUED && job->record.priority != 0)
                (void) snprintf(priority, sizeof(priority), " (priority %" PRId32 ")", job->record.priority);
        state = render_state(&job->record);
        if (!state || asprintf(&text, "%s%s%s%s: %s", strempty(job->record.label), job->record.place ? " on " : "",
                               strempty(job->record.place), priority, state) < 0) {
                text = NULL;
                return;
        }
        put_line((size_t) LINES - 2, A_DIM, text);
}

static void put_last_line(const Top *t) {
        size_t y = (size_t) LINES - 1;
        char text[256];

        if (t->mode == TOP_CONFIRM) {
                (void) snprintf(text, sizeof(text), "Cancel %s? y/n", t->asked);
                put_line(y, A_BOLD, text);
        } else if (t->mode == TOP_FILTER) {
                (void) snprintf(text, sizeof(text), "/%s_", t->filter);
                put_line(y, A_BOLD, text);
        } else if (t->message)
                put_line(y, A_BOLD, t->message);
        else {
                (void) snprintf(text, sizeof(text), "q quit  Enter log  c cancel  r retry  p %s  / filter  ? help",
                                model_is_paused(t->model) ? "resume" : "pause");
                put_line(y, A_NORMAL, text);
        }
}

static void put_help(void) {
        static const char *const texts[] = {
                "Up k, Down j    Select a job; also Page Up, Page Down, Home, End",
                "Enter l         Show its output; q returns",
                "c               Cancel it",
                "r               Retry a finished job",
                "H               Hold or release a queued job",
                "+ -             Raise or lower the priority of a queued job by 1",
                "/               Filter jobs by text; Esc shows all",
                "p               Pause or resume your queue",
                "Ctrl-L          Reload the list and redraw",
                "q               Quit",
                "",
                "CPU is the share of one processor in the last second. AT is when a job",
                "finished, started, or was submitted.",
        };

        for (size_t i = 0; i < MIN(ELEMENTSOF(texts), screen_list_lines()); i++)
                put_line(first_line() + i, A_NORMAL, texts[i]);
}

void screen_draw(Top *t) {
        (void) erase();
        if (t->mode == TOP_HELP)
                put_help();
        else
                put_table(t);
        if (LINES >= 3)
                put_summary(t);
        if (LINES >= 5)
                put_details(t);
        put_last_line(t);
        (void) refresh();
}

bool screen_shows_running(const Top *t) {
        const View *v = &t->view;

        if (t->mode == TOP_LOG || t->mode == TOP_LOG_END)
                return false;
        for (size_t i = v->first; i < shown_end(v); i++)
                if (v->jobs[i]->record.state == JOB_RUNNING)
                        return true;
        return false;
}
