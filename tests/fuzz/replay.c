/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Runs a fuzz target over the files of the folder that is named: what was found once stays mended. */

#include <fcntl.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(int directory, const char *name) {
        _cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        data = malloc((size_t) st.st_size + 1); /* exact, but never none */
        if (!data)
                return -ENOMEM;
        if (read(fd, data, (size_t) st.st_size) != st.st_size)
                return -EIO;
        (void) fprintf(stderr, "%s\n", name);
        (void) LLVMFuzzerTestOneInput(data, (size_t) st.st_size);
        return 0;
}

int main(int argc, char *argv[]) {
        _cleanup_closedir_ DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
        struct dirent *entry;
        unsigned n = 0;

        if (!directory) {
                (void) fprintf(stderr, "Name the folder of a corpus.\n");
                return EXIT_FAILURE;
        }
        (void) LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
        while ((entry = readdir(directory))) {
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(directory), entry->d_name);
                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", entry->d_name, strerror(-r));
                        return EXIT_FAILURE;
                }
                n++;
        }
        (void) printf("%u inputs\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
