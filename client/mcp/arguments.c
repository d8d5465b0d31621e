/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "arguments.h"
#include "clean.h"
#include "json-read.h"
#include "text-new.h"

#define NAME_MAX_SHOWN 64

typedef struct Check {
        const char *name; /* of the argument */
        char *error;
} Check;

static int check_value(Check *check, json_object *schema, json_object *value);

/* Takes the name of the argument from the client, so that it is shown on one line and in part. */
static int wrong(Check *check, const char *format, ...) _printf_(2, 3);
static int wrong(Check *check, const char *format, ...) {
        _cleanup_free_ char *what = NULL, *name = one_line_of_name(check->name, NAME_MAX_SHOWN);
        va_list ap;

        va_start(ap, format);
        what = text_new_v(format, ap);
        va_end(ap);
        if (what && name)
                check->error = text_new("Argument '%s' %s.", name, what);
        return check->error ? -EINVAL : -ENOMEM;
}

/* ---- Types ---- */

static const char *type_of(json_object *value) {
        switch (json_object_get_type(value)) {
        case json_type_boolean:
                return "boolean";
        case json_type_int:
                return "integer";
        case json_type_double: {
                double number = json_object_get_double(value);
                bool fits = number > -0x1p53 && number < 0x1p53;

                return fits && (double) (int64_t) number == number ? "integer" : "fraction";
        }
        case json_type_string:
                return "string";
        case json_type_array:
                return "array";
        case json_type_object:
                return "object";
        default:
                return "null";
        }
}

static const char *article(const char *type) {
        return strchr("aeio", *type) ? "an" : "a";
}

/* ---- Values ---- */

static int check_integer(Check *check, json_object *schema, json_object *value) {
        int64_t number = json_object_get_int64(value), min = json_number(schema, "minimum", INT64_MIN),
                max = json_number(schema, "maximum", INT64_MAX);

        if (number >= min && number <= max)
                return 0;
        if (max == INT64_MAX)
                return wrong(check, "must be at least %jd, not %jd", (intmax_t) min, (intmax_t) number);
        return wrong(check, "must be from %jd to %jd, not %jd", (intmax_t) min, (intmax_t) max, (intmax_t) number);
}

static int check_word(Check *check, json_object *words, const char *text) {
        _cleanup_text_stream_ TextStream list = {};
        FILE *f;

        for (size_t i = 0; i < json_object_array_length(words); i++)
                if (streq(json_object_get_string(json_object_array_get_idx(words, i)), text))
                        return 0;
        f = text_stream_open(&list);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(words); i++)
                (void) fprintf(f, "%s%s", i > 0 ? ", " : "",
                               json_object_get_string(json_object_array_get_idx(words, i)));
        if (text_stream_close(&list) < 0)
                return -ENOMEM;
        return wrong(check, "must be one of %s", list.text);
}

/* Lengths are in bytes, which are more than characters: the service counts them so. */
static int check_string(Check *check, json_object *schema, json_object *value) {
        json_object *words = json_member(schema, "enum", json_type_array);
        const char *text = json_object_get_string(value);
        size_t n = (size_t) json_object_get_string_len(value);
        int64_t min = json_number(schema, "minLength", 0), max = json_number(schema, "maxLength", INT64_MAX);

        if (strlen(text) != n)
                return wrong(check, "has a NUL character");
        if ((int64_t) n < min)
                return wrong(check, "must not be empty");
        if ((int64_t) n > max)
                return wrong(check, "must have at most %jd bytes, not %zu", (intmax_t) max, n);
        return words ? check_word(check, words, text) : 0;
}

static int check_array(Check *check, json_object *schema, json_object *value) {
        json_object *items = json_member(schema, "items", json_type_object);
        int64_t min = json_number(schema, "minItems", 0), max = json_number(schema, "maxItems", INT64_MAX);
        size_t n = json_object_array_length(value);
        int r = 0;

        if ((int64_t) n < min)
                return wrong(check, "must not be empty");
        if ((int64_t) n > max)
                return wrong(check, "must have at most %jd items, not %zu", (intmax_t) max, n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = check_value(check, items, json_object_array_get_idx(value, i));
        return r;
}

/* An object with any members, all of one schema. */
static int check_members(Check *check, json_object *schema, json_object *value) {
        json_object *of_all = json_member(schema, "additionalProperties", json_type_object);
        int r = 0;

        json_object_object_foreach(value, name, member) {
                (void) name;
                r = check_value(check, of_all, member);
                if (r < 0)
                        return r;
        }
        return r;
}

static int check_value(Check *check, json_object *schema, json_object *value) {
        const char *wanted = strempty(json_text(schema, "type")), *type = type_of(value);

        if (!streq(wanted, type))
                return wrong(check, "must be %s %s, not %s %s", article(wanted), wanted, article(type), type);
        if (streq(type, "integer"))
                return check_integer(check, schema, value);
        if (streq(type, "string"))
                return check_string(check, schema, value);
        if (streq(type, "array"))
                return check_array(check, schema, value);
        return streq(type, "object") ? check_members(check, schema, value) : 0;
}

/* ---- All of them ---- */

static int check_required(Check *check, json_object *schema, json_object *arguments) {
        json_object *names = json_member(schema, "required", json_type_array), *value;

        for (size_t i = 0; names && i < json_object_array_length(names); i++) {
                check->name = json_object_get_string(json_object_array_get_idx(names, i));
                if (!json_object_object_get_ex(arguments, check->name, &value) || !value)
                        return wrong(check, "is missing");
        }
        return 0;
}

static int check_given(Check *check, json_object *schema, json_object *arguments) {
        json_object *properties = json_member(schema, "properties", json_type_object), *property;
        int r = 0;

        json_object_object_foreach(arguments, name, value) {
                check->name = name;
                if (!json_object_object_get_ex(properties, name, &property))
                        return wrong(check, "is unknown");
                if (value)
                        r = check_value(check, property, value);
                if (r < 0)
                        return r;
        }
        return r;
}

int arguments_check(json_object *schema, json_object *arguments, char **ret_error) {
        Check check = {};
        int r;

        r = check_required(&check, schema, arguments);
        if (r >= 0)
                r = check_given(&check, schema, arguments);
        if (r == -EINVAL)
                *ret_error = check.error;
        return r;
}
