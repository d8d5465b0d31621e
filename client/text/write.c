/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "live.h"
#include "say.h"
#include "terminal.h"
#include "text-new.h"
#include "write.h"

int write_shown(int fd, const char *text, size_t size) {
        int r = write_all(fd, text, size);

        if (r >= 0)
                live_wrote(fd, text, size);
        return r;
}

int write_stdout(const char *text, size_t size, sd_bus_error *error) {
        _cleanup_free_ char *ascii = NULL;
        int r;

        if (!terminal_takes_utf8(STDOUT_FILENO)) {
                ascii = strndup(text, size);
                if (!ascii)
                        return -ENOMEM;
                text_to_ascii(ascii);
                size = strlen(ascii);
        }
        r = write_shown(STDOUT_FILENO, ascii ?: text, size);
        if (r < 0)
                (void) error_set(error, "Failed to write to standard output: %s.", strerror(-r));
        return r;
}

int write_text(text_put_t put, void *userdata, sd_bus_error *error) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);
        int r;

        if (!f)
                return -ENOMEM;
        r = put(f, userdata);
        if (r >= 0)
                r = text_stream_close(&s);
        return r < 0 ? r : write_stdout(s.text, s.size, error);
}
