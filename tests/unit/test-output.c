/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "output.h"
#include "test.h"

#define ID "task-7f3k9q2m1x"

static Output *new_output(void) {
        Output *output = NULL;

        check_ok(output_new(&output, test_directory(), test_path("results")));
        return output;
}

static mode_t mode_of(const char *name) {
        struct stat st;

        check_ok(lstat(test_path(name), &st));
        return st.st_mode & 07777;
}

static void write_file(const char *name, const char *text, size_t n) {
        FILE *f = fopen(test_path(name), "we");

        check(f);
        check(fwrite(text, 1, n, f) == n);
        check(fclose(f) == 0);
}

static int entries_in(const char *name) {
        _cleanup_closedir_ DIR *dir = opendir(test_path(name));
        struct dirent *entry;
        int n = 0;

        check(dir);
        while ((entry = readdir(dir)))
                n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
        return n;
}

static void directories(void) {
        _cleanup_(output_freep) Output *output = NULL;

        (void) umask(0);
        output = new_output();
        check_int(mode_of("output"), 0700);
        check_int(mode_of("results"), 0711);
        check(!output_free(NULL));
}

/* What an older version or a person left open is closed, and what is there stays. */
static void directories_again(void) {
        _cleanup_(output_freep) Output *output = NULL;

        check_ok(mkdir(test_path("output"), 0700));
        write_file("output/" ID ".stdout", "text", 4);
        check_ok(chmod(test_path("output"), 0777));
        output = new_output();
        check_int(mode_of("output"), 0700);
        check_int(output_size(output, ID, OUTPUT_STDOUT), 4);
}

static void directories_refused(void) {
        Output *output = NULL;

        write_file("output", "", 0);
        check_error(output_new(&output, test_directory(), test_path("results")), -ENOTDIR);
        check_ok(unlink(test_path("output")));
        check_ok(symlink("/tmp", test_path("output")));
        check(output_new(&output, test_directory(), test_path("results")) < 0);
        check_ok(unlink(test_path("output")));
        check_error(output_new(&output, test_path("missing"), test_path("results")), -ENOENT);
        check(!output);
        check_contains(test_log(), test_path("missing/output"));
}

static void streams(void) {
        check_int(output_stream_from_string("stdout"), OUTPUT_STDOUT);
        check_int(output_stream_from_string("stderr"), OUTPUT_STDERR);
        check_int(output_stream_from_string("order"), OUTPUT_ORDER);
        check_int(output_stream_from_string("result"), _OUTPUT_STREAM_INVALID); /* not for callers */
        check_int(output_stream_from_string(""), _OUTPUT_STREAM_INVALID);
        check_int(output_stream_from_string("stdout/../x"), _OUTPUT_STREAM_INVALID);
}

static void create(void) {
        _cleanup_(output_freep) Output *output = new_output();

        (void) umask(0);
        check_ok(output_create(output, ID));
        check_int(mode_of("output/" ID ".stdout"), 0644);
        check_int(mode_of("output/" ID ".stderr"), 0644);
        check_int(mode_of("output/" ID ".order"), 0644);
        check_int(access(test_path("results/" ID ".result"), F_OK), -1); /* the worker's affair */
        for (int i = 0; i < _OUTPUT_STREAM_MAX; i++)
                check_int(output_size(output, ID, (OutputStream) i), 0);
        check_int(entries_in("output"), 3);
        check_int(entries_in("results"), 0);
}

/* Its start got lost, or an older version has made them when the job was accepted: what is there stays. */
static void create_again(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create(output, ID));
        check_ok(output_create(output, ID));
        check(!output_was_touched(output, ID));
        check_ok(unlink(test_path("output/" ID ".order")));
        write_file("output/" ID ".stdout", "text", 4);
        write_file("output/" ID ".stderr", "text", 4);
        check_ok(output_create(output, ID));
        check_int(output_size(output, ID, OUTPUT_STDOUT), 4);
        check_int(output_size(output, ID, OUTPUT_STDERR), 4);
        check_int(mode_of("output/" ID ".order"), 0644);
        check(output_was_touched(output, ID));
}

/* Somebody has deleted it with all that was in it. */
static void create_without_directory(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int writer = -EBADF;

        check_ok(output_create(output, ID));
        for (const char *const *name = (const char *const[]) { "stdout", "stderr", "order", NULL }; *name; name++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "output/" ID ".%s", *name);
                check_ok(unlink(test_path(path)));
        }
        check_ok(rmdir(test_path("output")));
        check_error(output_open_reader(output, ID, OUTPUT_STDOUT), -ENOENT);
        check_ok(output_create(output, ID));
        check_int(mode_of("output"), 0700);
        check_int(entries_in("output"), 3);
        writer = check_ok(output_open_writer(output, ID, OUTPUT_STDOUT));
}

/* One that is there and no file of ours is found out when it is opened. */
static void create_over_link(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(symlink("../elsewhere", test_path("output/" ID ".stdout")));
        check_ok(output_create(output, ID));
        check_int(access(test_path("elsewhere"), F_OK), -1);
        check_error(output_open_writer(output, ID, OUTPUT_STDOUT), -ELOOP);
}

static int futimens_error;

/* In place of the C library's. */
int futimens(int fd, const struct timespec times[2]) {
        errno = futimens_error;
        return futimens_error > 0 ? -1 : (int) syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* The next try must not take for a sign of its worker what the first has left. */
static void create_without_room(void) {
        _cleanup_(output_freep) Output *output = new_output();

        futimens_error = EDQUOT;
        check_error(output_create(output, ID), -EDQUOT);
        check(!output_was_touched(output, ID));
        futimens_error = 0;
        check_ok(output_create(output, ID));
        check(!output_was_touched(output, ID));
        check_int(entries_in("output"), 3);
}

static void remove_files(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create(output, ID));
        check_ok(output_create(output, "task-7f3k9q2m1y"));
        write_file("results/" ID ".result", "{}", 2); /* an older version's */
        output_remove(output, ID);
        check_error(output_open_reader(output, ID, OUTPUT_STDOUT), -ENOENT);
        check_error(output_open_reader(output, ID, OUTPUT_STDERR), -ENOENT);
        check_error(output_open_reader(output, ID, OUTPUT_ORDER), -ENOENT);
        check_int(access(test_path("results/" ID ".result"), F_OK), -1);
        check_int(entries_in("output"), 3);
        check_int(access(test_path("output/task-7f3k9q2m1y.stdout"), F_OK), 0);
        output_remove(output, ID);
        check_string(test_log(), "");
}

static void write_and_read(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int first = -EBADF, second = -EBADF, reader = -EBADF;
        char text[16];

        check_ok(output_create(output, ID));
        first = check_ok(output_open_writer(output, ID, OUTPUT_STDOUT));
        second = check_ok(output_open_writer(output, ID, OUTPUT_STDOUT));
        reader = check_ok(output_open_reader(output, ID, OUTPUT_STDOUT));
        check(write(first, "one ", 4) == 4);
        check(write(second, "two", 3) == 3); /* appends, whoever wrote before */
        check_int(output_size(output, ID, OUTPUT_STDOUT), 7);
        check_int(output_size(output, ID, OUTPUT_STDERR), 0);
        check_int(read(reader, text, sizeof(text)), 7);
        check_bytes(text, 7, "one two", 7);
        check_int(write(reader, "x", 1), -1); /* is handed to callers */
        check_int(read(first, text, 1), -1);
}

/* The descriptors go to the job as they are. */
static void descriptor_flags(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int writer = -EBADF, reader = -EBADF;

        check_ok(output_create(output, ID));
        writer = check_ok(output_open_writer(output, ID, OUTPUT_STDERR));
        reader = check_ok(output_open_reader(output, ID, OUTPUT_STDERR));
        check_int(fcntl(writer, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_WRONLY | O_APPEND);
        check_int(fcntl(reader, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDONLY);
        check(fcntl(writer, F_GETFD) & FD_CLOEXEC);
        check(fcntl(reader, F_GETFD) & FD_CLOEXEC);
}

static void open_refused(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_error(output_open_writer(output, ID, OUTPUT_STDOUT), -ENOENT); /* makes none */
        check_error(output_open_reader(output, ID, OUTPUT_STDOUT), -ENOENT);
        check_int(output_size(output, ID, OUTPUT_STDOUT), 0);

        write_file("secret", "secret", 6);
        check_ok(symlink("../secret", test_path("output/" ID ".stdout")));
        check_error(output_open_reader(output, ID, OUTPUT_STDOUT), -ELOOP);
        check_error(output_open_writer(output, ID, OUTPUT_STDOUT), -ELOOP);
        check_ok(mkfifo(test_path("output/" ID ".stderr"), 0600));
        check_error(output_open_writer(output, ID, OUTPUT_STDERR), -ENXIO); /* and does not block */
}

static void check_collected(Output *output, size_t max, const char *expected, size_t n) {
        char *text = NULL;
        size_t size = 0;

        check_ok(output_collect(output, ID, max, &text, &size));
        check_bytes(text, size, expected, n);
        check_int(!text, !expected);
        if (text)
                check_int(text[size], 0);
        free(text);
}

static void collect(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create(output, ID));
        check_collected(output, 10, NULL, 0); /* empty */
        write_file("results/" ID ".result", "{}", 2);
        check_collected(output, 10, "{}", 2);
        write_file("results/" ID ".result", "01234\0" "6789", 10);
        check_collected(output, 10, "01234\0" "6789", 10);
        check_collected(output, 9, NULL, 0);
        check_ok(unlink(test_path("results/" ID ".result")));
        check_collected(output, 10, NULL, 0);
        write_file("output/" ID ".stdout", "text", 4);
        write_file("output/" ID ".stderr", "text", 4);
        check_collected(output, 10, NULL, 0);
        output_remove(output, ID);
        check_collected(output, 10, NULL, 0);
}

/* The user of the job could open them, by an access control list: its mask is the group's bits. */
static void collect_of_older_version(void) {
        static const char *const names[] = { "output/" ID ".stdout", "output/" ID ".stderr", "results/" ID ".result" };
        _cleanup_(output_freep) Output *output = new_output();

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                write_file(names[i], "{}", 2);
                check_ok(chmod(test_path(names[i]), 0660));
        }
        check_collected(output, 10, "{}", 2);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                check_int(mode_of(names[i]), 0600);
}

/* That there is none is an answer, and is said. */
static void collect_says_none(void) {
        _cleanup_(output_freep) Output *output = new_output();
        char *text = (char[]) { "before" };
        size_t size = 6;

        check_ok(output_create(output, ID));
        check_ok(output_collect(output, ID, 10, &text, &size));
        check(!text);
}

/* What cannot be brought to the disk does not cost the job its result. */
static void collect_goes_on(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        write_file("output/" ID ".stderr", "text", 4);
        write_file("results/" ID ".result", "{}", 2);
        check_ok(symlink("elsewhere", test_path("output/" ID ".stdout")));
        check_error(output_collect(output, ID, 10, &text, &size), -ELOOP);
        check_bytes(text, size, "{}", 2);
}

/* The job's user owns the folder of nothing, but what stands there is looked at all the same. */
static void collect_refused(void) {
        _cleanup_(output_freep) Output *output = new_output();
        size_t size = 0;
        char *text = NULL;

        write_file("secret", "secret", 6);
        check_ok(symlink("../secret", test_path("results/" ID ".result")));
        check_error(output_collect(output, ID, 100, &text, &size), -ELOOP);
        check_ok(unlink(test_path("results/" ID ".result")));
        check_ok(mkfifo(test_path("results/" ID ".result"), 0600));
        check_ok(output_collect(output, ID, 100, &text, &size)); /* and does not block */
        check(!text);
}

/* Adds a letter for an id that is known, and ? for another. */
static int found_id(const char *id, void *userdata) {
        char *letters = userdata, letter[2] = "?";

        if (streq(id, ID))
                letter[0] = 't';
        else if (strlen(id) == 12 && streq(id + 1, "-0000000000"))
                letter[0] = id[0];
        (void) strcat(letters, letter);
        return 0;
}

static void check_found(Output *output, const char *expected) {
        char letters[256] = "";

        check_ok(output_foreach(output, found_id, letters));
        check_int(strlen(letters), strlen(expected));
        for (const char *e = expected; *e; e++)
                check(strchr(letters, *e));
}

static int stop_at_once(const char *id, void *userdata) {
        (*(int *) userdata)++;
        return -ECANCELED;
}

static void foreach(void) {
        _cleanup_(output_freep) Output *output = new_output();
        int calls = 0;

        check_found(output, "");
        check_ok(output_create(output, ID));
        check_ok(output_create(output, "a-0000000000"));
        write_file("output/b-0000000000.stderr", "", 0); /* some of them were lost */
        write_file("results/c-0000000000.result", "", 0);
        write_file("output/no id.stdout", "", 0);
        write_file("output/README", "", 0);
        write_file("output/.stdout", "", 0);
        write_file("output/d-0000000000.stderr.new", "", 0);
        check_found(output, "tabc");
        check_error(access(test_path("output/d-0000000000.stderr.new"), F_OK) < 0 ? -errno : 0, -ENOENT);
        check_found(output, "tabc"); /* and once more from the beginning */
        check_error(output_foreach(output, stop_at_once, &calls), -ECANCELED);
        check_int(calls, 1);
}

/* The worker says by it that it was executed; nothing else does. */
static void touched(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int fd = -EBADF;

        check(!output_was_touched(output, ID)); /* is not there: nothing was to be executed */
        check_ok(output_create(output, ID));
        check(!output_was_touched(output, ID));
        fd = check_ok(output_open_writer(output, ID, OUTPUT_STDERR));
        check(!output_was_touched(output, ID));
        check_ok(futimens(fd, NULL));
        check(output_was_touched(output, ID));
        output_remove(output, ID);
        check(!output_was_touched(output, ID));
}

TEST_MAIN(TEST(directories), TEST(directories_again), TEST(directories_refused), TEST(streams), TEST(create),
          TEST(create_again), TEST(create_without_directory), TEST(create_over_link), TEST(create_without_room), TEST(remove_files),
          TEST(write_and_read),
          TEST(descriptor_flags), TEST(open_refused), TEST(collect), TEST(collect_of_older_version), TEST(collect_goes_on), TEST(collect_says_none), TEST(collect_refused), TEST(foreach), TEST(touched))
