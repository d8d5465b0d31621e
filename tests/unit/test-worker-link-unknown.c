/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Connections before a worker has identified itself, and of others who are none. */

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "test-bus.h"
#include "test.h"
#include "worker-link-fixture.h"

#define UNKNOWN_MAX_USER 8 /* as in the source; likewise: */
#define UNKNOWN_MAX 256

static void path(void) {
        _cleanup_links_ Links l;

        links_open(&l);
        check_string(worker_links_path(l.links), test_path("worker"));
}

/* One that nobody could connect to by its path. */
static void no_path(void) {
        WorkerLinks *links = NULL;
        sd_event *event = NULL;
        int fds[2];

        check_ok(sd_event_default(&event));
        check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
        check_error(worker_links_new(&links, event, fds[0], &links_listener, NULL), -EADDRNOTAVAIL);
        check(!links);
        check_int(fcntl(fds[0], F_GETFD), -1); /* taken, also on failure */
        (void) close(fds[1]);
        (void) sd_event_unref(event);
        check(!worker_links_free(NULL));
        check(!worker_link_free(NULL));
}

static void gone_before_it_speaks(void) {
        _cleanup_links_ Links l;
        unsigned n;

        links_open(&l);
        n = count_descriptors();
        for (int i = 0; i < 3; i++)
                (void) close(connect_to(&l));
        links_run(&l);
        check_int(count_descriptors(), n);
}

static int receive_type(int fd) {
        WorkerHeader header = {};

        return recv(fd, &header, sizeof(header), MSG_DONTWAIT) == sizeof(header) ? (int) header.type : -errno;
}

static void refused(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int unknown = -EBADF, forged = -EBADF, silent = -EBADF;
        WorkerHello hello = hello_of("task-0");

        links_open(&l);
        silent = connect_to(&l);
        unknown = connect_as(&l, "task-9");
        check_int(receive_type(unknown), WORKER_UNKNOWN);
        check(is_closed(unknown));
        forged = connect_to(&l);
        hello.secret[0] = 2;
        say(forged, &hello, sizeof(hello));
        links_run(&l);
        check_int(receive_type(forged), WORKER_UNKNOWN);
        check(is_closed(forged));
        check(!is_closed(silent));
        check_int(l.tasks[0].n_hello + l.tasks[0].n_gone, 0);
}

/* Nothing is believed of somebody who has not said who it is. */
static void no_hello(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int progress = -EBADF, ended = -EBADF;

        links_open(&l);
        progress = connect_to(&l);
        say_progress(progress, "x");
        ended = connect_to(&l);
        say_ended(ended);
        links_run(&l);
        check(is_closed(progress) && is_closed(ended));
}

static void hello_twice(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        links_open(&l);
        fd = connect_as(&l, "task-0");
        say_hello(fd, "task-1");
        links_run(&l);
        check(is_closed(fd));
        check_int(l.tasks[0].n_gone, 1);
        check_int(l.tasks[1].n_hello, 0);
}

/* Of a user some may be silent; the oldest goes for the next. Those that are known do not count. */
static void silent(void) {
        int fds[UNKNOWN_MAX_USER + 2];
        _cleanup_links_ Links l;
        int known;

        links_open(&l);
        known = connect_as(&l, "task-0");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = connect_to(&l);
                links_run(&l);
                for (size_t j = 0; j <= i; j++)
                        check_int(is_closed(fds[j]), j + UNKNOWN_MAX_USER <= i);
        }
        check(!is_closed(known));
        say_hello(fds[5], "task-1"); /* makes room */
        links_run(&l);
        (void) close(connect_as(&l, "task-9"));
        check(!is_closed(fds[2]));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        (void) close(known);
        check_int(l.tasks[1].n_hello, 1);
}

/* Those of one user do not take the room of another, until there are very many of all. */
static void silent_of_many_users(void) {
        enum { USERS = UNKNOWN_MAX / UNKNOWN_MAX_USER };
        int fds[USERS][UNKNOWN_MAX_USER], one_more;
        _cleanup_links_ Links l;

        if (geteuid() != 0)
                test_skip("only root can be many users");
        links_open(&l);
        check_ok(chmod(test_directory(), 0711));
        check_ok(chmod(test_path(".."), 0711));
        check_ok(chmod(test_path("worker"), 0666));
        for (uid_t user = 0; user < USERS; user++) {
                check_ok(seteuid(user + 1000));
                for (size_t i = 0; i < UNKNOWN_MAX_USER; i++)
                        fds[user][i] = connect_to(&l);
                check_ok(seteuid(0));
                links_run(&l);
        }
        check(!is_closed(fds[0][0]));
        one_more = connect_to(&l);
        links_run(&l);
        check(is_closed(fds[0][0]));
        check(!is_closed(fds[0][1]) && !is_closed(one_more));
        for (size_t user = 0; user < USERS; user++)
                for (size_t i = 0; i < UNKNOWN_MAX_USER; i++)
                        (void) close(fds[user][i]);
        (void) close(one_more);
}

/* It is logged once, and works again when there are some. */
static void no_descriptors(void) {
        struct rlimit limit, none = {};
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        test_skip_under_valgrind("the limit is not that of the kernel, under which it cannot work itself");
        links_open(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        check_ok(getrlimit(RLIMIT_NOFILE, &limit));
        none.rlim_max = limit.rlim_max;
        check_ok(setrlimit(RLIMIT_NOFILE, &none));
        for (int i = 0; i < 20; i++)
                check_ok(sd_event_run(l.event, 0));
        check_ok(setrlimit(RLIMIT_NOFILE, &limit));
        check_string(test_log(), "Failed to accept the connection of a worker: Too many open files\n");
        links_run(&l);
        check_int(l.tasks[0].n_hello, 1);
}

TEST_MAIN(TEST(path), TEST(no_path), TEST(gone_before_it_speaks), TEST(refused), TEST(no_hello), TEST(hello_twice),
          TEST(silent), TEST(silent_of_many_users), TEST(no_descriptors))
