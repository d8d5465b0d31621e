/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <locale.h>
#include <poll.h>
#include <sys/stat.h>

#include "live.h"
#include "terminal.h"
#include "text-new.h"

#define TICK_USEC (200 * USEC_PER_MSEC)
#define ERASE "\r\033[K" /* ECMA-48 */

static struct Live {
        sd_event_source *timer; /* NULL: there is none */
        live_text_t text;
        void *userdata;
        bool utf8;
        bool color;
        bool shown;
        unsigned frame;
} live;

/* Whether the last line written to stdout or stderr, by descriptor, is incomplete. */
static bool amid[STDERR_FILENO + 1];

/* A background process may write to the terminal, but must not draw over the foreground. */
static bool in_foreground(void) {
        return tcgetpgrp(STDERR_FILENO) == getpgrp();
}

bool live_is_possible(void) {
        return terminal_is_smart(STDERR_FILENO) && in_foreground();
}

/* Lost output is harmless here; stopped terminals are not waited for. */
static void put(const char *text, size_t n) {
        struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

        if (poll(&p, 1, 0) > 0 && write(STDERR_FILENO, text, n) < 0)
                return;
}

void live_hide(void) {
        if (!live.shown)
                return;
        live.shown = false;
        put(ERASE, strlen(ERASE));
}

/* As a terminal is, and the pipe of "2>&1". */
static bool are_one_file(int a, int b) {
        struct stat sa, sb;

        return fstat(a, &sa) >= 0 && fstat(b, &sb) >= 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

void live_wrote(int fd, const char *data, size_t n) {
        bool incomplete = n > 0 && data[n - 1] != '\n';

        if (n == 0 || (fd != STDOUT_FILENO && fd != STDERR_FILENO) || amid[fd] == incomplete)
                return;
        amid[fd] = incomplete;
        if (are_one_file(STDOUT_FILENO, STDERR_FILENO))
                amid[STDOUT_FILENO] = amid[STDERR_FILENO] = incomplete;
}

bool live_is_amid(void) {
        return amid[STDERR_FILENO];
}

static const char *next_frame(void) {
        static const char *const utf8[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
        static const char *const ascii[] = { "|", "/", "-", "\\" };

        live.frame++;
        return live.utf8 ? utf8[live.frame % ELEMENTSOF(utf8)] : ascii[live.frame % ELEMENTSOF(ascii)];
}

/* The last column stays free: on some terminals the cursor would move to the next line. */
static void draw(void) {
        _cleanup_free_ char *text = NULL, *safe = NULL, *line = NULL;
        size_t columns = terminal_columns(STDERR_FILENO), bytes;
        JobState state = JOB_QUEUED;
        const char *color;

        text = live.text(live.userdata, &state);
        if (!text || columns < 4)
                return;
        safe = terminal_text(text, live.utf8);
        if (!safe)
                return;
        (void) text_columns(safe, columns - 3, &bytes);
        color = live.color ? state_color(state) : "";
        line = text_new("\r%s%s%s %.*s\033[K", color, next_frame(), *color ? COLOR_END : "", (int) bytes, safe);
        if (!line)
                return;
        put(line, strlen(line));
        live.shown = true;
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        int r;

        if (!live_is_amid() && in_foreground())
                draw();
        r = sd_event_source_set_time_relative(s, TICK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

int live_begin(sd_event *event, uint64_t delay_usec, live_text_t text, void *userdata) {
        live = (struct Live) {
                .text = text,
                .userdata = userdata,
                .utf8 = terminal_is_utf8(),
                .color = terminal_has_color(STDERR_FILENO),
        };
        (void) setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters only */
        return sd_event_add_time_relative(event, &live.timer, CLOCK_MONOTONIC, delay_usec, 10 * USEC_PER_MSEC, on_tick,
                                          NULL);
}

void live_end(void) {
        live_hide();
        live.timer = sd_event_source_disable_unref(live.timer);
}
