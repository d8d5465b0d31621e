/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Documents of json-c, member by member. All return 0 or -ENOMEM. */

#include <json-c/json.h>

#include "macro.h"

static inline void json_putp(json_object **object) {
        if (*object)
                (void) json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Take the value, also if they fail. NULL: there was no memory for it. */
int json_add(json_object *object, const char *name, json_object *value);
int json_append(json_object *array, json_object *value);

/* A copy of the value; NULL, and for a time 0, becomes null. */
int json_add_null(json_object *object, const char *name);
int json_add_string(json_object *object, const char *name, const char *value);
int json_add_bool(json_object *object, const char *name, bool value);
int json_add_number(json_object *object, const char *name, uint64_t value);
int json_add_time(json_object *object, const char *name, uint64_t usec);

/* A string from a job or from the user who submitted it, on one line. */
int json_add_clean_line(json_object *object, const char *name, const char *value);

/* The JSON of a job, with clean strings. */
int json_add_object_text(json_object *object, const char *name, const char *text);
