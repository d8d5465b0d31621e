/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Cleanup attributes and macros used everywhere. */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* The struct of that type which contains the member that p, not NULL, points to. */
#define CONTAINER_OF(p, type, member) ((type *) ((char *) (p) - offsetof(type, member)))

#define USEC_INFINITY UINT64_MAX
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC UINT64_C(1000)

/* Moves a pointer or a descriptor out of a variable that a cleanup would release. */
#define TAKE_PTR(p)                     \
        ({                              \
                typeof(p) _p = (p);     \
                (p) = NULL;             \
                _p;                     \
        })
#define TAKE_FD(fd)                     \
        ({                              \
                int _fd = (fd);         \
                (fd) = -EBADF;          \
                _fd;                    \
        })

/* Defines f##p(), which a cleanup attribute takes, for a function f() that frees a pointer. */
#define DEFINE_CLEANUP(type, f)                                 \
        static inline void f##p(type *p) {                      \
                if (*p)                                         \
                        f(*p);                                  \
        }                                                       \
        struct _cleanup_semicolon_

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose);
DEFINE_CLEANUP(DIR *, closedir);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool isempty(const char *s) {
        return !s || !*s;
}

static inline const char *strempty(const char *s) {
        return s ?: "";
}

/* The rest of s after prefix, NULL if s does not start with it. Not owned. */
static inline const char *startswith(const char *s, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}
