/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "json-read.h"

json_object *json_member(json_object *object, const char *name, json_type type) {
        json_object *value;

        if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &value))
                return NULL;
        return json_object_is_type(value, type) ? value : NULL;
}

const char *json_text(json_object *object, const char *name) {
        json_object *value = json_member(object, name, json_type_string);
        const char *text = value ? json_object_get_string(value) : NULL;

        return text && strlen(text) == (size_t) json_object_get_string_len(value) ? text : NULL;
}

int64_t json_number(json_object *object, const char *name, int64_t none) {
        json_object *value = json_member(object, name, json_type_int);

        if (!value)
                value = json_member(object, name, json_type_double);
        return value ? json_object_get_int64(value) : none;
}

bool json_is_true(json_object *object, const char *name) {
        return json_object_get_boolean(json_member(object, name, json_type_boolean));
}

size_t json_length(json_object *object, const char *name) {
        json_object *array = json_member(object, name, json_type_array);

        return array ? json_object_array_length(array) : 0;
}

const char **json_texts(json_object *object, const char *name) {
        json_object *array = json_member(object, name, json_type_array);
        size_t n = json_length(object, name);
        const char **texts = calloc(n + 1, sizeof(char *));

        for (size_t i = 0; texts && i < n; i++)
                texts[i] = strempty(json_object_get_string(json_object_array_get_idx(array, i)));
        return texts;
}
