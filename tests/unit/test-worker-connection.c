/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How the worker finds the service, see service/worker/link.c: when it tries again where it cannot. */

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "test.h"
#include "worker.h"

#define NOW (1000 * USEC_PER_SEC)

typedef struct Service {
        int listener;
        int others[64]; /* connections that take all the room */
        size_t n_others;
        int epoll;
        Description description;
        Link link;
} Service;

static struct sockaddr_un address_of(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return address;
}

static void service_init(Service *s, int backlog) {
        struct sockaddr_un address = address_of(test_path("channel"));

        *s = (Service) { .listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
        check(s->listener >= 0);
        check(bind(s->listener, (struct sockaddr *) &address, sizeof(address)) == 0);
        check(listen(s->listener, backlog) == 0);
        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        check(s->epoll >= 0);
        s->description.id = "job-0000000000";
        (void) snprintf(s->description.trailer.channel, sizeof(s->description.trailer.channel), "%s", address.sun_path);
        link_open(&s->link, s->epoll, &s->description, 0);
}

/* Until there is no room for another connection. */
static void fill(Service *s) {
        struct sockaddr_un address = address_of(s->description.trailer.channel);

        for (; s->n_others < ELEMENTSOF(s->others); s->n_others++) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

                check(fd >= 0);
                if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                        check_int(errno, EAGAIN);
                        (void) close(fd);
                        return;
                }
                s->others[s->n_others] = fd;
        }
        test_fail(TEST_PLACE("fill()"), "there is always room");
}

static void service_clear(Service *s) {
        for (size_t i = 0; i < s->n_others; i++)
                (void) close(s->others[i]);
        closep(&s->link.fd);
        (void) close(s->epoll);
        (void) close(s->listener);
}

/* Where others take each place as it gets free, who asks seldom gets none. */
static void asks_often_where_there_is_no_room(void) {
        uint64_t now = NOW;
        Service s;

        service_init(&s, 2);
        fill(&s);
        for (unsigned i = 0; i < 1000; i++) {
                link_flush(&s.link, now);
                check(s.link.fd < 0);
                check(!s.link.refused);
                check(s.link.retry_usec > now);
                check(s.link.retry_usec <= now + 20 * USEC_PER_MSEC);
                now = s.link.retry_usec;
        }
        (void) close(accept4(s.listener, NULL, NULL, SOCK_CLOEXEC));
        link_flush(&s.link, now);
        check(s.link.fd >= 0);
        service_clear(&s);
}

/* It costs less and less, since it may be for long. */
static void asks_seldom_where_nobody_listens(void) {
        uint64_t now = NOW, before = 0;
        Service s;

        service_init(&s, 2);
        (void) close(TAKE_FD(s.listener));
        for (unsigned i = 0; i < 12; i++) {
                link_flush(&s.link, now);
                check(s.link.refused);
                check(s.link.retry_usec - now >= before);
                before = s.link.retry_usec - now;
                now = s.link.retry_usec;
        }
        check(before >= USEC_PER_SEC);
        service_clear(&s);
}

/* The service takes its connection, and says this: 0 for nothing. */
static uint64_t answer(Service *s, uint64_t now, uint32_t type) {
        WorkerHeader header = { WORKER_VERSION, type };
        int fd, other;

        link_flush(&s->link, now);
        check(s->link.fd >= 0);
        check(!s->link.refused);
        fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        check(fd >= 0);
        if (type != 0) {
                check_int(send(fd, &header, sizeof(header), 0), sizeof(header));
                check_int(link_dispatch(&s->link, now, &other), type);
        }
        (void) close(fd);
        check_int(link_dispatch(&s->link, now, &other), 0);
        check(s->link.fd < 0);
        return s->link.retry_usec;
}

/* As one whose store has lost the job. */
static void gives_up_a_service_that_does_not_know_the_job(void) {
        uint64_t now = NOW;
        Service s;

        service_init(&s, 2);
        for (unsigned i = 0; i < 5; i++) {
                now = answer(&s, now, WORKER_UNKNOWN);
                check(!s.link.refused);
        }
        check(now >= NOW + USEC_PER_SEC);
        now = answer(&s, now, WORKER_WELCOME);
        check(!s.link.refused);
        for (unsigned i = 0; i < 5; i++) {
                now = answer(&s, now, WORKER_UNKNOWN);
                check(!s.link.refused);
        }
        now = answer(&s, now, WORKER_UNKNOWN);
        check(s.link.refused);
        (void) answer(&s, now, WORKER_WELCOME);
        check(!s.link.refused);
        service_clear(&s);
}

/* Or is of a version that does not say that it does not know the job. */
static void is_patient_with_a_service_that_is_killed_again_and_again(void) {
        uint64_t now = NOW;
        Service s;

        service_init(&s, 2);
        for (unsigned i = 0; i < 60; i++) {
                now = answer(&s, now, 0);
                check(!s.link.refused);
        }
        (void) answer(&s, now, 0);
        check(s.link.refused);
        service_clear(&s);
}

/* A connection would start it: it is waited for as long as somebody would be told of one. */
static void waits_for_a_service_that_is_stopped(void) {
        uint64_t now = NOW;
        Service s;

        service_init(&s, 2);
        check_int(answer(&s, now, WORKER_AWAY), 0);
        check(!s.link.refused);
        check(link_waits(&s.link));
        link_flush(&s.link, now + 1000 * USEC_PER_SEC);
        check(s.link.fd < 0);
        link_call(&s.link, now);
        check_int(s.link.retry_usec, now);
        check_int(answer(&s, now, WORKER_AWAY), 0);
        (void) close(TAKE_FD(s.listener));
        check(!link_waits(&s.link));
        service_clear(&s);
}

TEST_MAIN(TEST(asks_often_where_there_is_no_room), TEST(asks_seldom_where_nobody_listens),
          TEST(gives_up_a_service_that_does_not_know_the_job), TEST(is_patient_with_a_service_that_is_killed_again_and_again),
          TEST(waits_for_a_service_that_is_stopped))
