/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "resource-limits.h"

#define LIMIT(name, kind, max) { #name, RLIMIT_##name, RESOURCE_##kind, max },
const ResourceLimit resource_limits[RESOURCE_LIMITS_N] = { RESOURCE_LIMITS(LIMIT) };

#define INFINITY_TEXT "infinity"

/* "NAME=VALUE " of each. */
#define ENTRY_SIZE(name, ...) +sizeof(#name "=" "18446744073709551615")
#define TEXT_MAX (0 RESOURCE_LIMITS(ENTRY_SIZE))

const char *resource_limit_names(char ret[static RESOURCE_NAMES_MAX]) {
        char *p = ret;

        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++)
                p += sprintf(p, "%s%s", i > 0 ? ", " : "", resource_limits[i].name);
        return ret;
}

const ResourceLimit *resource_limit_find(const char *name, size_t n) {
        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++)
                if (strlen(resource_limits[i].name) == n && memcmp(resource_limits[i].name, name, n) == 0)
                        return &resource_limits[i];
        return NULL;
}

const ResourceLimit *resource_limit_of(int resource) {
        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++)
                if (resource_limits[i].resource == resource)
                        return &resource_limits[i];
        return NULL;
}

void resource_values_set(ResourceValues *v, const ResourceLimit *limit, uint64_t value) {
        size_t row = (size_t) (limit - resource_limits);

        v->given |= UINT64_C(1) << row;
        v->values[row] = value;
}

int resource_values_format(const ResourceValues *v, char **ret) {
        char text[TEXT_MAX] = "", *p = text;

        for (size_t i = 0; i < RESOURCE_LIMITS_N; i++) {
                if (!(v->given & UINT64_C(1) << i))
                        continue;
                p += sprintf(p, "%s%s=", p > text ? " " : "", resource_limits[i].name);
                p += v->values[i] == RESOURCE_INFINITY ? sprintf(p, INFINITY_TEXT) : sprintf(p, "%" PRIu64, v->values[i]);
        }
        *ret = *text ? strdup(text) : NULL;
        return *text && !*ret ? -ENOMEM : 0;
}

static bool parse_value(const char *text, size_t n, uint64_t *ret) {
        if (n == strlen(INFINITY_TEXT) && memcmp(text, INFINITY_TEXT, n) == 0) {
                *ret = RESOURCE_INFINITY;
                return true;
        }
        *ret = strtoull(text, NULL, 10);
        return n > 0 && n < sizeof("9223372036854775807") && strspn(text, "0123456789") == n;
}

void resource_values_parse(const char *text, ResourceValues *ret) {
        *ret = (ResourceValues) {};
        for (const char *p = text; p && *p; p += strspn(p, " ")) {
                size_t n = strcspn(p, " "), name = strcspn(p, "= ");
                const ResourceLimit *limit = resource_limit_find(p, name);
                uint64_t value;

                if (limit && name < n && parse_value(p + name + 1, n - name - 1, &value) &&
                    resource_limit_accepts(limit, value))
                        resource_values_set(ret, limit, value);
                p += n;
        }
}
