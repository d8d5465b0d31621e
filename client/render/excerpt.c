/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/stat.h>

#include "clean.h"
#include "excerpt.h"
#include "terminal.h"
#include "text-new.h"
#include "utf8.h"
#include "write.h"

#define BUFFER_SIZE (32U * 1024U)
#define CHARACTER_MAX 4 /* bytes of one in UTF-8 */

bool bounds_are_set(const Bounds *bounds) {
        return bounds->max_bytes != UINT64_MAX || bounds->tail != UINT64_MAX;
}

OutputWant bounds_want(const Bounds *bounds) {
        bool by_lines = bounds->tail != UINT64_MAX, all = bounds->max_bytes == UINT64_MAX;
        uint64_t half = all ? UINT64_MAX : bounds->max_bytes / 2 + 2 * CHARACTER_MAX;

        return (OutputWant) { .head = by_lines ? 0 : half, .tail = by_lines ? 0 : half, .lines = by_lines ? bounds->tail : 0 };
}

/* ---- Where it is cut ---- */

/* The offset "at", or the start of the character that contains it; "at" itself if the text is not valid UTF-8. */
static int find_character(int fd, off_t at, bool before, off_t *ret) {
        off_t from = before ? MAX(at - CHARACTER_MAX + 1, (off_t) 0) : at;
        _cleanup_free_ char *bytes = NULL;
        size_t n;
        int r;

        r = output_read(fd, from, before ? (size_t) (at - from) + 1 : CHARACTER_MAX, &bytes, &n);
        if (r < 0)
                return r;
        *ret = at;
        for (size_t i = 0; i < n; i++) {
                size_t k = before ? n - 1 - i : i;

                if (utf8_is_continuation(bytes[k]))
                        continue;
                *ret = from + (off_t) k;
                break;
        }
        return 0;
}

int excerpt_find(int fd, const Bounds *bounds, Excerpt *ret) {
        Excerpt e = {};
        struct stat st;
        off_t half;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        e.end = st.st_size;
        if (bounds->tail != UINT64_MAX) {
                r = output_tail(fd, bounds->tail, &e.begin);
                if (r < 0)
                        return r;
        }
        e.head = e.rest = e.end;
        if ((uint64_t) (e.end - e.begin) > bounds->max_bytes) {
                half = (off_t) (bounds->max_bytes / 2);
                r = find_character(fd, e.begin + half, true, &e.head);
                if (r < 0)
                        return r;
                r = find_character(fd, e.end - half, false, &e.rest);
                if (r < 0)
                        return r;
                e.head = MAX(e.head, e.begin);
                e.rest = MIN(e.rest, e.end);
        }
        *ret = e;
        return 0;
}

bool excerpt_is_cut(const Excerpt *e) {
        return e->begin > 0 || e->head < e->rest;
}

/* ---- What is shown ---- */

/* A separate line about the omitted part. */
static char *notice(off_t missing, off_t total, const char *command, bool first) {
        return text_new("%s[%jd of %jd bytes omitted; full output: %s]\n", first ? "" : "\n", (intmax_t) missing,
                        (intmax_t) total, command);
}

static int write_notice(int target, off_t missing, off_t total, const char *command, bool first) {
        _cleanup_free_ char *text = NULL;

        if (missing <= 0)
                return 0;
        text = notice(missing, total, command, first);
        return text ? write_shown(target, text, strlen(text)) : -ENOMEM;
}

static int write_range(int fd, off_t from, off_t to, int target, bool clean_it) {
        _cleanup_free_ char *cleaned = clean_it ? malloc(CLEAN_SIZE(BUFFER_SIZE)) : NULL;
        Cleaner cleaner = { .ascii = !terminal_takes_utf8(target) };
        int r;

        if (clean_it && !cleaned)
                return -ENOMEM;
        while (from < to) {
                _cleanup_free_ char *data = NULL;
                size_t n;

                r = output_read(fd, from, (size_t) MIN((off_t) BUFFER_SIZE, to - from), &data, &n);
                if (r < 0)
                        return r;
                if (n == 0)
                        break;
                from += (off_t) n;
                if (clean_it)
                        n = clean(&cleaner, data, n, cleaned);
                r = write_shown(target, clean_it ? cleaned : data, n);
                if (r < 0)
                        return r;
        }
        return clean_it ? write_shown(target, cleaned, clean_end(&cleaner, cleaned)) : 0;
}

int excerpt_write(int fd, const Excerpt *e, int target, const char *command) {
        bool clean_it = isatty(target);
        int r;

        r = write_range(fd, e->begin, e->head, target, clean_it);
        if (r >= 0)
                r = write_notice(target, e->rest - e->head, e->end, command, e->head == e->begin);
        if (r >= 0)
                r = write_range(fd, e->rest, e->end, target, clean_it);
        return r;
}

static int put_range(FILE *f, int fd, off_t from, off_t to) {
        _cleanup_free_ char *data = NULL, *valid = NULL, *text = NULL;
        size_t n;
        int r;

        r = output_read(fd, from, (size_t) (to - from), &data, &n);
        if (r < 0)
                return r;
        valid = utf8_make_valid(data, n);
        if (!valid)
                return -ENOMEM;
        text = clean_string(valid);
        if (!text)
                return -ENOMEM;
        (void) fputs(text, f);
        return 0;
}

static int put_notice(FILE *f, off_t missing, const Excerpt *e, const char *command, bool first) {
        _cleanup_free_ char *text = NULL;

        if (missing <= 0)
                return 0;
        text = notice(missing, e->end, command, first);
        if (!text)
                return -ENOMEM;
        (void) fputs(text, f);
        return 0;
}

int excerpt_text(int fd, const Excerpt *e, const char *command, char **ret) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);
        int r;

        if (!f)
                return -ENOMEM;
        r = put_range(f, fd, e->begin, e->head);
        if (r >= 0)
                r = put_notice(f, e->rest - e->head, e, command, e->head == e->begin);
        if (r >= 0)
                r = put_range(f, fd, e->rest, e->end);
        if (r < 0)
                return r;
        *ret = text_stream_take(&s);
        return *ret ? 0 : -ENOMEM;
}
