/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/socket.h>
#include <sys/un.h>

#include "test-bus.h"
#include "test.h"
#include "worker-link-fixture.h"

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

const WorkerLinkListener links_listener = {
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

void links_open(Links *l) {
        *l = (Links) {};
        check_ok(sd_event_default(&l->event));
        check_ok(worker_links_new(&l->links, l->event, new_listener(), &links_listener, l));
}

void links_close(Links *l) {
        for (size_t i = 0; i < ELEMENTSOF(l->tasks); i++)
                (void) worker_link_free(l->tasks[i].link);
        (void) worker_links_free(l->links);
        (void) sd_event_unref(l->event);
}

void links_run(Links *l) {
        run_pending(l->event);
}

/* --- the other end ---------------------------------------------------------------------------------- */

int connect_to(const Links *l) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", worker_links_path(l->links));
        check(fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0);
        return fd;
}

void say(int fd, const void *data, size_t size) {
        check(send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size);
}

WorkerHello hello_of(const char *id) {
        WorkerHello hello = { .header = { WORKER_VERSION, WORKER_HELLO }, .secret = { 1 } };

        (void) snprintf(hello.id, sizeof(hello.id), "%s", id);
        return hello;
}

void say_hello(int fd, const char *id) {
        WorkerHello hello = hello_of(id);

        say(fd, &hello, sizeof(hello));
}

void say_progress(int fd, const char *text) {
        char message[sizeof(WorkerHeader) + 64];

        memcpy(message, &(WorkerHeader) { WORKER_VERSION, WORKER_PROGRESS }, sizeof(WorkerHeader));
        (void) snprintf(message + sizeof(WorkerHeader), 64, "%s", text);
        say(fd, message, sizeof(WorkerHeader) + strlen(text));
}

void say_ended(int fd) {
        WorkerEnded ended = { .header = { WORKER_VERSION, WORKER_ENDED }, .struct_size = sizeof(ended), .final = 1, .code = CLD_EXITED };

        say(fd, &ended, sizeof(ended));
}

int connect_as(Links *l, const char *id) {
        int fd = connect_to(l);

        say_hello(fd, id);
        links_run(l);
        return fd;
}

bool is_closed(int fd) {
        char byte;
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

        check(n <= 0);
        return n == 0 || errno != EAGAIN;
}

unsigned count_descriptors(void) {
        _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        check(dir);
        while (readdir(dir))
                n++;
        return n;
}
