/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The JSON that a job leaves. What is stored of it is JSON that others can read: RFC 8259 is checked here by
 * a parser of its own, which takes nothing more. */

#include "bus-names.h"
#include "fuzz.h"
#include "spec.h"
#include "utf8.h"

#define DEPTH_MAX 1000

static const char *skip_value(const char *p, unsigned depth);

static const char *skip_digits(const char *p) {
        size_t n = strspn(p, "0123456789");

        return n > 0 ? p + n : NULL;
}

static const char *skip_number(const char *p) {
        p += *p == '-';
        p = *p == '0' ? p + 1 : skip_digits(p);
        if (p && *p == '.')
                p = skip_digits(p + 1);
        if (p && (*p == 'e' || *p == 'E')) {
                p++;
                p = skip_digits(p + (*p == '+' || *p == '-'));
        }
        return p;
}

static const char *skip_text(const char *p) {
        if (*p++ != '"')
                return NULL;
        for (; *p != '"'; p++) {
                if ((unsigned char) *p < ' ')
                        return NULL;
                if (*p != '\\')
                        continue;
                p++;
                if (*p == 'u') {
                        if (strspn(p + 1, "0123456789abcdefABCDEF") < 4)
                                return NULL;
                        p += 4;
                } else if (!*p || !strchr("\"\\/bfnrt", *p))
                        return NULL;
        }
        return p + 1;
}

/* Members of an object or elements of an array, behind the bracket. */
static const char *skip_list(const char *p, char end, unsigned depth) {
        if (*p == end)
                return p + 1;
        for (;; p++) {
                if (end == '}') {
                        p = skip_text(p);
                        if (!p || *p++ != ':')
                                return NULL;
                }
                p = skip_value(p, depth + 1);
                if (!p)
                        return NULL;
                if (*p == end)
                        return p + 1;
                if (*p != ',')
                        return NULL;
        }
}

/* What is behind the value at p, which has no white space in it; NULL if it is none. */
static const char *skip_value(const char *p, unsigned depth) {
        static const char *const words[] = { "true", "false", "null" };

        if (depth > DEPTH_MAX)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (startswith(p, words[i]))
                        return p + strlen(words[i]);
        if (*p == '{' || *p == '[')
                return skip_list(p + 1, *p == '{' ? '}' : ']', depth);
        return *p == '"' ? skip_text(p) : skip_number(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_string(data, size), *result = NULL, *again = NULL;
        const char *end;
        size_t n;

        result = spec_normalize_result(text, size);
        if (!result)
                return 0;
        n = strlen(result);
        fuzz_check(utf8_is_valid(result, n));
        fuzz_check(!strpbrk(result, "\r\n"));
        fuzz_check(result[0] == '{');
        end = skip_value(result, 0);
        fuzz_check(end && !*end);
        if (n > JOB_RESULT_MAX)
                return 0;
        again = spec_normalize_result(result, n); /* nothing is left to do */
        fuzz_check(again && streq(again, result));
        return 0;
}
