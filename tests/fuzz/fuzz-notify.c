/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What a job wrote, on its way into a notification: whatever it is, a line that a server takes and that is no
 * markup. */

#include "fuzz.h"
#include "text.h"
#include "utf8.h"

#define CUT 64U

static bool has_control(const char *text) {
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f)
                        return true;
        return false;
}

/* A & that begins one of our entities, and nothing else of markup. */
static bool is_escaped(const char *text) {
        for (; *text; text++) {
                if (*text == '<' || *text == '>')
                        return false;
                if (*text == '&' && !startswith(text, "&amp;") && !startswith(text, "&lt;") &&
                    !startswith(text, "&gt;"))
                        return false;
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *line = first_line((const char *) data, size), *cut = NULL, *escaped = NULL;

        fuzz_check(line && strlen(line) <= 240 && !has_control(line));
        fuzz_check(utf8_is_valid(line, strlen(line)));
        cut = cut_text(line, CUT);
        fuzz_check(cut && strlen(cut) <= CUT && utf8_is_valid(cut, strlen(cut)));
        escaped = escape_markup(line);
        fuzz_check(escaped && is_escaped(escaped) && strlen(escaped) >= strlen(line));
        return 0;
}
