/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Arguments of a tool, checked against the schema that clients have of them. Of JSON Schema there is what tools.json
 * uses. */

#include <json-c/json.h>

/* Whether the value is as the schema says; null counts as an argument that is not given. Returns 0; -EINVAL with
 * *ret_error, a sentence that names the argument, which the caller frees; or -ENOMEM. */
int arguments_check(json_object *schema, json_object *arguments, char **ret_error);
