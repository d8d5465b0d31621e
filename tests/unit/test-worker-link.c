/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The connections of workers: their messages, how many are read, and when a connection ends. */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "test-bus.h"
#include "test.h"
#include "worker-link-fixture.h"

#define RATE_MESSAGES 32 /* as in the source */

/* What came, and the descriptor with it. */
static uint32_t receive(int fd, int *ret_fd) {
        char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8)));
        WorkerHeader header = {};
        struct iovec vec = { &header, sizeof(header) };
        struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        struct cmsghdr *c;

        check_int(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), sizeof(header));
        check_int(header.version, WORKER_VERSION);
        c = CMSG_FIRSTHDR(&message);
        *ret_fd = -EBADF;
        if (c)
                memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
        return header.type;
}

static void conversation(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF, order = -EBADF;

        links_open(&l);
        fd = connect_as(&l, "task-1");
        check_int(l.tasks[1].n_hello, 1);
        check_int(l.tasks[1].uid, geteuid());
        check(!is_closed(fd));

        worker_link_welcome(l.tasks[1].link, STDERR_FILENO);
        check_int(receive(fd, &order), WORKER_WELCOME);
        check(order > STDERR_FILENO);
        worker_link_welcome(l.tasks[1].link, -EBADF);
        check_int(receive(fd, &(int) { 0 }), WORKER_WELCOME);

        say_progress(fd, "half");
        links_run(&l);
        check_int(l.tasks[1].n_progress, 1);
        check_string(l.tasks[1].text, "half");
        say_ended(fd);
        links_run(&l);
        check_int(l.tasks[1].n_ended, 1);
        worker_link_go(l.tasks[1].link);
        check_int(receive(fd, &(int) { 0 }), WORKER_GO);

        closep(&fd);
        fd = -EBADF;
        links_run(&l);
        check_int(l.tasks[1].n_gone, 1);
        check_int(l.tasks[0].n_hello + l.tasks[0].n_progress + l.tasks[0].n_ended + l.tasks[0].n_gone, 0);
}

/* Before it is accepted, and its end with it: nothing of that is lost. */
static void all_at_once(void) {
        _cleanup_links_ Links l;
        int fd;

        links_open(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        say_progress(fd, "one");
        say_progress(fd, "two");
        (void) close(fd);
        links_run(&l);
        check_int(l.tasks[0].n_hello, 1);
        check_int(l.tasks[0].n_progress, 2);
        check_int(l.tasks[0].n_gone, 1);
}

/* Each of them closes its own connection, and no other. */
static void garbage(void) {
        static char large[WORKER_MESSAGE_MAX + 1];
        static const WorkerHeader welcome = { WORKER_VERSION, WORKER_WELCOME }, later = { 7, 7 };
        WorkerEnded ended = { .header = { WORKER_VERSION, WORKER_ENDED }, .struct_size = sizeof(ended), .final = 1, .code = 99 };
        WorkerHello hello = hello_of("task-0");
        _cleanup_links_ Links l;
        _cleanup_close_ int other = -EBADF, kept = -EBADF;
        const struct {
                const void *data;
                size_t size;
        } messages[] = {
                { "", 1 },  { "1234567", 7 }, { &hello, sizeof(hello) - 1 }, { &ended, sizeof(ended) }, { &ended, sizeof(WorkerHeader) },
                { "", 0 },
        };

        links_open(&l);
        other = connect_as(&l, "task-1");
        for (size_t i = 0; i < ELEMENTSOF(messages); i++) {
                _cleanup_close_ int fd = connect_as(&l, "task-0");

                check_int(l.tasks[0].n_hello, i + 1);
                say(fd, messages[i].data, messages[i].size);
                links_run(&l);
                check(is_closed(fd));
                check_int(l.tasks[0].n_gone, i + 1);
        }
        kept = connect_as(&l, "task-0");
        memcpy(large, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader));
        say(kept, large, sizeof(WorkerHeader) + WORKER_TEXT_MAX);
        say(kept, &welcome, sizeof(welcome)); /* what is not for us, or not known */
        say(kept, &later, sizeof(later));
        links_run(&l);
        check(!is_closed(kept));
        check_int(l.tasks[0].n_progress, 1);
        ended.code = CLD_EXITED;
        memcpy(large, &ended, sizeof(ended)); /* what can be read of it is right */
        say(kept, large, sizeof(large));
        links_run(&l);
        check(is_closed(kept));
        check_int(l.tasks[0].n_ended, 0);
        say_progress(other, "still here");
        links_run(&l);
        check_string(l.tasks[1].text, "still here");
}

static void send_with_descriptors(int fd, const void *data, size_t size, int sent) {
        char control[CMSG_SPACE(3 * sizeof(int))] __attribute__((aligned(8))) = {};
        struct iovec vec = { (void *) data, size };
        struct msghdr message = {
                .msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
        };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        int fds[3] = { sent, sent, sent };

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(c), fds, sizeof(fds));
        check(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t) size);
}

static void descriptors_are_closed(void) {
        WorkerHello hello = hello_of("task-0");
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;
        int ends[2];
        unsigned n;

        links_open(&l);
        check_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
        fd = connect_to(&l);
        send_with_descriptors(fd, &hello, sizeof(hello), ends[1]);
        send_with_descriptors(fd, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader), ends[1]);
        (void) close(ends[1]);
        n = count_descriptors();
        links_run(&l);
        check_int(l.tasks[0].n_progress, 1);
        check_int(count_descriptors(), n + 1); /* the connection */
        check_int(read(ends[0], &n, 1), 0); /* there is nobody who could write */
        (void) close(ends[0]);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        *(bool *) userdata = true;
        return 0;
}

static void run_for(Links *l, uint64_t usec) {
        bool done = false;

        check_ok(sd_event_add_time_relative(l->event, NULL, CLOCK_MONOTONIC, usec, 1, on_time, &done));
        while (!done)
                check_ok(sd_event_run(l->event, UINT64_MAX));
}

/* As many as the socket takes. */
static unsigned flood(int fd) {
        WorkerHeader header = { WORKER_VERSION, WORKER_PROGRESS };
        unsigned n = 0;

        while (send(fd, &header, sizeof(header), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                n++;
        return n;
}

/* One that has much to say is heard as often as others; and to its end where that matters. */
static void flood_is_slow(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int loud = -EBADF, calm = -EBADF;
        unsigned n;

        links_open(&l);
        loud = connect_as(&l, "task-0");
        calm = connect_as(&l, "task-1");
        n = flood(loud);
        check(n > 2 * RATE_MESSAGES);
        run_for(&l, 100 * USEC_PER_MSEC);
        check(l.tasks[0].n_progress > 0 && l.tasks[0].n_progress <= RATE_MESSAGES);
        say_progress(calm, "calm");
        run_for(&l, 10 * USEC_PER_MSEC);
        check_string(l.tasks[1].text, "calm");
        worker_links_catch_up(l.links, l.tasks[0].link);
        check_int(l.tasks[0].n_progress, n);
        check_int(l.tasks[0].n_gone, 0);
}

/* Everybody else has to wait meanwhile. */
static void flood_without_end(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        links_open(&l);
        fd = connect_as(&l, "task-0");
        l.tasks[0].loud = &fd;
        say_progress(fd, "first");
        (void) alarm(60);
        worker_links_catch_up(l.links, l.tasks[0].link);
        check(l.tasks[0].n_progress >= 300); /* as many as may wait to be read */
        check_int(l.tasks[0].n_gone, 0);
}

/* The same worker connects again before it is seen that it has gone. */
static void replaced(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int first = -EBADF, second = -EBADF;

        links_open(&l);
        first = connect_as(&l, "task-0");
        say_progress(first, "late");
        second = connect_as(&l, "task-0");
        check(is_closed(first));
        check(!is_closed(second));
        check_int(l.tasks[0].n_hello, 2);
        check_int(l.tasks[0].n_gone, 0);
        say_progress(second, "second");
        links_run(&l);
        check_string(l.tasks[0].text, "second");
}

/* All that they have said, and not the hello alone: what it is about has ended. */
static void catch_up_with_those_that_wait(void) {
        _cleanup_links_ Links l;
        int fd;

        links_open(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        say_progress(fd, "half");
        say_ended(fd);
        (void) close(fd);
        worker_links_catch_up(l.links, NULL);
        check_int(l.tasks[0].n_hello, 1);
        check_int(l.tasks[0].n_progress, 1);
        check_int(l.tasks[0].n_ended, 1);
        links_run(&l);
        check_int(l.tasks[0].n_gone, 1);
        worker_links_catch_up(NULL, NULL);
}

/* It was not seen yet that the first connection is over. */
static void catch_up_with_one_that_connected_again(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int second = -EBADF;
        int first;

        links_open(&l);
        first = connect_as(&l, "task-0");
        say_progress(first, "one");
        (void) close(first);
        second = connect_to(&l);
        say_hello(second, "task-0");
        say_ended(second);
        worker_links_catch_up(l.links, l.tasks[0].link);
        check_int(l.tasks[0].n_progress, 1);
        check_int(l.tasks[0].n_hello, 2);
        check_int(l.tasks[0].n_ended, 1);
        check(!is_closed(second));
}

/* By its job, once that has heard how it ended. */
static void freed_while_it_waits(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        links_open(&l);
        l.tasks[0].frees = true;
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        say_ended(fd);
        say_progress(fd, "more");
        worker_links_catch_up(l.links, NULL);
        check_int(l.tasks[0].n_ended, 1);
        check_int(l.tasks[0].n_progress, 0);
        check(is_closed(fd));
}

/* The job is done with it, in the middle of what it says. */
static void freed_from_within(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        links_open(&l);
        l.tasks[0].frees = true;
        fd = connect_as(&l, "task-0");
        say_progress(fd, "one");
        say_progress(fd, "two");
        links_run(&l);
        check_int(l.tasks[0].n_progress, 1);
        check_int(l.tasks[0].n_gone, 0);
        check(is_closed(fd));
        closep(&fd);

        fd = connect_as(&l, "task-0");
        say_progress(fd, "one");
        say_progress(fd, "two");
        worker_links_catch_up(l.links, l.tasks[0].link);
        check_int(l.tasks[0].n_progress, 2);
        check(is_closed(fd));
}

/* One that does not read is not waited for. */
static void deaf(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        links_open(&l);
        fd = connect_as(&l, "task-0");
        for (int i = 0; i < 10000; i++)
                worker_link_go(l.tasks[0].link);
        (void) shutdown(fd, SHUT_RD);
        worker_link_go(l.tasks[0].link); /* and no SIGPIPE */
        check_int(l.tasks[0].n_gone, 0);
}

TEST_MAIN(TEST(conversation), TEST(all_at_once), TEST(garbage), TEST(descriptors_are_closed), TEST(flood_is_slow),
          TEST(flood_without_end), TEST(replaced), TEST(catch_up_with_those_that_wait),
          TEST(catch_up_with_one_that_connected_again), TEST(freed_while_it_waits), TEST(freed_from_within),
          TEST(deaf))
