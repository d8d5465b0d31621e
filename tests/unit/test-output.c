/* SPDX-License-Identifier: Apache-2.0 */

#include <acl/libacl.h>
#include <fcntl.h>
#include <sys/acl.h>
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
        check_int(output_stream_from_string("result"), _OUTPUT_STREAM_INVALID); /* not for callers */
        check_int(output_stream_from_string(""), _OUTPUT_STREAM_INVALID);
        check_int(output_stream_from_string("stdout/../x"), _OUTPUT_STREAM_INVALID);
}

static void create(void) {
        _cleanup_(output_freep) Output *output = new_output();

        (void) umask(0);
        check_ok(output_create(output, ID, geteuid()));
        check_int(mode_of("output/" ID ".stdout"), 0600);
        check_int(mode_of("output/" ID ".stderr"), 0600);
        check_int(mode_of("results/" ID ".result"), 0600);
        for (int i = OUTPUT_STDOUT; i <= OUTPUT_RESULT; i++)
                check_int(output_size(output, ID, (OutputStream) i), 0);
}

static void create_taken(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create(output, ID, geteuid()));
        write_file("output/" ID ".stdout", "text", 4);
        check_error(output_create(output, ID, geteuid()), -EEXIST);
        check_int(output_size(output, ID, OUTPUT_STDOUT), 4);
        check_int(access(test_path("results/" ID ".result"), F_OK), 0);
}

/* One file of an earlier job is left: it keeps the id taken, and the new one leaves nothing behind. */
static void create_half_taken(void) {
        _cleanup_(output_freep) Output *output = new_output();

        write_file("results/" ID ".result", "{}", 2);
        check_error(output_create(output, ID, geteuid()), -EEXIST);
        check_int(output_size(output, ID, OUTPUT_RESULT), 2);
        check_int(access(test_path("output/" ID ".stdout"), F_OK), -1);
        check_int(access(test_path("output/" ID ".stderr"), F_OK), -1);
}

/* Only what is missing is made, and as for a new job. */
static void create_missing(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create_missing(output, ID, geteuid()));
        check(!output_was_touched(output, ID));
        check_ok(unlink(test_path("output/" ID ".stderr")));
        check_ok(unlink(test_path("results/" ID ".result")));
        write_file("output/" ID ".stdout", "text", 4);
        check_ok(output_create_missing(output, ID, geteuid()));
        check_int(output_size(output, ID, OUTPUT_STDOUT), 4);
        check_int(mode_of("output/" ID ".stderr"), 0600);
        check_int(mode_of("results/" ID ".result"), 0600);
        check(!output_was_touched(output, ID));
}

static int futimens_error;

/* In place of the C library's. */
int futimens(int fd, const struct timespec times[2]) {
        errno = futimens_error;
        return futimens_error > 0 ? -1 : (int) syscall(SYS_utimensat, fd, NULL, times, 0);
}

/* A quota of the file system is no bound of ours. */
static void create_without_room(void) {
        _cleanup_(output_freep) Output *output = new_output();

        futimens_error = EDQUOT;
        check_error(output_create(output, ID, geteuid()), -ENOSPC);
        check_int(access(test_path("output/" ID ".stdout"), F_OK), -1);
        check_int(access(test_path("output/" ID ".stderr"), F_OK), -1);
        futimens_error = EIO;
        check_error(output_create(output, ID, geteuid()), -EIO);
}

static void check_entry(acl_entry_t entry, uint32_t uid, unsigned *users) {
        acl_permset_t permissions;
        acl_tag_t tag;

        check_ok(acl_get_tag_type(entry, &tag));
        check_ok(acl_get_permset(entry, &permissions));
        if (tag == ACL_USER) {
                uid_t *user = acl_get_qualifier(entry);

                check(user);
                check_int(*user, uid);
                check_int(acl_get_perm(permissions, ACL_READ), 1);
                check_int(acl_get_perm(permissions, ACL_WRITE), 1);
                check_int(acl_get_perm(permissions, ACL_EXECUTE), 0);
                (void) acl_free(user);
                (*users)++;
        } else if (tag == ACL_OTHER || tag == ACL_GROUP_OBJ)
                check(!acl_get_perm(permissions, ACL_READ) && !acl_get_perm(permissions, ACL_WRITE));
}

/* A job of another user: that user, and nobody else. */
static void create_for_another(void) {
        static const char *const names[] = { "output/" ID ".stdout", "output/" ID ".stderr", "results/" ID ".result" };
        _cleanup_(output_freep) Output *output = new_output();
        uint32_t uid = geteuid() + 12345;
        int r;

        r = output_create(output, ID, uid);
        if (r == -EOPNOTSUPP) {
                check_int(access(test_path(names[0]), F_OK), -1);
                test_skip("the file system of the test has no access control lists");
        }
        check_ok(r);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                acl_t acl = acl_get_file(test_path(names[i]), ACL_TYPE_ACCESS);
                unsigned users = 0;
                acl_entry_t entry;

                check(acl);
                for (int which = ACL_FIRST_ENTRY; acl_get_entry(acl, which, &entry) == 1; which = ACL_NEXT_ENTRY)
                        check_entry(entry, uid, &users);
                check_int(users, 1);
                (void) acl_free(acl);
        }
}

static void remove_files(void) {
        _cleanup_(output_freep) Output *output = new_output();

        check_ok(output_create(output, ID, geteuid()));
        check_ok(output_create(output, "task-7f3k9q2m1y", geteuid()));
        output_remove(output, ID);
        check_error(output_open_reader(output, ID, OUTPUT_STDOUT), -ENOENT);
        check_error(output_open_reader(output, ID, OUTPUT_STDERR), -ENOENT);
        check_int(access(test_path("results/" ID ".result"), F_OK), -1);
        check_int(access(test_path("output/task-7f3k9q2m1y.stdout"), F_OK), 0);
        output_remove(output, ID);
        check_string(test_log(), "");
}

static void write_and_read(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int first = -EBADF, second = -EBADF, reader = -EBADF;
        char text[16];

        check_ok(output_create(output, ID, geteuid()));
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

        check_ok(output_create(output, ID, geteuid()));
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

static void result_path(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_free_ char *path = output_result_path(output, ID);

        check_string(path, test_path("results/" ID ".result"));
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

        check_ok(output_create(output, ID, geteuid()));
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

/* That there is none is an answer, and is said. */
static void collect_says_none(void) {
        _cleanup_(output_freep) Output *output = new_output();
        char *text = (char[]) { "before" };
        size_t size = 6;

        check_ok(output_create(output, ID, geteuid()));
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
        check_ok(output_create(output, ID, geteuid()));
        check_ok(output_create(output, "a-0000000000", geteuid()));
        write_file("output/b-0000000000.stderr", "", 0); /* some of them were lost */
        write_file("results/c-0000000000.result", "", 0);
        write_file("output/no id.stdout", "", 0);
        write_file("output/README", "", 0);
        write_file("output/.stdout", "", 0);
        check_found(output, "tabc");
        check_found(output, "tabc"); /* and once more from the beginning */
        check_error(output_foreach(output, stop_at_once, &calls), -ECANCELED);
        check_int(calls, 1);
}

/* The worker says by it that it was executed; nothing else does. */
static void touched(void) {
        _cleanup_(output_freep) Output *output = new_output();
        _cleanup_close_ int fd = -EBADF;

        check(output_was_touched(output, ID)); /* is not there */
        check_ok(output_create(output, ID, geteuid()));
        check(!output_was_touched(output, ID));
        fd = check_ok(output_open_writer(output, ID, OUTPUT_STDERR));
        check(!output_was_touched(output, ID));
        check_ok(futimens(fd, NULL));
        check(output_was_touched(output, ID));
}

TEST_MAIN(TEST(directories), TEST(directories_again), TEST(directories_refused), TEST(streams), TEST(create),
          TEST(create_taken), TEST(create_half_taken), TEST(create_missing), TEST(create_without_room),
          TEST(create_for_another), TEST(remove_files),
          TEST(write_and_read), TEST(descriptor_flags), TEST(open_refused), TEST(result_path), TEST(collect),
          TEST(collect_goes_on), TEST(collect_says_none), TEST(collect_refused), TEST(foreach), TEST(touched))
