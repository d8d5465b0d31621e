/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "log-failure.h"

void log_failure(const char *format, ...) {
        static char last[1024];
        char text[sizeof(last)] = "";
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (strcmp(text, last) == 0)
                return;
        memcpy(last, text, sizeof(last));
        sd_journal_print(LOG_ERR, "%s", text);
}
