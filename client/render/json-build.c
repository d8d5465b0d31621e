/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "clean.h"
#include "json-build.h"
#include "time-util.h"

int json_add(json_object *object, const char *name, json_object *value) {
        if (!value || json_object_object_add(object, name, value) < 0) {
                if (value)
                        (void) json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_null(json_object *object, const char *name) {
        return json_object_object_add(object, name, NULL) < 0 ? -ENOMEM : 0;
}

int json_add_string(json_object *object, const char *name, const char *value) {
        return value ? json_add(object, name, json_object_new_string(value)) : json_add_null(object, name);
}

int json_add_clean_line(json_object *object, const char *name, const char *value) {
        _cleanup_free_ char *text = isempty(value) ? NULL : clean_string(value), *line = NULL;

        if (isempty(value))
                return json_add_null(object, name);
        line = text ? one_line(text) : NULL;
        return line ? json_add_string(object, name, line) : -ENOMEM;
}

int json_add_bool(json_object *object, const char *name, bool value) {
        return json_add(object, name, json_object_new_boolean(value));
}

int json_add_number(json_object *object, const char *name, uint64_t value) {
        return json_add(object, name, json_object_new_uint64(value));
}

int json_add_time(json_object *object, const char *name, uint64_t usec) {
        char text[RFC3339_MAX];

        return json_add_string(object, name, usec > 0 ? format_rfc3339(usec, text) : NULL);
}

static int clean_json_string(json_object *value) {
        _cleanup_free_ char *text = clean_string(json_object_get_string(value));

        return text && json_object_set_string(value, text) == 1 ? 0 : -ENOMEM;
}

/* The texts within a value that a job made up. The parser limits how deep it is. */
static int clean_json(json_object *value) {
        int r = 0;

        if (json_object_is_type(value, json_type_string))
                return clean_json_string(value);
        if (json_object_is_type(value, json_type_array))
                for (size_t i = 0; i < json_object_array_length(value) && r >= 0; i++)
                        r = clean_json(json_object_array_get_idx(value, i));
        if (json_object_is_type(value, json_type_object)) {
                json_object_object_foreach(value, key, member) {
                        (void) key;
                        if (r >= 0)
                                r = clean_json(member);
                }
        }
        return r;
}

int json_add_object_text(json_object *object, const char *name, const char *text) {
        _cleanup_json_ json_object *value = !isempty(text) ? json_tokener_parse(text) : NULL;
        int r;

        r = clean_json(value);
        if (r < 0)
                return r;
        return value ? json_add(object, name, TAKE_PTR(value)) : json_add_null(object, name);
}

int json_append(json_object *array, json_object *value) {
        if (!value || json_object_array_add(array, value) < 0) {
                if (value)
                        (void) json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}
