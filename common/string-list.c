/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "macro.h"
#include "string-list.h"

void string_list_free(char **list) {
        for (char **s = list; s && *s; s++)
                free(*s);
        free(list);
}

size_t string_list_size(char *const *list) {
        size_t size = 0;

        for (char *const *s = list; s && *s; s++)
                size += strlen(*s) + 1;
        return size;
}

int string_list_copy(char *const *list, size_t n, char ***ret) {
        char **copy;

        copy = calloc(n + 1, sizeof(char *));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(list[i]);
                if (!copy[i]) {
                        string_list_free(copy);
                        return -ENOMEM;
                }
        }
        *ret = copy;
        return 0;
}
