/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <locale.h>
#include <wchar.h>

#include "render.h"
#include "test.h"

static JobRecord records[] = {
        {
                .id = (char *) "task-7f3k9q2m1x",
                .label = (char *) "mend the 世界 and all that is in it, from the bottom to the top",
                .state = JOB_RUNNING,
                .progress = (char *) "3 of 8",
                .created_usec = 1,
                .started_usec = 1,
        },
        {
                .id = (char *) "job-0000000000",
                .label = (char *) "a\x1b[31m\nb",
                .state = JOB_FAILED,
                .reason = JOB_REASON_EXIT_CODE,
                .exit_code = 3,
                .created_usec = 1,
                .started_usec = 1000000,
                .finished_usec = 3000000,
        },
        {
                .id = (char *) "job-1111111111",
                .state = JOB_QUEUED,
        },
};

/* The jobs of a user. The caller frees it. */
static char *table_of(uid_t uid, size_t width) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        check(f);
        for (size_t i = 0; i < ELEMENTSOF(records); i++)
                records[i].uid = uid;
        check_ok(render_table(f, records, ELEMENTSOF(records), width));
        check_int(fclose(f), 0);
        return text;
}

static char *table(size_t width) {
        return table_of(getuid(), width);
}

static void unlimited(void) {
        _cleanup_free_ char *text = table(SIZE_MAX);

        check_contains(text, "ID ");
        check_contains(text, "task-7f3k9q2m1x  running ");
        check_contains(text, "from the bottom to the top [3 of 8]\n");
        check_contains(text, "job-0000000000   failed   exit 3  2s ");
        check_contains(text, "  a [31m b\n");
        check_contains(text, "job-1111111111   queued   -       -  ");
}

/* Whose they are is told where they are not one's own. */
static void users(void) {
        _cleanup_free_ char *own = table(SIZE_MAX), *other = table_of(4294967294, SIZE_MAX);

        check(!strstr(own, "USER"));
        check_contains(other, "USER");
        check_contains(other, "exit 3  4294967294  2s ");
}

static size_t columns(const char *line, size_t n) {
        mbstate_t state = {};
        size_t sum = 0;

        for (size_t i = 0; i < n;) {
                wchar_t c;
                size_t length = mbrtowc(&c, line + i, n - i, &state);

                check(length > 0 && length <= n - i); /* no character is cut in two */
                check(wcwidth(c) >= 0);
                sum += (size_t) wcwidth(c);
                i += length;
        }
        return sum;
}

/* No line is wider than the terminal, from the narrowest on, and there is one for each job. */
static void fits(void) {
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                test_skip("no UTF-8 locale here");
        for (size_t width = 1; width < 150; width++) {
                _cleanup_free_ char *text = table(width);
                size_t lines = 0;

                for (const char *p = text; *p; p += strcspn(p, "\n") + 1, lines++)
                        if (columns(p, strcspn(p, "\n")) > width)
                                test_fail(TEST_PLACE("width"), "a line is wider than %zu", width);
                check_int(lines, ELEMENTSOF(records) + 1);
        }
}

/* What matters most stays longest. */
static void narrow(void) {
        _cleanup_free_ char *text = table(26);

        check_contains(text, "task-7f3k9q2m1x  running\n");
        check(!strstr(text, "AGE"));
        check(!strstr(text, "WHAT"));
}

TEST_MAIN(TEST(unlimited), TEST(users), TEST(fits), TEST(narrow))
