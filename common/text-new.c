/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "text-new.h"

char *text_new_v(const char *format, va_list ap) {
        char *text;

        return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

char *text_new(const char *format, ...) {
        va_list ap;
        char *text;

        va_start(ap, format);
        text = text_new_v(format, ap);
        va_end(ap);
        return text;
}

FILE *text_stream_open(TextStream *s) {
        return s->f = open_memstream(&s->text, &s->size);
}

int text_stream_close(TextStream *s) {
        return fclose(TAKE_PTR(s->f)) == 0 ? 0 : -ENOMEM;
}

char *text_stream_take(TextStream *s) {
        return text_stream_close(s) < 0 ? NULL : TAKE_PTR(s->text);
}

void text_stream_clear(TextStream *s) {
        if (s->f)
                (void) fclose(s->f); /* which sets the text */
        free(s->text);
        *s = (TextStream) {};
}
