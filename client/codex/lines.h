/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Splits input that arrives in pieces into lines, with bounded memory. */

#include <stdbool.h>
#include <stddef.h>

/* What a line may be, any of them together. */
enum {
        LINE_CUT = 1 << 0,  /* it exceeded the limit: this is its beginning, the rest is lost */
        LINE_OPEN = 1 << 1, /* the input ended before the line */
};

/* A line without its newline. It is gone when the handler returns. Returns 0 or a negative errno. */
typedef int (*LineHandler)(const char *line, size_t n, unsigned flags, void *userdata);

typedef struct Lines {
        size_t max; /* bytes of a line */
        LineHandler handler;
        void *userdata;

        char *buffer; /* the beginning of an incomplete line */
        size_t size, allocated;
        bool cut;
} Lines;

/* Calls the handler for each line that is completed by these bytes. Takes time proportional to n, however long the
 * line. Returns 0, -ENOMEM, or the first error of the handler. */
int lines_feed(Lines *lines, const char *data, size_t n);

/* Calls the handler for the rest without a newline, if any. */
int lines_end(Lines *lines);

void lines_clear(Lines *lines);
