/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Resource limits of a command, see setrlimit(2), each once. A row has its name, as in systemd.exec(5) without Limit, its
 * kind, which determines the syntax for people, and the highest value other than infinity. Limits that have no effect on
 * Linux are left out. In records, specs and the store they are one text: "CORE=0 NOFILE=4096 STACK=infinity". Values are
 * in the units of setrlimit(2). Needs libc only. */

#include <stddef.h>
#include <stdint.h>

#define RESOURCE_LIMITS(LIMIT)                  \
        LIMIT(AS, SIZE, INT64_MAX)              \
        LIMIT(CORE, SIZE, INT64_MAX)            \
        LIMIT(CPU, SECONDS, INT64_MAX)          \
        LIMIT(DATA, SIZE, INT64_MAX)            \
        LIMIT(FSIZE, SIZE, INT64_MAX)           \
        LIMIT(MEMLOCK, SIZE, INT64_MAX)         \
        LIMIT(MSGQUEUE, SIZE, INT64_MAX)        \
        LIMIT(NICE, NUMBER, 40)                 \
        LIMIT(NOFILE, NUMBER, INT64_MAX)        \
        LIMIT(NPROC, NUMBER, INT64_MAX)         \
        LIMIT(RTPRIO, NUMBER, 99)               \
        LIMIT(RTTIME, MICROSECONDS, INT64_MAX)  \
        LIMIT(SIGPENDING, NUMBER, INT64_MAX)    \
        LIMIT(STACK, SIZE, INT64_MAX)

#define RESOURCE_INFINITY UINT64_MAX

typedef enum ResourceKind {
        RESOURCE_NUMBER,
        RESOURCE_SIZE,
        RESOURCE_SECONDS,
        RESOURCE_MICROSECONDS,
} ResourceKind;

typedef struct ResourceLimit {
        const char *name;
        int resource;
        ResourceKind kind;
        uint64_t max;
} ResourceLimit;

#define ONE_RESOURCE(...) +1
enum { RESOURCE_LIMITS_N = 0 RESOURCE_LIMITS(ONE_RESOURCE) };
extern const ResourceLimit resource_limits[RESOURCE_LIMITS_N];

/* All names, for people: "AS, CORE, …" in ret. Returns ret. */
#define RESOURCE_NAME_SIZE(name, ...) +sizeof(", " #name)
#define RESOURCE_NAMES_MAX (0 RESOURCE_LIMITS(RESOURCE_NAME_SIZE))
const char *resource_limit_names(char ret[static RESOURCE_NAMES_MAX]);

/* The values of some of them, in the order of the table. */
typedef struct ResourceValues {
        uint64_t given; /* bit n: the value of row n */
        uint64_t values[RESOURCE_LIMITS_N];
} ResourceValues;

/* The row with that name of n bytes, NULL if there is none. */
const ResourceLimit *resource_limit_find(const char *name, size_t n);

/* The row of a resource of setrlimit(2), NULL if there is none. */
const ResourceLimit *resource_limit_of(int resource);

static inline int resource_limit_accepts(const ResourceLimit *limit, uint64_t value) {
        return value <= limit->max || value == RESOURCE_INFINITY;
}

void resource_values_set(ResourceValues *values, const ResourceLimit *limit, uint64_t value);

/* The text, NULL if there is none. Returns 0 or -ENOMEM. */
int resource_values_format(const ResourceValues *values, char **ret);

/* The values of a text, without entries that are not known here. text: NULL is none. */
void resource_values_parse(const char *text, ResourceValues *ret);
