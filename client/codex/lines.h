/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes lines of what comes in pieces, with bounded memory. */

#include <stdbool.h>
#include <stddef.h>

/* What a line may be, any of them together. */
enum {
        LINE_CUT = 1 << 0,  /* it was longer than the limit: this is its beginning, the rest is gone */
        LINE_OPEN = 1 << 1, /* the input ended before the line did */
};

/* A line without its newline. It is gone when the handler returns. Returns 0 or a negative errno. */
typedef int (*LineHandler)(const char *line, size_t n, unsigned flags, void *userdata);

typedef struct Lines {
        size_t max; /* bytes of a line */
        LineHandler handler;
        void *userdata;

        char *buffer; /* the beginning of a line whose end has not come */
        size_t size, allocated;
        bool cut;
} Lines;

/* Calls the handler for each line that ends in these bytes. Takes time in proportion to n, however long the
 * line. Returns 0, -ENOMEM, or what the handler returned first. */
int lines_feed(Lines *lines, const char *data, size_t n);

/* Calls the handler for what is left without a newline, if there is anything. */
int lines_end(Lines *lines);

void lines_clear(Lines *lines);
