/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdarg.h>

#include "clean.h"
#include "setup.h"

void setup_clear(Setup *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->texts[i]);
        for (size_t i = 0; i < s->n; i++)
                free(s->commands[i]);
        free(s->codex);
        free(s->service_version);
        (void) client_free(s->client);
        sd_bus_error_free(&s->client_error);
}

int setup_report(Setup *s, const JsonCheck *check, const char *format, ...) {
        char *text = NULL, *line;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        line = one_line(text);
        free(text);
        if (!line)
                return -ENOMEM;
        s->texts[s->n] = line;
        s->commands[s->n] = check->command ? strdup(check->command) : NULL;
        s->checks[s->n] = *check;
        s->checks[s->n].text = line;
        s->checks[s->n].command = s->commands[s->n];
        s->n++;
        return check->command && !s->commands[s->n - 1] ? -ENOMEM : 0;
}
