/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Whether the file of a program is noticed to be replaced or removed, with inotify and without it. */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "program-watch.h"
#include "test.h"

#define QUIET_USEC (3 * USEC_PER_SEC) /* longer than it takes to see that the file has settled */

typedef struct Seen {
        unsigned n;
        bool removed;
} Seen;

static int on_changed(bool removed, void *userdata) {
        Seen *seen = userdata;

        seen->n++;
        seen->removed = removed;
        return 0;
}

static void wait_for(sd_event *event, const Seen *seen, bool removed) {
        unsigned n = seen->n;

        while (seen->n == n)
                check_ok(sd_event_run(event, UINT64_MAX));
        check_int(seen->n, n + 1);
        check_int(seen->removed, removed);
}

static void write_program(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

        check(fd >= 0);
        (void) close(fd);
}

/* The new one, if there is one, is written first, as a package manager does. */
static void check_noticed(bool replace) {
        _cleanup_free_ char *path = strdup(test_path("program")), *next = strdup(test_path("program.new"));
        _cleanup_(program_watch_freep) ProgramWatch *watch = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Seen seen = {};

        check(path && next);
        check_ok(sd_event_new(&event));
        write_program(path);
        check_ok(program_watch_new(&watch, event, path, on_changed, &seen));
        if (replace)
                write_program(next);
        check_ok(replace ? rename(next, path) : unlink(path));
        wait_for(event, &seen, !replace);
        (void) unlink(path);
}

static void replaced(void) {
        check_noticed(true);
}

static void removed(void) {
        check_noticed(false);
}

/* With its folder, and the one above. */
static void removed_and_back(void) {
        _cleanup_free_ char *above = strdup(test_path("a")), *folder = strdup(test_path("a/b")), *path = strdup(test_path("a/b/program"));
        _cleanup_(program_watch_freep) ProgramWatch *watch = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Seen seen = {};

        check(above && folder && path);
        check_ok(sd_event_new(&event));
        check_ok(mkdir(above, 0755));
        check_ok(mkdir(folder, 0755));
        write_program(path);
        check_ok(program_watch_new(&watch, event, path, on_changed, &seen));
        check_ok(unlink(path));
        check_ok(rmdir(folder));
        check_ok(rmdir(above));
        wait_for(event, &seen, true);
        check_ok(mkdir(above, 0755));
        check_ok(mkdir(folder, 0755));
        while (check_ok(sd_event_run(event, QUIET_USEC)) > 0) /* until the new folder is what it waits in */
                ;
        write_program(path);
        wait_for(event, &seen, false);
}

/* In a user namespace of its own, which has limits of its own. */
static void without_inotify(void) {
        int fd;

        if (unshare(CLONE_NEWUSER) < 0)
                test_skip("there are no user namespaces here");
        fd = open("/proc/sys/user/max_inotify_instances", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
                test_skip("the limit of a user namespace cannot be set");
        (void) close(fd);
        check_noticed(true);
        check_noticed(false);
}

TEST_MAIN(TEST(replaced), TEST(removed), TEST(removed_and_back), TEST(without_inotify))
