/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "setup.h"
#include "text-new.h"

void setup_clear(Setup *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->texts[i]);
        for (size_t i = 0; i < s->n; i++)
                free(s->commands[i]);
        for (size_t i = 0; i < s->n; i++)
                free(s->remedies[i]);
        free(s->codex);
        free(s->service_version);
        (void) client_free(s->client);
        sd_bus_error_free(&s->client_error);
}

int setup_report(Setup *s, const JsonCheck *check, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        char *line;
        va_list ap;

        va_start(ap, format);
        text = text_new_v(format, ap);
        va_end(ap);
        line = text ? one_line(text) : NULL;
        if (!line)
                return -ENOMEM;
        s->texts[s->n] = line;
        s->commands[s->n] = check->command ? strdup(check->command) : NULL;
        s->remedies[s->n] = check->remedy ? one_line(check->remedy) : NULL;
        s->checks[s->n] = *check;
        s->checks[s->n].text = line;
        s->checks[s->n].command = s->commands[s->n];
        s->checks[s->n].remedy = s->remedies[s->n];
        s->n++;
        return (check->command && !s->commands[s->n - 1]) || (check->remedy && !s->remedies[s->n - 1]) ? -ENOMEM : 0;
}
