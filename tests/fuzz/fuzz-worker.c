/* SPDX-License-Identifier: Apache-2.0 */

/* The worker reads a spec. It is built in here, with what would change this process put aside: it executes
 * nothing, and the spec lies in memory of exactly its size. */

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Before macro.h, which frees. */
static void fuzz_free(void *block);
#define free(block) fuzz_free(block)

#include "fuzz.h"
#include "spec-format.h"

#define BLOCKS_MAX 16

static struct {
        int fd;                   /* what it takes for its standard input */
        void *blocks[BLOCKS_MAX]; /* what it allocated */
        size_t n_blocks;
        const char *map;          /* among them, the spec */
        size_t map_size;
        bool executed;
} fuzz;

static void *keep(void *block) {
        fuzz_check(fuzz.n_blocks < BLOCKS_MAX);
        return fuzz.blocks[fuzz.n_blocks++] = block;
}

static void fuzz_free(void *block) {
        for (size_t i = 0; i < fuzz.n_blocks; i++)
                if (fuzz.blocks[i] == block)
                        fuzz.blocks[i] = NULL;
        (free)(block);
}

static void *fuzz_calloc(size_t n, size_t size) {
        if (n > 1024 * 1024) {
                errno = ENOMEM;
                return NULL;
        }
        return keep(calloc(n, size));
}

static void *fuzz_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
        char *map = keep(malloc(size));

        fuzz_check(map && pread(fd, map, size, offset) == (ssize_t) size);
        fuzz.map = map;
        fuzz.map_size = size;
        return map;
}

/* Strings come out of the spec, with their ends. */
static void check_string(const char *s) {
        fuzz_check(s >= fuzz.map + sizeof(SpecHeader) && s < fuzz.map + fuzz.map_size);
        fuzz_check(memchr(s, 0, (size_t) (fuzz.map + fuzz.map_size - s)));
}

static int fuzz_putenv(char *entry) {
        check_string(entry);
        if (strchr(entry, '=')) /* a spec of ours has no other */
                return 0;
        errno = EINVAL;
        return -1;
}

static int fuzz_setenv(const char *name, const char *value, int overwrite) {
        return 0;
}

static int fuzz_chdir(const char *path) {
        fuzz_check(path[0]);
        return 0;
}

static int fuzz_dup2(int from, int to) {
        fuzz_check(to == fuzz.fd && lseek(from, 0, SEEK_CUR) == 0);
        return to;
}

static int fuzz_execvp(const char *file, char *const argv[]) {
        SpecHeader header;
        uint32_t n = 0;

        memcpy(&header, fuzz.map, sizeof(header));
        fuzz_check(file == argv[0]);
        for (; argv[n]; n++)
                check_string(argv[n]);
        fuzz_check(n == header.n_argv && n > 0);
        fuzz.executed = true;
        errno = ENOENT;
        return -1;
}

static int fuzz_dprintf(int fd, const char *format, ...) {
        return 0;
}

#undef STDIN_FILENO
#define STDIN_FILENO fuzz.fd
#define calloc fuzz_calloc
#define mmap fuzz_mmap
#define putenv fuzz_putenv
#define setenv fuzz_setenv
#define chdir fuzz_chdir
#define dup2 fuzz_dup2
#define execvp fuzz_execvp
#define dprintf fuzz_dprintf
#define main worker_main
int worker_main(int argc, char *argv[]);
#include "worker.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char name[] = "codex-jobs-worker", id[] = "job-0000000000";
        int status;

        memset(&fuzz, 0, sizeof(fuzz));
        fuzz.fd = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_check(fuzz.fd >= 0 && write(fuzz.fd, data, size) == (ssize_t) size);
        status = worker_main(2, (char *[]) { name, id, NULL });
        fuzz_check(status == (fuzz.executed ? 127 : 126));
        for (size_t i = 0; i < fuzz.n_blocks; i++)
                (free)(fuzz.blocks[i]); /* what it left to its end */
        (void) close(fuzz.fd);
        return 0;
}
