/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "clean.h"
#include "terminal.h"

static bool window_size(int fd, struct winsize *ret) {
        *ret = (struct winsize) {};
        if (!isatty(fd))
                return false;
        (void) ioctl(fd, TIOCGWINSZ, ret);
        return true;
}

size_t terminal_columns(int fd) {
        struct winsize size;

        if (!window_size(fd, &size))
                return SIZE_MAX;
        return size.ws_col ?: 80;
}

size_t terminal_lines(int fd) {
        struct winsize size;

        if (!window_size(fd, &size))
                return SIZE_MAX;
        return size.ws_row ?: 24;
}

bool terminal_is_smart(int fd) {
        const char *type = getenv("TERM");

        return isatty(fd) && !isempty(type) && !streq(type, "dumb");
}

bool terminal_has_color(int fd) {
        return isempty(getenv("NO_COLOR")) && terminal_is_smart(fd);
}

/* The name of the locale: of the first variable that is set, see locale(7). */
const char *terminal_locale(void) {
        static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++)
                if (!isempty(getenv(variables[i])))
                        return getenv(variables[i]);
        return "C";
}

/* Of a locale that is not generated here, as those that ssh(1) passes on from another host. "UTF-8" alone is one of macOS. */
static bool names_utf8(const char *name) {
        const char *codeset = strchr(name, '.');
        size_t n;

        codeset = codeset ? codeset + 1 : name;
        n = strcspn(codeset, "@");
        return (n == 5 && strncasecmp(codeset, "UTF-8", n) == 0) || (n == 4 && strncasecmp(codeset, "UTF8", n) == 0);
}

bool terminal_locale_is_installed(void) {
        locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t) 0);

        if (!locale)
                return false;
        freelocale(locale);
        return true;
}

bool terminal_is_utf8(void) {
        locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t) 0);
        bool utf8;

        if (!locale)
                return names_utf8(terminal_locale());
        utf8 = streq(nl_langinfo_l(CODESET, locale), "UTF-8");
        freelocale(locale);
        return utf8;
}

bool terminal_takes_utf8(int fd) {
        return !isatty(fd) || terminal_is_utf8();
}

void text_to_ascii(char *text) {
        const unsigned char *from = (unsigned char *) text;
        char *to = text;

        for (; *from; from++)
                if (*from < 0x80)
                        *to++ = (char) *from;
                else if (startswith((const char *) from, "…")) {
                        to = mempcpy(to, "...", 3); /* as many bytes */
                        from += 2;
                } else if (*from >= 0xc0) /* the first byte of a character */
                        *to++ = '?';
        *to = 0;
}

char *terminal_text(const char *s, bool utf8) {
        char *text = one_line(s);

        if (text && !utf8)
                text_to_ascii(text);
        return text;
}

size_t text_columns(const char *s, size_t max, size_t *ret_bytes) {
        size_t n = strlen(s), columns = 0, i = 0;
        mbstate_t state = {};

        while (i < n) {
                wchar_t c;
                size_t length = mbrtowc(&c, s + i, n - i, &state);
                int width = 1;

                if (length == 0 || length > n - i) { /* no UTF-8 locale here */
                        length = 1;
                        state = (mbstate_t) {};
                } else
                        width = MAX(wcwidth(c), 0);
                if (columns + (size_t) width > max)
                        break;
                columns += (size_t) width;
                i += length;
        }
        if (ret_bytes)
                *ret_bytes = i;
        return columns;
}

const char *state_color(JobState state) {
        switch (state) {
        case JOB_RUNNING:
                return "\033[36m";
        case JOB_COMPLETED:
                return "\033[32m";
        case JOB_FAILED:
                return "\033[31m";
        case JOB_CANCELLED:
                return "\033[33m";
        default:
                return "";
        }
}
