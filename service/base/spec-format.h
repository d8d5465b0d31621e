/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The format in which a spec is stored and passed to the worker: a header, then NUL-terminated strings (directory,
 * arguments, environment), then the standard input. Integers are in host byte order: a spec never leaves the host. */

#include <stdint.h>
#include <string.h>

#define SPEC_MAGIC UINT64_C(0x31636570732d6a63) /* "cj-spec1" in memory on a little-endian host */
#define SPEC_NO_STDIN UINT64_MAX

/* Prefix of the worker's messages about why it could not execute the command. */
#define WORKER_CANNOT "cannot "

/* Exit status of a program that runs a job elsewhere, if it does not know the end of the command. */
#define EXIT_STATUS_LOST 125

/* For a finished job only the beginning may be left, up to the last argument: the header then states more than is
 * there. */
typedef struct SpecHeader {
        uint64_t magic;
        uint64_t strings_size; /* bytes of all strings including their NULs */
        uint64_t stdin_size;   /* SPEC_NO_STDIN: /dev/null */
        uint32_t n_argv;       /* at least 1 */
        uint32_t n_environment;
} SpecHeader;

/* Takes the next NUL-terminated string between p and end; NULL if there is none. */
static inline char *spec_next_string(char **p, const char *end) {
        char *s = *p, *nul;

        if (s >= end)
                return NULL;
        nul = memchr(s, 0, (size_t) (end - s));
        if (!nul)
                return NULL;
        *p = nul + 1;
        return s;
}
