/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Members of objects that others wrote. An object that is NULL, or none, has no members. Nothing is owned. */

#include <json-c/json.h>

#include "macro.h"

/* NULL: there is no such member of that type. */
json_object *json_member(json_object *object, const char *name, json_type type);

/* A member that is a text without NUL; NULL: there is none. */
const char *json_text(json_object *object, const char *name);

/* A member that is a number of at most INT64_MAX, perhaps written as a fraction; the given one if there is none. */
int64_t json_number(json_object *object, const char *name, int64_t none);

/* A member that is true. */
bool json_is_true(json_object *object, const char *name);

/* A member that is an array, of texts, and how many it has; 0: there is none. The list ends with NULL, and the caller
 * frees it, without the texts. NULL: out of memory. */
size_t json_length(json_object *object, const char *name);
const char **json_texts(json_object *object, const char *name);
