/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What keys do, in each mode. */

#include <curses.h>
#include <limits.h>
#include <wctype.h>

#include "bus-names.h"
#include "console.h"
#include "top.h"
#include "utf8.h"

#define WITH_CTRL(letter) ((letter) & 0x1f)
enum { ESCAPE = 0x1b, DELETE = 0x7f };

static void go_to(Top *t, ssize_t lines) {
        int r;

        r = view_move(&t->view, lines);
        if (r < 0)
                client_stop(t->client, r, NULL);
}

static void set_filter(Top *t, const char *filter) {
        int r;

        r = view_set_filter(&t->view, filter);
        if (r < 0)
                client_stop(t->client, r, NULL);
        top_update(t);
}

/* ---- On the selected job ---- */

static void ask_cancel(Top *t, const JobRecord *record) {
        if (job_state_is_terminal(record->state)) {
                top_report(t, "%s has already finished. Press r to retry.", record->id);
                return;
        }
        free(t->asked);
        t->asked = strdup(record->id);
        if (t->asked)
                t->mode = TOP_CONFIRM;
        else
                client_stop(t->client, -ENOMEM, NULL);
}

static void retry(Top *t, const JobRecord *record) {
        if (job_state_is_terminal(record->state))
                action_retry(t, record->id);
        else
                top_report(t, "%s has not finished. Press c to cancel.", record->id);
}

static void hold(Top *t, const JobRecord *record) {
        if (record->state == JOB_QUEUED)
                action_hold(t, record->id, !record->held);
        else
                top_report(t, "%s is not queued.", record->id);
}

/* Shown at once, so that the next key counts from there. */
static void prefer(Top *t, JobRecord *record, int step) {
        int64_t priority = record->priority + step;

        if (record->state != JOB_QUEUED)
                top_report(t, "%s is not queued.", record->id);
        else if (priority < -JOB_PRIORITY_MAX || priority > JOB_PRIORITY_MAX)
                top_report(t, "Priorities are from -%d to %d.", JOB_PRIORITY_MAX, JOB_PRIORITY_MAX);
        else {
                go_to(t, 0); /* it stays selected wherever it gets */
                record->priority = (int32_t) priority;
                action_priority(t, record->id, (int32_t) priority);
        }
}

static void on_job_key(Top *t, wint_t key) {
        TopJob *job = view_job(&t->view);

        if (!job)
                top_report(t, "No job selected.");
        else if (key == 'c')
                ask_cancel(t, &job->record);
        else if (key == 'r')
                retry(t, &job->record);
        else if (key == 'H')
                hold(t, &job->record);
        else if (key == '+' || key == '-')
                prefer(t, &job->record, key == '+' ? 1 : -1);
        else
                log_open(t, job->record.id);
}

/* ---- The list ---- */

static void begin_filter(Top *t) {
        const char *filter = strempty(t->view.filter);

        t->mode = TOP_FILTER;
        (void) snprintf(t->filter, sizeof(t->filter), "%s", filter);
}

static bool on_motion(Top *t, wint_t key) {
        ssize_t page = (ssize_t) MAX(t->view.lines, 2U) - 1;

        switch (key) {
        case KEY_UP:
        case 'k':
                go_to(t, -1);
                return true;
        case KEY_DOWN:
        case 'j':
                go_to(t, 1);
                return true;
        case KEY_PPAGE:
        case WITH_CTRL('b'):
                go_to(t, -page);
                return true;
        case KEY_NPAGE:
        case WITH_CTRL('f'):
                go_to(t, page);
                return true;
        case KEY_HOME:
        case 'g':
                go_to(t, -(ssize_t) t->view.n);
                return true;
        case KEY_END:
        case 'G':
                go_to(t, (ssize_t) t->view.n);
                return true;
        default:
                return false;
        }
}

static void on_list_key(Top *t, wint_t key) {
        switch (key) {
        case 'q':
                t->quit = true;
                break;
        case '?':
        case 'h':
                t->mode = TOP_HELP;
                break;
        case '/':
                begin_filter(t);
                break;
        case 'p':
                action_pause(t, !model_is_paused(t->model));
                break;
        case WITH_CTRL('l'):
                (void) clearok(curscr, TRUE);
                model_reload(t->model);
                break;
        case ESCAPE:
                set_filter(t, "");
                break;
        case '\r':
        case '\n':
        case KEY_ENTER:
        case 'l':
        case 'c':
        case 'r':
        case 'H':
        case '+':
        case '-':
                on_job_key(t, key);
                break;
        default:
                (void) on_motion(t, key);
        }
}

/* ---- Questions ---- */

static void on_confirm_key(Top *t, wint_t key) {
        t->mode = TOP_LIST;
        if (key == 'y' || key == 'Y')
                action_cancel(t, t->asked);
}

static void filter_add(Top *t, wint_t key) {
        char text[MB_LEN_MAX];
        size_t n = strlen(t->filter);
        int length = wctomb(text, (wchar_t) key);

        if (length <= 0 || !iswprint(key) || n + (size_t) length > FILTER_MAX)
                return;
        (void) memcpy(t->filter + n, text, (size_t) length);
        t->filter[n + (size_t) length] = 0;
}

static void filter_remove(Top *t) {
        size_t n = strlen(t->filter);

        t->filter[n > 0 ? utf8_truncate(t->filter, n, n - 1) : 0] = 0;
}

static void on_filter_key(Top *t, int kind, wint_t key) {
        bool special = kind == KEY_CODE_YES;

        if (key == '\r' || key == '\n' || (special && key == KEY_ENTER))
                t->mode = TOP_LIST;
        else if (key == ESCAPE) {
                t->mode = TOP_LIST;
                t->filter[0] = 0;
        } else if (key == DELETE || key == WITH_CTRL('h') || (special && key == KEY_BACKSPACE))
                filter_remove(t);
        else if (key == WITH_CTRL('u'))
                t->filter[0] = 0;
        else if (!special)
                filter_add(t, key);
        set_filter(t, t->filter);
}

/* ---- All of them ---- */

/* With kind KEY_CODE_YES it is a key of curses, else a character: what is U+0102 would else be an arrow. */
static void on_key(Top *t, int kind, wint_t key) {
        if (kind == OK && key >= KEY_MIN && t->mode != TOP_FILTER)
                return;
        free(t->message);
        t->message = NULL;
        switch (t->mode) {
        case TOP_HELP:
                t->mode = TOP_LIST;
                break;
        case TOP_FILTER:
                on_filter_key(t, kind, key);
                break;
        case TOP_CONFIRM:
                on_confirm_key(t, key);
                break;
        default:
                on_list_key(t, key);
        }
}

void keys_read(Top *t) {
        wint_t key;
        int kind;

        top_update(t);
        while (t->mode != TOP_LOG && !t->quit && (kind = get_wch(&key)) != ERR)
                if (kind != KEY_CODE_YES || key != KEY_RESIZE)
                        on_key(t, kind, key);
        top_changed(t);
}
