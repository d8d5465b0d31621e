/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "last-lines.h"
#include "text-new.h"

/* Progress bars write much that is not shown. */
#define SHOWN_MAX 4096

/* Where the last line begins of those before end. */
static char *line_before(char *text, char *end) {
        char *newline = memrchr(text, '\n', (size_t) (end - text));

        return newline ? newline + 1 : text;
}

/* Prepends a line to what is in *lines, unless that would be too much: then returns 0. */
static int prepend(char **lines, const char *line) {
        _cleanup_free_ char *settled = settled_line(line);
        char *longer;

        if (!settled)
                return -ENOMEM;
        if (*lines && strlen(*lines) + strlen(settled) > SHOWN_MAX)
                return 0;
        longer = text_new("%s%s%s", settled, *lines ? "\n" : "", strempty(*lines));
        if (!longer)
                return -ENOMEM;
        free(*lines);
        *lines = longer;
        return 1;
}

int last_lines_read(int fd, unsigned n, char **ret) {
        _cleanup_free_ char *text = NULL, *lines = NULL;
        off_t begin, size;
        size_t read;
        char *end;
        int r;

        r = output_tail(fd, n, &begin);
        if (r >= 0)
                r = output_tail(fd, 0, &size);
        if (r >= 0)
                r = output_read(fd, MAX(begin, size - LAST_LINES_SIZE), LAST_LINES_SIZE, &text, &read);
        if (r < 0)
                return r;
        for (size_t i = 0; i < read; i++)
                if (text[i] == 0)
                        text[i] = ' ';
        end = text + read;
        if (read > 0 && end[-1] == '\n')
                *--end = 0;
        for (r = 1; n > 0 && r > 0; n--) {
                char *line = line_before(text, end);

                r = prepend(&lines, line);
                if (line == text)
                        break;
                end = line - 1;
                *end = 0;
        }
        if (r < 0)
                return r;
        *ret = lines ? TAKE_PTR(lines) : strdup("");
        return *ret ? 0 : -ENOMEM;
}
