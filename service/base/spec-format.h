/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The form in which a spec is stored and handed to the worker: a header, then NUL-terminated strings
 * (the directory, the arguments, the environment), then the standard input as it is. Integers in the
 * byte order of the host: a spec never leaves it. */

#include <stdint.h>
#include <string.h>

#define SPEC_MAGIC UINT64_C(0x31636570732d6a63) /* "cj-spec1" in memory on a little-endian host */
#define SPEC_NO_STDIN UINT64_MAX

/* How the worker begins to say why it could not become the command. */
#define WORKER_CANNOT "cannot "

/* Of a job that has ended only the beginning may be left, up to the last argument: the header then tells of more
 * than there is. */
typedef struct SpecHeader {
        uint64_t magic;
        uint64_t strings_size; /* bytes of all strings with their NULs */
        uint64_t stdin_size;   /* SPEC_NO_STDIN: /dev/null */
        uint32_t n_argv;       /* at least 1 */
        uint32_t n_environment;
} SpecHeader;

/* Takes the next NUL-terminated string between p and end; NULL when there is none. */
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
