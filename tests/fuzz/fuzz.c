/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "fuzz.h"

char *fuzz_string(const uint8_t *data, size_t size) {
        char *s = malloc(size + 1);

        fuzz_check(s);
        if (size > 0)
                memcpy(s, data, size);
        s[size] = 0;
        return s;
}

/* Stands before the function of libsystemd: parsers log, and that is not for the journal of the machine. */
int sd_journal_print_with_location(int priority, const char *file, const char *line, const char *function,
                                   const char *format, ...) _printf_(5, 6);
int sd_journal_print_with_location(int priority, const char *file, const char *line, const char *function,
                                   const char *format, ...) {
        return 0;
}
