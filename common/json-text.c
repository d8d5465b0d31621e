/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "json-text.h"
#include "macro.h"
#include "utf8.h"

#define DEPTH_MAX 32

/* The remaining input, and the output of tokens: out never overtakes p. */
typedef struct Parser {
        const char *p;
        const char *end;
        char *out;
} Parser;

static void skip_space(Parser *parser) {
        while (parser->p < parser->end && strchr(" \t\r\n", *parser->p))
                parser->p++;
}

static bool peek(const Parser *parser, const char *characters) {
        return parser->p < parser->end && strchr(characters, *parser->p);
}

static void take(Parser *parser) {
        *parser->out++ = *parser->p++;
}

static bool take_one(Parser *parser, const char *characters) {
        if (!peek(parser, characters))
                return false;
        take(parser);
        return true;
}

static bool take_digits(Parser *parser) {
        if (!take_one(parser, "0123456789"))
                return false;
        while (take_one(parser, "0123456789"))
                ;
        return true;
}

static bool take_number(Parser *parser) {
        (void) take_one(parser, "-");
        if (!take_one(parser, "0") && !take_digits(parser))
                return false;
        if (take_one(parser, ".") && !take_digits(parser))
                return false;
        if (!take_one(parser, "eE"))
                return true;
        (void) take_one(parser, "+-");
        return take_digits(parser);
}

static bool take_escape(Parser *parser) {
        if (take_one(parser, "\"\\/bfnrt"))
                return true;
        if (!take_one(parser, "u"))
                return false;
        for (int i = 0; i < 4; i++)
                if (!take_one(parser, "0123456789abcdefABCDEF"))
                        return false;
        return true;
}

static bool take_string(Parser *parser) {
        if (!take_one(parser, "\""))
                return false;
        while (parser->p < parser->end && (unsigned char) *parser->p >= ' ') {
                if (take_one(parser, "\""))
                        return true;
                if (!take_one(parser, "\\"))
                        take(parser);
                else if (!take_escape(parser))
                        return false;
        }
        return false;
}

static bool take_word(Parser *parser, const char *word) {
        for (const char *w = word; *w; w++)
                if (!take_one(parser, (char[]) { *w, 0 }))
                        return false;
        return true;
}

static bool take_value(Parser *parser, unsigned depth);

/* Members of an object, or elements of an array, up to the closing bracket. */
static bool take_list(Parser *parser, const char *closing, unsigned depth) { /* NOLINT(misc-no-recursion) */
        bool object = *closing == '}';

        take(parser);
        skip_space(parser);
        if (take_one(parser, closing))
                return true;
        do {
                skip_space(parser);
                if (object) {
                        if (!take_string(parser))
                                return false;
                        skip_space(parser);
                        if (!take_one(parser, ":"))
                                return false;
                        skip_space(parser);
                }
                if (!take_value(parser, depth + 1))
                        return false;
                skip_space(parser);
        } while (take_one(parser, ","));
        return take_one(parser, closing);
}

static bool take_value(Parser *parser, unsigned depth) { /* NOLINT(misc-no-recursion) */
        if (depth > DEPTH_MAX || parser->p >= parser->end)
                return false;
        switch (*parser->p) {
        case '{':
                return take_list(parser, "}", depth);
        case '[':
                return take_list(parser, "]", depth);
        case '"':
                return take_string(parser);
        case 't':
                return take_word(parser, "true");
        case 'f':
                return take_word(parser, "false");
        case 'n':
                return take_word(parser, "null");
        default:
                return take_number(parser);
        }
}

char *json_text_compact_object(const char *text, size_t n) {
        _cleanup_free_ char *copy = NULL;
        Parser parser = { .p = text, .end = text + n };

        if (!utf8_is_valid(text, n)) /* nor can there be a NUL */
                return NULL;
        parser.out = copy = malloc(n + 1);
        if (!copy)
                return NULL;
        skip_space(&parser);
        if (!peek(&parser, "{") || !take_value(&parser, 1))
                return NULL;
        skip_space(&parser);
        if (parser.p != parser.end)
                return NULL;
        *parser.out = 0;
        return TAKE_PTR(copy);
}
