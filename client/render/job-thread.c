/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <json-c/json.h>

#include "job-thread.h"
#include "macro.h"

bool thread_id_is_valid(const char *word) {
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (strlen(word) != strlen(form))
                return false;
        for (size_t i = 0; form[i]; i++)
                if (form[i] == '-' ? word[i] != '-' : !strchr("0123456789abcdef", word[i]))
                        return false;
        return true;
}

char *thread_of_result(const char *result) {
        json_object *document = isempty(result) ? NULL : json_tokener_parse(result), *value = NULL;
        char *thread = NULL;

        if (json_object_is_type(document, json_type_object) &&
            json_object_object_get_ex(document, "thread_id", &value) && json_object_is_type(value, json_type_string) &&
            thread_id_is_valid(json_object_get_string(value)))
                thread = strdup(json_object_get_string(value));
        (void) json_object_put(document);
        return thread;
}
