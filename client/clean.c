/* SPDX-License-Identifier: Apache-2.0 */

#include "clean.h"
#include "macro.h"

typedef enum CleanState {
        CLEAN_TEXT,
        CLEAN_RETURN,   /* behind a carriage return, which became a newline */
        CLEAN_ESCAPE,   /* behind ESC and perhaps intermediate bytes */
        CLEAN_CONTROL,  /* in a control sequence, ESC [ */
        CLEAN_STRING,   /* in a control string, such as the title of a window */
        CLEAN_STRING_ESCAPE,
        CLEAN_C2,       /* behind the first byte of U+0080 to U+00BF */
} CleanState;

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f };

/* The states in which nothing is shown. Each ends at the latest at the end of the line, so that half a sequence
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
size_t turns_direction(const unsigned char *s) {
        if (s[0] == 0xd8)
                return s[1] == 0x9c ? 2 : 0;
        if (s[0] != 0xe2)
                return 0;
        if (s[1] == 0x80)
                return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae) ? 3 : 0;
        return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9 ? 3 : 0;
}

static size_t put(char *out, const char *text) {
        size_t n = 0;

        for (; text[n]; n++) /* without the NUL */
                out[n] = text[n];
        return n;
}

/* U+0080 to U+009F are controls, too: U+009B begins what ESC [ begins. */
static size_t behind_c2(Cleaner *cl, unsigned char c, char *out) {
        bool is_control = c < 0xa0;

        cl->state = CLEAN_TEXT;
        if (c == 0x9b)
                cl->state = CLEAN_CONTROL;
        else if (c == 0x90 || c == 0x98 || c == 0x9d || c == 0x9e || c == 0x9f)
                cl->state = CLEAN_STRING;
        if (is_control)
                return 0;
        out[0] = (char) 0xc2;
        out[1] = (char) c;
        return 2;
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

static unsigned bytes_behind(unsigned char c) {
        return c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xc3 && c < 0xe0 ? 1 : 0;
}

static size_t hold(Cleaner *cl, unsigned char c) {
        cl->held[cl->n_held++] = c;
        cl->more = 0;
        return 0;
}

/* The character turned out to be harmless. */
static size_t put_held(Cleaner *cl, char *out) {
        size_t n = cl->n_held;

        for (size_t i = 0; i < n; i++)
                out[i] = (char) cl->held[i];
        cl->more = bytes_behind(cl->held[0]) - (unsigned) (n - 1);
        cl->n_held = 0;
        return n;
}

static size_t clean_other(Cleaner *cl, unsigned char c, char *out) {
        bool goes_on = c >= 0x80 && c < 0xc0;

        if (cl->state == CLEAN_C2) {
                if (goes_on)
                        return behind_c2(cl, c, out);
                cl->state = CLEAN_TEXT;
        }
        if (cl->state == CLEAN_RETURN) {
                cl->state = CLEAN_TEXT;
                if (c == '\n')
                        return 0;
        }
        if (cl->state != CLEAN_TEXT && skip(cl, c))
                return 0;
        if (c < 0x20 || c == DEL) {
                cl->more = 0;
                return clean_control(cl, c, out);
        }
        if (c == 0xc2) {
                cl->state = CLEAN_C2;
                cl->more = 0;
                return 0;
        }
        if (c == 0xe2 || c == 0xd8)
                return hold(cl, c);
        if (goes_on && cl->more == 0) /* part of no character: other character sets have controls there */
                return put(out, REPLACEMENT);
        cl->more = goes_on ? cl->more - 1 : bytes_behind(c);
        *out = (char) c;
        return 1;
}

static size_t clean_byte(Cleaner *cl, unsigned char c, char *out) {
        unsigned char character[] = { cl->held[0], cl->n_held > 1 ? cl->held[1] : c, c, 0 };
        size_t n;

        if (cl->n_held == 0)
                return clean_other(cl, c, out);
        if (turns_direction(character) == cl->n_held + 1) {
                cl->n_held = 0;
                return put(out, REPLACEMENT);
        }
        if (cl->n_held == 1 && cl->held[0] == 0xe2 && (c == 0x80 || c == 0x81))
                return hold(cl, c);
        n = put_held(cl, out);
        return n + clean_other(cl, c, out + n);
}

size_t clean(Cleaner *cleaner, const char *in, size_t n, char *out) {
        size_t size = 0;

        for (size_t i = 0; i < n; i++)
                size += clean_byte(cleaner, (unsigned char) in[i], out + size);
        return size;
}

bool has_control(const char *s) {
        for (const unsigned char *c = (const unsigned char *) s; *c; c++)
                if (*c < 0x20 || *c == DEL || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) || turns_direction(c) > 0)
                        return true;
        return false;
}

char *clean_string(const char *s) {
        size_t n = strlen(s);
        char *copy = malloc(CLEAN_SIZE(n) + 1);
        Cleaner cleaner = {};

        if (!copy)
                return NULL;
        copy[clean(&cleaner, s, n, copy)] = 0;
        return copy;
}
