/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "worker.h"

#define RETRY_USEC (100 * USEC_PER_MSEC) /* doubled with each failure, up to: */
#define RETRY_MAX_USEC (10 * USEC_PER_SEC)
#define RETRY_ENDED_MAX_USEC USEC_PER_SEC /* if others may wait for the end of the job */
#define RETRY_FULL_USEC (10 * USEC_PER_MSEC) /* if there is no room for another connection */
#define ACCEPTS (1U << 16) /* of the flags in /proc/net/unix */
/* Consecutive connections closed by the service instead of a welcome. */
#define UNKNOWN_MAX 5U   /* it said why */
#define REJECTED_MAX 60U /* it may have been killed each time */

void link_open(Link *l, int epoll, const Description *d, uint64_t started_usec) {
        *l = (Link) {
                .fd = -EBADF,
                .epoll = epoll,
                .path = d->trailer.channel,
                .hello = { .header = { WORKER_VERSION, WORKER_HELLO }, .started_usec = started_usec },
                .retry_usec = 1, /* immediately */
                .progress_type = WORKER_PROGRESS,
        };
        (void) snprintf(l->hello.id, sizeof(l->hello.id), "%s", d->id);
        memcpy(l->hello.secret, d->trailer.secret, sizeof(l->hello.secret));
}

static void watch(Link *l, int operation, uint32_t events) {
        (void) epoll_ctl(l->epoll, operation, l->fd, &(struct epoll_event) { .events = events, .data.u32 = SOURCE_LINK });
}

static void retry(Link *l, uint64_t now) {
        uint64_t delay = RETRY_USEC << MIN(l->failures, 8U);

        l->failures++;
        l->retry_usec = now + MIN(delay, l->ended ? RETRY_ENDED_MAX_USEC : RETRY_MAX_USEC);
}

/* The last messages may not have been read. The service may have been restarted: its socket stays open; or it
 * repeatedly closes the connection because of our messages. */
static void disconnected(Link *l, uint64_t now) {
        (void) close(TAKE_FD(l->fd));
        l->ended_due = l->ended;
        l->retry_usec = 0;
        if (!l->welcomed && !l->away)
                l->refused = l->unknown ? ++l->n_unknown > UNKNOWN_MAX : ++l->rejected > REJECTED_MAX;
        if (l->welcomed && now - l->connected_usec >= RETRY_USEC && !l->away)
                l->retry_usec = now;
        else if (!l->away)
                retry(l, now);
        l->welcomed = false;
}

/* Whether a line of /proc/net/unix is of a listening socket with this path, see proc(5). */
static bool is_listener(char *line, const char *path) {
        const char *flags = line, *name = strchr(line, '/');

        line[strcspn(line, "\n")] = 0;
        for (int i = 0; i < 3 && flags; i++) {
                flags = strchr(flags, ' ');
                flags = flags ? flags + 1 : NULL;
        }
        return flags && name && streq(name, path) && strtoul(flags, NULL, 16) & ACCEPTS;
}

/* Connecting instead would start the service. */
static bool is_listened_on(const char *path) {
        _cleanup_fclose_ FILE *f = fopen("/proc/net/unix", "re");
        _cleanup_free_ char *line = NULL;
        bool found = !f;
        size_t size = 0;

        while (!found && getline(&line, &size, f) > 0)
                found = is_listener(line, path);
        return found;
}

bool link_waits(const Link *l) {
        return l->away && is_listened_on(l->path);
}

void link_call(Link *l, uint64_t now) {
        if (l->fd >= 0 || !l->away)
                return;
        l->away = false;
        l->retry_usec = now;
}

/* Returns whether it was sent, or can never be. */
static bool send_now(Link *l, const void *data, size_t size, uint64_t now) {
        struct iovec vec = { (void *) data, size };
        struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };

        if (l->fd < 0)
                return false;
        if (sendmsg(l->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                return true;
        if (errno == EAGAIN || errno == ENOBUFS)
                watch(l, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        else
                disconnected(l, now);
        return false;
}

/* If there is no room, others may take each slot that becomes free: retry often. */
static void not_connected(Link *l, int error, uint64_t now) {
        (void) close(TAKE_FD(l->fd));
        if (error == EAGAIN) {
                l->refused = false;
                l->retry_usec = now + RETRY_FULL_USEC;
                return;
        }
        l->refused = error != EINTR;
        l->no_socket = error != ECONNREFUSED;
        retry(l, now);
}

static void connect_now(Link *l, uint64_t now) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        l->retry_usec = 0;
        if (!*l->path) { /* the service has no socket; with the empty name connect(2) would use an abstract one */
                l->refused = l->no_socket = true;
                retry(l, now);
                return;
        }
        l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (l->fd < 0) {
                retry(l, now);
                return;
        }
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", l->path);
        if (connect(l->fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                not_connected(l, errno, now);
                return;
        }
        l->refused = l->no_socket = l->away = l->unknown = false;
        l->connected_usec = now;
        l->progress_due = l->progress_due || l->progress_size > 0; /* a restarted service does not know them */
        l->place_due = *l->place;
        watch(l, EPOLL_CTL_ADD, EPOLLIN);
        worker_failpoint("worker-before-hello");
        (void) send_now(l, &l->hello, sizeof(l->hello), now); /* there is room for one */
        worker_failpoint("worker-after-hello");
}

/* Returns whether it is still due. */
static bool send_text(Link *l, WorkerMessageType type, const char *text, size_t size, uint64_t now) {
        char message[sizeof(WorkerHeader) + WORKER_TEXT_MAX];

        memcpy(message, &(WorkerHeader) { WORKER_VERSION, type }, sizeof(WorkerHeader));
        memcpy(message + sizeof(WorkerHeader), text, size);
        return !send_now(l, message, sizeof(WorkerHeader) + size, now);
}

void link_flush(Link *l, uint64_t now) {
        if (l->fd < 0 && l->retry_usec > 0 && l->retry_usec <= now)
                connect_now(l, now);
        if (l->place_due && l->fd >= 0)
                l->place_due = send_text(l, WORKER_PLACE, l->place, strlen(l->place), now);
        if (l->progress_due && l->fd >= 0)
                l->progress_due = send_text(l, l->progress_type, l->progress, l->progress_size, now);
        if (l->ended_due && l->fd >= 0 && !l->progress_due && !l->place_due) {
                worker_failpoint("worker-before-report");
                l->ended_due = !send_now(l, l->ended, l->ended_size, now);
                worker_failpoint("worker-after-report");
        }
}

static void read_descriptor(struct msghdr *message, int *ret_fd) {
        struct cmsghdr *c = CMSG_FIRSTHDR(message);

        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
}

WorkerMessageType link_dispatch(Link *l, uint64_t now, int *ret_fd) {
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
        WorkerHeader header = {};
        struct iovec vec = { &header, sizeof(header) };
        struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        ssize_t n;

        *ret_fd = -EBADF;
        watch(l, EPOLL_CTL_MOD, EPOLLIN);
        n = recvmsg(l->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return WORKER_NOTHING;
        if (n <= 0) {
                disconnected(l, now);
                return WORKER_NOTHING;
        }
        read_descriptor(&message, ret_fd);
        if (header.type == WORKER_WELCOME) {
                l->welcomed = true;
                l->failures = l->rejected = l->n_unknown = 0;
        } else if (header.type == WORKER_GO)
                l->go = true;
        else if (header.type == WORKER_AWAY)
                l->away = true;
        else if (header.type == WORKER_UNKNOWN)
                l->unknown = true;
        return (WorkerMessageType) header.type;
}

void link_free(Link *l) {
        closep(&l->fd);
        free(l->ended);
}
