/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* NULL-terminated lists of strings, as for execve(2). NULL is the empty list. */

#include <stddef.h>

/* Frees a list and its strings. Takes NULL. */
void string_list_free(char **list);

/* Size of the strings in bytes, each with its NUL. */
size_t string_list_size(char *const *list);

/* Copies the first n strings of a list into *ret, which the caller frees. Returns 0 or -ENOMEM. */
int string_list_copy(char *const *list, size_t n, char ***ret);
