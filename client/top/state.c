/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdarg.h>

#include "top.h"

void top_changed(void *userdata) {
        Top *t = userdata;

        if (t->draw)
                (void) sd_event_source_set_enabled(t->draw, SD_EVENT_ONESHOT);
}

void top_report(Top *t, const char *format, ...) {
        va_list ap;

        free(t->message);
        va_start(ap, format);
        if (vasprintf(&t->message, format, ap) < 0)
                t->message = NULL;
        va_end(ap);
        top_changed(t);
}

void top_update(Top *t) {
        int r;

        r = view_update(&t->view, t->model, screen_list_lines());
        if (r < 0)
                client_stop(t->client, r, NULL);
}
