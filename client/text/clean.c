/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "macro.h"
#include "utf8.h"

typedef enum CleanState {
        CLEAN_TEXT,
        CLEAN_RETURN,   /* after a carriage return, which became a newline */
        CLEAN_ESCAPE,   /* after ESC and perhaps intermediate bytes */
        CLEAN_CONTROL,  /* in a control sequence, ESC [ */
        CLEAN_STRING,   /* in a control string, such as the title of a window */
        CLEAN_STRING_ESCAPE,
} CleanState;

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f };

/* The states in which nothing is shown. Each ends at the end of the line at the latest, so that an incomplete sequence
 * hides no more than that. Returns whether c is part of the sequence. */
static bool skip(Cleaner *cl, unsigned char c) {
        switch (cl->state) {
        case CLEAN_ESCAPE:
                if (c >= 0x20 && c < 0x30)
                        return true;
                cl->state = c == '[' ? CLEAN_CONTROL : c && strchr("]PX^_", c) ? CLEAN_STRING : CLEAN_TEXT;
                return c >= 0x30 && c < DEL;
        case CLEAN_CONTROL:
                if (c >= 0x20 && c < 0x40)
                        return true;
                cl->state = CLEAN_TEXT;
                return c >= 0x40 && c < DEL;
        case CLEAN_STRING_ESCAPE:
                cl->state = c == '\\' ? CLEAN_TEXT : CLEAN_ESCAPE;
                return c == '\\' ? true : skip(cl, c);
        default:
                if (c == ESC)
                        cl->state = CLEAN_STRING_ESCAPE;
                else if (c == BEL || c == '\n' || c == '\r')
                        cl->state = CLEAN_TEXT;
                return c != '\n' && c != '\r';
        }
}

/* U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069. */
static size_t bidi_size(const unsigned char *s) {
        if (s[0] == 0xd8)
                return s[1] == 0x9c ? 2 : 0;
        if (s[0] != 0xe2)
                return 0;
        if (s[1] == 0x80)
                return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae) ? 3 : 0;
        return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

static size_t separator_size(const unsigned char *s) {
        return s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9) ? 3 : 0;
}

size_t bidi_or_separator_size(const unsigned char *s) {
        return bidi_size(s) ?: separator_size(s);
}

bool is_c1(const unsigned char *s) {
        return s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;
}

static size_t put(char *out, const void *text, size_t n) {
        (void) memcpy(out, text, n);
        return n;
}

static size_t put_replacement(const Cleaner *cl, char *out) {
        return cl->ascii ? put(out, "?", 1) : put(out, REPLACEMENT, strlen(REPLACEMENT));
}

/* U+0080 to U+009F are control characters, too: U+009B is equivalent to ESC [, and U+009C terminates U+009D. */
static void clean_c1(Cleaner *cl, unsigned char c) {
        if (c == 0x9b)
                cl->state = CLEAN_CONTROL;
        else if (c == 0x90 || c == 0x98 || c == 0x9d || c == 0x9e || c == 0x9f)
                cl->state = CLEAN_STRING;
        else if (c == 0x9c || (cl->state != CLEAN_STRING && cl->state != CLEAN_STRING_ESCAPE))
                cl->state = CLEAN_TEXT;
}

static size_t clean_control(Cleaner *cl, unsigned char c, char *out) {
        if (c == ESC) {
                cl->state = CLEAN_ESCAPE;
                return 0;
        }
        if (c == '\r') {
                cl->state = CLEAN_RETURN;
                out[0] = '\n';
                return 1;
        }
        out[0] = c == '\n' || c == '\t' ? (char) c : '^';
        if (out[0] != '^')
                return 1;
        out[1] = (char) (c ^ 0x40);
        return 2;
}

/* A character of n bytes, followed by a NUL; 0: invalid bytes. */
static size_t clean_character(Cleaner *cl, const unsigned char *s, size_t n, char *out) {
        if (cl->state == CLEAN_RETURN) {
                cl->state = CLEAN_TEXT;
                if (s[0] == '\n')
                        return 0;
        }
        if (n == 2 && is_c1(s)) {
                clean_c1(cl, s[1]);
                return 0;
        }
        if (cl->state != CLEAN_TEXT && skip(cl, s[0]))
                return 0;
        if (n == 1 && (s[0] < 0x20 || s[0] == DEL))
                return clean_control(cl, s[0], out);
        if (n == 0 || bidi_or_separator_size(s) > 0 || (cl->ascii && n > 1))
                return put_replacement(cl, out);
        return put(out, s, n);
}

static size_t length_from(unsigned char c) {
        return c < 0x80 ? 1 : c < 0xc2 || c > 0xf4 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* What is held is no character: other character sets have controls there. */
static size_t clean_held(Cleaner *cl, char *out) {
        size_t size = 0;

        for (size_t i = 0; i < cl->n_held; i++)
                size += clean_character(cl, &cl->held[i], 0, out + size);
        cl->n_held = 0;
        return size;
}

static size_t clean_byte(Cleaner *cl, unsigned char c, char *out) {
        size_t size = 0, length;

        if ((c & 0xc0) != 0x80)
                size = clean_held(cl, out);
        cl->held[cl->n_held++] = c;
        cl->held[cl->n_held] = 0;
        length = length_from(cl->held[0]);
        if (cl->n_held < length)
                return size;
        /* NUL is a control character, but not accepted by utf8_is_valid(). */
        if (length == 0 || (length > 1 && !utf8_is_valid((const char *) cl->held, length)))
                return size + clean_held(cl, out + size);
        size += clean_character(cl, cl->held, length, out + size);
        cl->n_held = 0;
        return size;
}

size_t clean(Cleaner *cleaner, const char *in, size_t n, char *out) {
        size_t size = 0;

        for (size_t i = 0; i < n; i++)
                size += clean_byte(cleaner, (unsigned char) in[i], out + size);
        return size;
}

size_t clean_end(Cleaner *cleaner, char *out) {
        return clean_held(cleaner, out);
}

bool has_control(const char *s) {
        for (const unsigned char *c = (const unsigned char *) s; *c; c++)
                if (*c < 0x20 || *c == DEL || is_c1(c) || bidi_or_separator_size(c) > 0)
                        return true;
        return false;
}

char *clean_string(const char *s) {
        size_t n = strlen(s);
        char *copy = malloc(CLEAN_SIZE(n) + 1);
        Cleaner cleaner = {};

        if (!copy)
                return NULL;
        n = clean(&cleaner, s, n, copy);
        n += clean_end(&cleaner, copy + n);
        copy[n] = 0;
        return copy;
}

/* Each backspace takes back a character. */
static void take_back(char *line) {
        char *to = line;

        for (const char *from = line; *from; from++) {
                if (*from != '\b') {
                        *to++ = *from;
                        continue;
                }
                while (to > line && ((unsigned char) to[-1] & 0xc0) == 0x80)
                        to--;
                if (to > line)
                        to--;
        }
        *to = 0;
}

char *settled_line(const char *line) {
        _cleanup_free_ char *copy = strdup(line), *states = NULL;
        char *end;

        if (!copy)
                return NULL;
        take_back(copy);
        states = clean_string(copy); /* carriage returns are newlines there */
        if (!states)
                return NULL;
        end = states + strlen(states);
        while (end > states && strchr(" \t\n", end[-1]))
                end--;
        *end = 0;
        end = strrchr(states, '\n');
        return strdup(end ? end + 1 : states);
}

char *one_line(const char *s) {
        char *line = utf8_make_valid(s, strlen(s)), *to = line;
        unsigned char *from = (unsigned char *) line;
        size_t n;

        if (!line)
                return NULL;
        while (*from) {
                n = bidi_size(from);
                from += n;
                if (n > 0)
                        continue;
                n = separator_size(from);
                if (n > 0) {
                        from += n;
                        *to++ = ' ';
                        continue;
                }
                if (*from < 0x20 || *from == 0x7f)
                        *from = ' ';
                else if (is_c1(from))
                        from[0] = from[1] = ' ';
                *to++ = (char) *from++;
        }
        *to = 0;
        return line;
}

char *one_line_of_name(const char *s, size_t max) {
        _cleanup_free_ char *shown = utf8_make_shown(s, max);

        return shown ? one_line(shown) : NULL;
}
