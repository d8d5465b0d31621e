/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "complaint.h"
#include "macro.h"
#include "text-new.h"
#include "text.h"

#define REASON_MAX 400U

static bool is_error(const char *line) {
        return startswith(line, "Error") || startswith(line, "error:") || startswith(line, "ERROR:") ||
                strstr(line, "' panicked at ");
}

/* Lines that Codex also writes when nothing fails. */
static bool is_chatter(const char *line) {
        return startswith(line, "WARNING:") || startswith(line, "warning:") || startswith(line, "Reading ");
}

static int join(char **text, const char *more) {
        char *joined = text_new("%s %s", *text, more);

        if (!joined)
                return -ENOMEM;
        free(*text);
        *text = joined;
        return 0;
}

static int set(char **text, const char *line) {
        char *copy = strdup(line);

        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

/* A frame is indented; the line "Stack backtrace:" itself is part of it. */
static bool is_backtrace(Complaint *c, const char *line, size_t n) {
        size_t begin = strlen("Stack backtrace:");

        if (n >= begin && memcmp(line, "Stack backtrace:", begin) == 0)
                c->backtrace = true;
        else if (n > 0 && *line != ' ')
                c->backtrace = false;
        return c->backtrace;
}

int complaint_line(Complaint *c, const char *line, size_t n) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (is_backtrace(c, line, n))
                return 0;
        text = text_line(line, n, REASON_MAX);
        if (!text)
                return -ENOMEM;
        if (!*text)
                return 0;
        if (c->continues) {
                c->continues = false;
                r = join(&c->error, text);
        } else if (is_error(text)) {
                c->continues = text[strlen(text) - 1] == ':';
                r = set(&c->error, text);
        } else
                r = is_chatter(text) ? 0 : set(&c->last, text);
        return r < 0 ? r : 1;
}

void complaint_clear(Complaint *c) {
        free(c->error);
        free(c->last);
        *c = (Complaint) {};
}
