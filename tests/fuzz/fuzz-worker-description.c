/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The worker reads its description, and sets the environment and the standard input from it. It is built in here, with
 * what would change this process put aside: the description lies in memory of exactly its size. */

#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "spec-format.h"

#define BLOCKS_MAX 16

static struct {
        int fd;                   /* what it takes for its standard input */
        void *blocks[BLOCKS_MAX]; /* what it allocated, and leaves to its end */
        size_t n_blocks;
        const char *map;          /* among them, the description */
        size_t map_size;
        const char *home;
        size_t n_entries;         /* of the environment, of the description */
        bool pwd_is_set;
} fuzz;

static void *keep(void *block) {
        fuzz_check(fuzz.n_blocks < BLOCKS_MAX);
        return fuzz.blocks[fuzz.n_blocks++] = block;
}

static void fuzz_free(void *block) {
        for (size_t i = 0; i < fuzz.n_blocks; i++)
                if (fuzz.blocks[i] == block)
                        fuzz.blocks[i] = NULL;
        free(block);
}

static void *fuzz_calloc(size_t n, size_t size) {
        if (n > 1024 * 1024) {
                errno = ENOMEM;
                return NULL;
        }
        return keep(calloc(n, size));
}

static char *fuzz_strdup(const char *s) {
        return keep(strdup(s));
}

static void *fuzz_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
        char *map = keep(malloc(size));

        fuzz_check(fd == fuzz.fd && map && pread(fd, map, size, offset) == (ssize_t) size);
        fuzz.map = map;
        fuzz.map_size = size;
        return map;
}

static int fuzz_munmap(void *map, size_t size) {
        fuzz_check(map == fuzz.map && size == fuzz.map_size);
        fuzz_free(map);
        return 0;
}

/* Strings come out of the description, with their ends. */
static void check_string(const char *s) {
        fuzz_check(s >= fuzz.map + sizeof(SpecHeader) && s < fuzz.map + fuzz.map_size);
        fuzz_check(memchr(s, 0, (size_t) (fuzz.map + fuzz.map_size - s)));
}

static char *fuzz_getenv(const char *name) {
        fuzz_check(streq(name, "HOME"));
        return (char *) fuzz.home;
}

static int fuzz_putenv(char *entry) {
        check_string(entry);
        fuzz.n_entries++;
        if (strchr(entry, '=')) /* a description of ours has no other */
                return 0;
        errno = EINVAL;
        return -1;
}

static int fuzz_setenv(const char *name, const char *value, int overwrite) {
        fuzz_check(value);
        fuzz.pwd_is_set |= streq(name, "PWD");
        return 0;
}

static int fuzz_unsetenv(const char *name) {
        fuzz_check(fuzz.n_entries == 0); /* what the description has is not among them */
        return 0;
}

static int fuzz_close(int fd) {
        fuzz_check(fd == fuzz.fd);
        fuzz.fd = -EBADF;
        return close(fd);
}

#undef STDIN_FILENO
#define STDIN_FILENO fuzz.fd
#define free fuzz_free
#define calloc fuzz_calloc
#define strdup fuzz_strdup
#define mmap fuzz_mmap
#define munmap fuzz_munmap
#define getenv fuzz_getenv
#define putenv fuzz_putenv
#define setenv fuzz_setenv
#define unsetenv fuzz_unsetenv
#define close fuzz_close
#include "description.c"
#undef free
#undef close

static uint64_t input_size(const Description *d) {
        return d->header.stdin_size == SPEC_NO_STDIN ? 0 : d->header.stdin_size;
}

static void check_loaded(const Description *d) {
        uint64_t rest = fuzz.map_size - sizeof(SpecHeader) - d->header.strings_size;
        uint32_t n = 0;

        fuzz_check(d->directory && d->directory[0]);
        for (; d->argv[n]; n++)
                check_string(d->argv[n]);
        fuzz_check(n == d->header.n_argv && n > 0);
        fuzz_check(d->environment <= d->environment_end);
        fuzz_check(d->environment_end == fuzz.map + sizeof(SpecHeader) + d->header.strings_size);
        if (!d->has_trailer)
                return;
        fuzz_check(rest > sizeof(d->trailer) || input_size(d) == 0);
        fuzz_check(rest - sizeof(d->trailer) == input_size(d) && d->trailer.magic == WORKER_TRAILER_MAGIC);
        fuzz_check(memchr(d->trailer.channel, 0, sizeof(d->trailer.channel)));
        fuzz_check(memchr(d->trailer.folders, 0, sizeof(d->trailer.folders)));
}

static void check_environment(const Description *d) {
        int r;

        r = description_set_environment(d);
        fuzz_check(fuzz.n_entries == d->header.n_environment || r == -EINVAL);
        fuzz_check(fuzz.pwd_is_set == (r >= 0 && d->has_trailer));
}

/* It is what the description has behind its strings and before its trailer, from the first byte to the last. */
static void check_stdin(const Description *d) {
        const char *input = fuzz.map + sizeof(SpecHeader) + d->header.strings_size;
        _cleanup_close_ int fd = description_open_stdin(d);
        _cleanup_free_ char *bytes = NULL;
        size_t size;

        if (fd < 0) {
                fuzz_check(!d->has_trailer && input_size(d) > (uint64_t) (fuzz.map + fuzz.map_size - input));
                return;
        }
        size = (size_t) input_size(d);
        bytes = malloc(size + 1);
        fuzz_check(bytes && read(fd, bytes, size + 1) == (ssize_t) size);
        fuzz_check(memcmp(bytes, input, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Description d;

        memset(&fuzz, 0, sizeof(fuzz));
        fuzz.home = size % 2 == 0 ? "/home" : NULL;
        fuzz.fd = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_check(fuzz.fd >= 0 && write(fuzz.fd, data, size) == (ssize_t) size);
        if (description_load(&d, "job-0000000000") >= 0) {
                check_loaded(&d);
                check_environment(&d);
                check_stdin(&d);
                description_drop(&d);
        }
        for (size_t i = 0; i < fuzz.n_blocks; i++)
                free(fuzz.blocks[i]);
        closep(&fuzz.fd);
        return 0;
}
