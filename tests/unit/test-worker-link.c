/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The connections of workers, and of others who are none. Both ends are in this process. */

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "test-bus.h"
#include "test.h"
#include "worker-link.h"

#define UNKNOWN_MAX_USER 8 /* as in the source; likewise: */
#define UNKNOWN_MAX 256
#define RATE_MESSAGES 32

/* What a job is for the connections. */
typedef struct Task {
        WorkerLink *link; /* owned */
        uint32_t uid;
        unsigned n_hello, n_progress, n_ended, n_gone;
        char text[64];
        bool frees; /* the link, in each callback */
        const int *loud; /* its end of the connection, which says more whenever it was heard; NULL: it does not */
} Task;

typedef struct Links {
        sd_event *event;
        WorkerLinks *links;
        Task tasks[2]; /* task-0 and task-1 */
} Links;

static void *on_hello(WorkerLink *link, const WorkerMessage *hello, uint32_t uid, void *userdata) {
        Links *l = userdata;

        for (size_t i = 0; i < ELEMENTSOF(l->tasks); i++) {
                Task *task = &l->tasks[i];

                if (hello->id[5] != (char) ('0' + i) || hello->secret[0] != 1)
                        continue;
                (void) worker_link_free(task->link);
                task->link = link;
                task->uid = uid;
                task->n_hello++;
                return task;
        }
        return NULL;
}

static void say_progress(int fd, const char *text);

static void came(Task *task, const WorkerMessage *m) {
        if (task->loud)
                say_progress(*task->loud, "more");
        (void) snprintf(task->text, sizeof(task->text), "%.*s", (int) m->text_size, m->text);
        if (task->frees)
                task->link = worker_link_free(task->link);
}

static void on_progress(const WorkerMessage *m, void *userdata) {
        Task *task = userdata;

        task->n_progress++;
        came(task, m);
}

static void on_ended(const WorkerMessage *m, void *userdata) {
        Task *task = userdata;

        task->n_ended++;
        came(task, m);
}

static void on_gone(void *userdata) {
        Task *task = userdata;

        task->n_gone++;
        task->link = NULL;
}

static const WorkerLinkListener listener = {
        .hello = on_hello,
        .progress = on_progress,
        .ended = on_ended,
        .gone = on_gone,
};

static int new_listener(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", test_path("worker"));
        check(fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, SOMAXCONN) == 0);
        return fd;
}

static void open_links(Links *l) {
        *l = (Links) {};
        check_ok(sd_event_default(&l->event));
        check_ok(worker_links_new(&l->links, l->event, new_listener(), &listener, l));
}

static void close_links(Links *l) {
        for (size_t i = 0; i < ELEMENTSOF(l->tasks); i++)
                (void) worker_link_free(l->tasks[i].link);
        (void) worker_links_free(l->links);
        (void) sd_event_unref(l->event);
}
#define _cleanup_links_ _cleanup_(close_links)

static void run(Links *l) {
        run_pending(l->event);
}

/* --- the other end ---------------------------------------------------------------------------------- */

static int connect_to(const Links *l) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", worker_links_path(l->links));
        check(fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0);
        return fd;
}

static void say(int fd, const void *data, size_t size) {
        check(send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size);
}

static WorkerHello hello_of(const char *id) {
        WorkerHello hello = { .header = { WORKER_VERSION, WORKER_HELLO }, .secret = { 1 } };

        (void) snprintf(hello.id, sizeof(hello.id), "%s", id);
        return hello;
}

static void say_hello(int fd, const char *id) {
        WorkerHello hello = hello_of(id);

        say(fd, &hello, sizeof(hello));
}

static void say_progress(int fd, const char *text) {
        char message[sizeof(WorkerHeader) + 64];

        memcpy(message, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader));
        (void) snprintf(message + sizeof(WorkerHeader), 64, "%s", text);
        say(fd, message, sizeof(WorkerHeader) + strlen(text));
}

static void say_ended(int fd) {
        WorkerEnded ended = { .header = { WORKER_VERSION, WORKER_ENDED }, .struct_size = sizeof(ended), .final = 1, .code = CLD_EXITED };

        say(fd, &ended, sizeof(ended));
}

/* A connection that is one of that task. */
static int connect_as(Links *l, const char *id) {
        int fd = connect_to(l);

        say_hello(fd, id);
        run(l);
        return fd;
}

static bool is_closed(int fd) {
        char byte;
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

        check(n <= 0);
        return n == 0 || errno != EAGAIN;
}

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

static unsigned count_descriptors(void) {
        _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        check(dir);
        while (readdir(dir))
                n++;
        return n;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void path(void) {
        _cleanup_links_ Links l;

        open_links(&l);
        check_string(worker_links_path(l.links), test_path("worker"));
}

/* One that nobody could connect to by its path. */
static void no_path(void) {
        WorkerLinks *links = NULL;
        sd_event *event = NULL;
        int fds[2];

        check_ok(sd_event_default(&event));
        check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
        check_error(worker_links_new(&links, event, fds[0], &listener, NULL), -EADDRNOTAVAIL);
        check(!links);
        check_int(fcntl(fds[0], F_GETFD), -1); /* taken over, also on failure */
        (void) close(fds[1]);
        (void) sd_event_unref(event);
        check(!worker_links_free(NULL));
        check(!worker_link_free(NULL));
}

static void conversation(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF, order = -EBADF;

        open_links(&l);
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
        run(&l);
        check_int(l.tasks[1].n_progress, 1);
        check_string(l.tasks[1].text, "half");
        say_ended(fd);
        run(&l);
        check_int(l.tasks[1].n_ended, 1);
        worker_link_go(l.tasks[1].link);
        check_int(receive(fd, &(int) { 0 }), WORKER_GO);

        closep(&fd);
        fd = -EBADF;
        run(&l);
        check_int(l.tasks[1].n_gone, 1);
        check_int(l.tasks[0].n_hello + l.tasks[0].n_progress + l.tasks[0].n_ended + l.tasks[0].n_gone, 0);
}

/* Before it is accepted, and its end with it: nothing of that is lost. */
static void all_at_once(void) {
        _cleanup_links_ Links l;
        int fd;

        open_links(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        say_progress(fd, "one");
        say_progress(fd, "two");
        (void) close(fd);
        run(&l);
        check_int(l.tasks[0].n_hello, 1);
        check_int(l.tasks[0].n_progress, 2);
        check_int(l.tasks[0].n_gone, 1);
}

static void gone_before_it_speaks(void) {
        _cleanup_links_ Links l;
        unsigned n;

        open_links(&l);
        n = count_descriptors();
        for (int i = 0; i < 3; i++)
                (void) close(connect_to(&l));
        run(&l);
        check_int(count_descriptors(), n);
}

static void refused(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int unknown = -EBADF, forged = -EBADF, silent = -EBADF;
        WorkerHello hello = hello_of("task-0");

        open_links(&l);
        silent = connect_to(&l);
        unknown = connect_as(&l, "task-9");
        check(is_closed(unknown));
        forged = connect_to(&l);
        hello.secret[0] = 2;
        say(forged, &hello, sizeof(hello));
        run(&l);
        check(is_closed(forged));
        check(!is_closed(silent));
        check_int(l.tasks[0].n_hello + l.tasks[0].n_gone, 0);
}

/* Nothing is believed of somebody who has not said who it is. */
static void no_hello(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int progress = -EBADF, ended = -EBADF;

        open_links(&l);
        progress = connect_to(&l);
        say_progress(progress, "x");
        ended = connect_to(&l);
        say_ended(ended);
        run(&l);
        check(is_closed(progress) && is_closed(ended));
}

static void hello_twice(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        open_links(&l);
        fd = connect_as(&l, "task-0");
        say_hello(fd, "task-1");
        run(&l);
        check(is_closed(fd));
        check_int(l.tasks[0].n_gone, 1);
        check_int(l.tasks[1].n_hello, 0);
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

        open_links(&l);
        other = connect_as(&l, "task-1");
        for (size_t i = 0; i < ELEMENTSOF(messages); i++) {
                _cleanup_close_ int fd = connect_as(&l, "task-0");

                check_int(l.tasks[0].n_hello, i + 1);
                say(fd, messages[i].data, messages[i].size);
                run(&l);
                check(is_closed(fd));
                check_int(l.tasks[0].n_gone, i + 1);
        }
        kept = connect_as(&l, "task-0");
        memcpy(large, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader));
        say(kept, large, sizeof(WorkerHeader) + WORKER_TEXT_MAX);
        say(kept, &welcome, sizeof(welcome)); /* what is not for us, or not known */
        say(kept, &later, sizeof(later));
        run(&l);
        check(!is_closed(kept));
        check_int(l.tasks[0].n_progress, 1);
        ended.code = CLD_EXITED;
        memcpy(large, &ended, sizeof(ended)); /* what can be read of it is right */
        say(kept, large, sizeof(large));
        run(&l);
        check(is_closed(kept));
        check_int(l.tasks[0].n_ended, 0);
        say_progress(other, "still here");
        run(&l);
        check_string(l.tasks[1].text, "still here");
}

/* Of a user some may be silent; the oldest goes for the next. Those that are known do not count. */
static void silent(void) {
        int fds[UNKNOWN_MAX_USER + 2];
        _cleanup_links_ Links l;
        int known;

        open_links(&l);
        known = connect_as(&l, "task-0");
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = connect_to(&l);
                run(&l);
                for (size_t j = 0; j <= i; j++)
                        check_int(is_closed(fds[j]), j + UNKNOWN_MAX_USER <= i);
        }
        check(!is_closed(known));
        say_hello(fds[5], "task-1"); /* makes room */
        run(&l);
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
        open_links(&l);
        check_ok(chmod(test_directory(), 0711));
        check_ok(chmod(test_path(".."), 0711));
        check_ok(chmod(test_path("worker"), 0666));
        for (uid_t user = 0; user < USERS; user++) {
                check_ok(seteuid(user + 1000));
                for (size_t i = 0; i < UNKNOWN_MAX_USER; i++)
                        fds[user][i] = connect_to(&l);
                check_ok(seteuid(0));
                run(&l);
        }
        check(!is_closed(fds[0][0]));
        one_more = connect_to(&l);
        run(&l);
        check(is_closed(fds[0][0]));
        check(!is_closed(fds[0][1]) && !is_closed(one_more));
        for (size_t user = 0; user < USERS; user++)
                for (size_t i = 0; i < UNKNOWN_MAX_USER; i++)
                        (void) close(fds[user][i]);
        (void) close(one_more);
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

        open_links(&l);
        check_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
        fd = connect_to(&l);
        send_with_descriptors(fd, &hello, sizeof(hello), ends[1]);
        send_with_descriptors(fd, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader), ends[1]);
        (void) close(ends[1]);
        n = count_descriptors();
        run(&l);
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

        open_links(&l);
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

        open_links(&l);
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

        open_links(&l);
        first = connect_as(&l, "task-0");
        say_progress(first, "late");
        second = connect_as(&l, "task-0");
        check(is_closed(first));
        check(!is_closed(second));
        check_int(l.tasks[0].n_hello, 2);
        check_int(l.tasks[0].n_gone, 0);
        say_progress(second, "second");
        run(&l);
        check_string(l.tasks[0].text, "second");
}

/* All that they have said, and not the hello alone: what it is about has ended. */
static void catch_up_with_those_that_wait(void) {
        _cleanup_links_ Links l;
        int fd;

        open_links(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        say_progress(fd, "half");
        say_ended(fd);
        (void) close(fd);
        worker_links_catch_up(l.links, NULL);
        check_int(l.tasks[0].n_hello, 1);
        check_int(l.tasks[0].n_progress, 1);
        check_int(l.tasks[0].n_ended, 1);
        run(&l);
        check_int(l.tasks[0].n_gone, 1);
        worker_links_catch_up(NULL, NULL);
}

/* It was not seen yet that the first connection is over. */
static void catch_up_with_one_that_connected_again(void) {
        _cleanup_links_ Links l;
        _cleanup_close_ int second = -EBADF;
        int first;

        open_links(&l);
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

        open_links(&l);
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

        open_links(&l);
        l.tasks[0].frees = true;
        fd = connect_as(&l, "task-0");
        say_progress(fd, "one");
        say_progress(fd, "two");
        run(&l);
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

        open_links(&l);
        fd = connect_as(&l, "task-0");
        for (int i = 0; i < 10000; i++)
                worker_link_go(l.tasks[0].link);
        (void) shutdown(fd, SHUT_RD);
        worker_link_go(l.tasks[0].link); /* and no SIGPIPE */
        check_int(l.tasks[0].n_gone, 0);
}

/* It is said once, and works again when there are some. */
static void no_descriptors(void) {
        struct rlimit limit, none = {};
        _cleanup_links_ Links l;
        _cleanup_close_ int fd = -EBADF;

        test_skip_under_valgrind("the limit is not that of the kernel");
        open_links(&l);
        fd = connect_to(&l);
        say_hello(fd, "task-0");
        check_ok(getrlimit(RLIMIT_NOFILE, &limit));
        none.rlim_max = limit.rlim_max;
        check_ok(setrlimit(RLIMIT_NOFILE, &none));
        for (int i = 0; i < 20; i++)
                check_ok(sd_event_run(l.event, 0));
        check_ok(setrlimit(RLIMIT_NOFILE, &limit));
        check_string(test_log(), "Failed to accept the connection of a worker: Too many open files\n");
        run(&l);
        check_int(l.tasks[0].n_hello, 1);
}

TEST_MAIN(TEST(path), TEST(no_path), TEST(conversation), TEST(all_at_once), TEST(gone_before_it_speaks), TEST(refused),
          TEST(no_hello), TEST(hello_twice), TEST(garbage), TEST(silent), TEST(silent_of_many_users),
          TEST(descriptors_are_closed), TEST(flood_is_slow), TEST(flood_without_end), TEST(replaced),
          TEST(catch_up_with_those_that_wait),
          TEST(catch_up_with_one_that_connected_again), TEST(freed_while_it_waits), TEST(freed_from_within), TEST(deaf), TEST(no_descriptors))
