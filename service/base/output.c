/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "job-id.h"
#include "log-failure.h"
#include "output.h"
#include "read-write.h"

struct Output {
        char *path;
        int directory;        /* of standard output and error */
        int result_directory;
};

static const char *const suffixes[_OUTPUT_STREAM_MAX] = {
        [OUTPUT_STDOUT] = "stdout",
        [OUTPUT_STDERR] = "stderr",
        [OUTPUT_ORDER] = "order",
        [OUTPUT_RESULT] = "result",
};

#define NAME_MAX_ (JOB_ID_MAX + sizeof(".stdout"))
#define TEMPORARY_SUFFIX ".new"

OutputStream output_stream_from_string(const char *word) {
        for (int i = OUTPUT_STDOUT; i <= OUTPUT_ORDER; i++)
                if (streq(suffixes[i], word))
                        return (OutputStream) i;
        return _OUTPUT_STREAM_INVALID;
}

const char *output_stream_to_string(OutputStream stream) {
        return suffixes[stream];
}

/* The location of a stream of a job: a directory and, in name, a file in it. */
static int locate(const Output *output, const char *id, OutputStream stream, char name[static NAME_MAX_]) {
        (void) snprintf(name, NAME_MAX_, "%.*s.%s", JOB_ID_MAX, id, suffixes[stream]);
        return stream == OUTPUT_RESULT ? output->result_directory : output->directory;
}

static int open_directory(const char *path, mode_t mode) {
        int fd;

        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, mode) < 0) {
                int r = -errno;

                (void) close(fd);
                return r;
        }
        return fd;
}

int output_new(Output **ret, const char *state_directory, const char *result_directory) {
        _cleanup_(output_freep) Output *output = NULL;
        char path[PATH_MAX];

        output = malloc(sizeof(*output));
        if (!output)
                return -ENOMEM;
        *output = (Output) { .directory = -EBADF, .result_directory = -EBADF };
        if ((size_t) snprintf(path, sizeof(path), "%s/output", state_directory) >= sizeof(path))
                return -ENAMETOOLONG;
        output->path = strdup(path);
        if (!output->path)
                return -ENOMEM;
        output->directory = open_directory(path, 0700);
        if (output->directory < 0) {
                log_failure("Failed to open %s: %s", path, strerror(-output->directory));
                return output->directory;
        }
        output->result_directory = open_directory(result_directory, 0711);
        if (output->result_directory < 0) {
                log_failure("Failed to open %s: %s", result_directory, strerror(-output->result_directory));
                return output->result_directory;
        }
        *ret = TAKE_PTR(output);
        return 0;
}

Output *output_free(Output *output) {
        if (!output)
                return NULL;

        closep(&output->directory);
        closep(&output->result_directory);
        free(output->path);
        free(output);
        return NULL;
}

static int create(int directory, const char *name, int flags) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | flags, 0600);
        /* Others cannot enter the folder. A process with a descriptor may watch the file, see inotify(7). */
        if (fd < 0 || fchmod(fd, 0644) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Created with the time 0: with another one it would look touched by the worker. */
static int create_untouched(int directory, const char *name) {
        _cleanup_close_ int fd = -EBADF;
        char temporary[NAME_MAX_ + sizeof(TEMPORARY_SUFFIX)];
        int r;

        if (faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        (void) snprintf(temporary, sizeof(temporary), "%s" TEMPORARY_SUFFIX, name);
        fd = create(directory, temporary, O_TRUNC);
        if (fd < 0)
                return fd;
        if (futimens(fd, (struct timespec[2]) {}) == 0 && renameat(directory, temporary, directory, name) == 0)
                return 0;
        r = -errno;
        (void) unlinkat(directory, temporary, 0);
        return r;
}

/* Somebody has deleted the directory. Its descriptor keeps the number, which other threads use. */
static int make_again(const Output *output) {
        _cleanup_close_ int fd = open_directory(output->path, 0700);

        if (fd < 0)
                return fd;
        return dup3(fd, output->directory, O_CLOEXEC) < 0 ? -errno : 0;
}

static int create_all(const Output *output, const char *id) {
        for (int i = 0; i < OUTPUT_RESULT; i++) {
                _cleanup_close_ int fd = -EBADF;
                char name[NAME_MAX_];
                int directory = locate(output, id, (OutputStream) i, name), r;

                if (i == OUTPUT_STDERR)
                        r = create_untouched(directory, name);
                else {
                        fd = create(directory, name, O_EXCL);
                        r = MIN(fd, 0);
                }
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

int output_create(Output *output, const char *id) {
        int r = create_all(output, id);

        if (r != -ENOENT)
                return r;
        r = make_again(output);
        return r < 0 ? r : create_all(output, id);
}

int output_untouch(Output *output, const char *id) {
        char name[NAME_MAX_];
        int directory = locate(output, id, OUTPUT_STDERR, name);

        if (utimensat(directory, name, (struct timespec[2]) {}, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

bool output_was_touched(Output *output, const char *id) {
        char name[NAME_MAX_];
        struct stat st;

        if (fstatat(locate(output, id, OUTPUT_STDERR, name), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno != ENOENT; /* it was not about to be started; or its state is unknown */
        return st.st_mtim.tv_sec != 0;
}

void output_remove(Output *output, const char *id) {
        for (int i = 0; i < _OUTPUT_STREAM_MAX; i++) {
                char name[NAME_MAX_];
                int directory = locate(output, id, (OutputStream) i, name);

                /* In their own scope users may have created a folder in its place. */
                if (unlinkat(directory, name, 0) < 0 && errno != ENOENT &&
                    (errno != EISDIR || unlinkat(directory, name, AT_REMOVEDIR) < 0))
                        sd_journal_print(LOG_WARNING, "Failed to delete %s: %m", name);
        }
}

static int open_stream(Output *output, const char *id, OutputStream stream, int flags) {
        char name[NAME_MAX_];
        int fd;

        fd = openat(locate(output, id, stream, name), name, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

/* The job would inherit O_NONBLOCK; it has no effect on regular files, but programs check it. */
static int clear_nonblock(int fd, int flags) {
        if (fd >= 0 && fcntl(fd, F_SETFL, flags) < 0) {
                int r = -errno;

                (void) close(fd);
                return r;
        }
        return fd;
}

int output_open_writer(Output *output, const char *id, OutputStream stream) {
        return clear_nonblock(open_stream(output, id, stream, O_WRONLY | O_APPEND), O_APPEND);
}

int output_open_reader(Output *output, const char *id, OutputStream stream) {
        return clear_nonblock(open_stream(output, id, stream, O_RDONLY), 0);
}

int output_open_empty(void) {
        _cleanup_close_ int fd = memfd_create("codex-job-output", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

uint64_t output_size(Output *output, const char *id, OutputStream stream) {
        char name[NAME_MAX_];
        struct stat st;

        if (fstatat(locate(output, id, stream, name), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return MIN((uint64_t) st.st_size, OUTPUT_SIZE_MAX);
}

/* An older version gave the user of the job access with an access control list, whose mask is in the bits of the
 * group, see acl(5). */
static void revoke_access(Output *output, const char *id, OutputStream stream) {
        char name[NAME_MAX_];
        int directory = locate(output, id, stream, name);
        struct stat st;

        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 070))
                return;
        if (fchmodat(directory, name, 0600, 0) < 0)
                sd_journal_print(LOG_WARNING, "Failed to revoke access to %s: %m", name);
}

static int sync_stream(Output *output, const char *id, OutputStream stream) {
        _cleanup_close_ int fd = -EBADF;

        if (output_size(output, id, stream) == 0)
                return 0;
        fd = open_stream(output, id, stream, O_RDONLY);
        if (fd < 0)
                return fd;
        return fdatasync(fd) < 0 ? -errno : 0;
}

/* Results do not count for any limit: one that is too long is not kept on the disk. */
static void empty_result(Output *output, const char *id) {
        _cleanup_close_ int fd = open_stream(output, id, OUTPUT_RESULT, O_WRONLY);

        if (fd < 0 || ftruncate(fd, 0) < 0)
                sd_journal_print(LOG_WARNING, "Failed to truncate result of %s: %m", id);
}

/* The user may have the result open and change it while it is read: the data that was read counts. */
static int read_result(Output *output, const char *id, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        ssize_t size;

        fd = open_stream(output, id, OUTPUT_RESULT, O_RDONLY);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return 0;
        if ((uint64_t) st.st_size > max) {
                empty_result(output, id);
                return 0;
        }
        text = malloc(max + 2);
        if (!text)
                return -ENOMEM;
        size = read_at(fd, text, max + 1, 0);
        if (size < 0)
                return (int) size;
        if ((size_t) size > max)
                return 0;
        text[size] = 0;
        *ret = TAKE_PTR(text);
        *ret_size = (size_t) size;
        return 0;
}

int output_collect(Output *output, const char *id, size_t max, char **ret, size_t *ret_size) {
        int r, first = 0;

        for (int i = 0; i < _OUTPUT_STREAM_MAX; i++)
                revoke_access(output, id, (OutputStream) i);
        *ret = NULL;
        *ret_size = 0;
        for (int i = OUTPUT_STDOUT; i <= OUTPUT_STDERR; i++) {
                r = sync_stream(output, id, (OutputStream) i);
                if (r < 0 && first == 0)
                        first = r;
        }
        r = read_result(output, id, max, ret, ret_size);
        return first < 0 ? first : r;
}

/* Whether the job was found by a file of an earlier stream. */
static bool was_found(const Output *output, const char *id, OutputStream stream) {
        char name[NAME_MAX_];

        for (int i = 0; i < (int) stream; i++) {
                int directory = locate(output, id, (OutputStream) i, name);

                if (faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return true;
        }
        return false;
}

static int foreach_in(Output *output, OutputStream stream, int (*found)(const char *id, void *userdata), void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd;

        fd = openat(stream == OUTPUT_RESULT ? output->result_directory : output->directory, ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                int r = -errno;

                (void) close(fd);
                return r;
        }
        while ((entry = readdir(dir))) {
                char *dot = strrchr(entry->d_name, '.');
                int r;

                if (dot && streq(dot, TEMPORARY_SUFFIX))
                        (void) unlinkat(fd, entry->d_name, 0); /* the service was killed in create_untouched() */
                if (!dot || !streq(dot + 1, suffixes[stream]))
                        continue;
                *dot = 0;
                if (!job_id_is_valid(entry->d_name) || was_found(output, entry->d_name, stream))
                        continue;
                r = found(entry->d_name, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

int output_foreach(Output *output, int (*found)(const char *id, void *userdata), void *userdata) {
        int r;

        for (int i = 0; i < _OUTPUT_STREAM_MAX; i++) {
                r = foreach_in(output, (OutputStream) i, found, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}
