/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-journal.h>

#include "macro.h"
#include "worker-link.h"

#define UNKNOWN_MAX_USER 8U /* unidentified connections of one user; beyond it the oldest is closed */
#define UNKNOWN_MAX 256U
#define ACCEPT_MAX 32 /* in one iteration of the loop */
#define RATE_USEC USEC_PER_SEC
#define RATE_MESSAGES 32 /* of one connection, per RATE_USEC: a worker reports progress four times a second */
#define RATE_ACCEPTS 100
#define CATCH_UP_MAX 1024 /* messages: more than fit into a socket. A peer that keeps sending always has more */

struct WorkerLinks {
        sd_event *event;
        int fd;
        sd_event_source *source;
        const WorkerLinkListener *listener;
        void *userdata;
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path) + 1];
        TAILQ_HEAD(, WorkerLink) unknown; /* owned, oldest first */
        unsigned n_unknown;
        WorkerLink *catching_up; /* not owned; NULL: none, or it was freed meanwhile */
        int accept_error; /* of the last connection, 0: it was accepted */
        char buffer[WORKER_MESSAGE_MAX];
};

struct WorkerLink {
        WorkerLinks *links; /* not owned */
        int fd;
        uint32_t uid;
        sd_event_source *source;
        void *job; /* NULL: unidentified */
        TAILQ_ENTRY(WorkerLink) entry; /* while it is unidentified */
};

WorkerLink *worker_link_free(WorkerLink *link) {
        if (!link)
                return NULL;

        if (link->links->catching_up == link)
                link->links->catching_up = NULL;
        if (!link->job) {
                TAILQ_REMOVE(&link->links->unknown, link, entry);
                link->links->n_unknown--;
        }
        (void) sd_event_source_disable_unref(link->source);
        closep(&link->fd);
        free(link);
        return NULL;
}

/* --- reading --------------------------------------------------------------------------------------- */

static void drop(WorkerLink *link) {
        if (link->job)
                link->links->listener->gone(link->job);
        (void) worker_link_free(link);
}

static int say_hello(WorkerLink *link, const WorkerMessage *m) {
        WorkerLinks *links = link->links;
        void *job;

        if (link->job)
                return -EBADMSG;
        job = links->listener->hello(link, m, link->uid, links->userdata);
        if (!job) {
                (void) worker_send(link->fd, WORKER_UNKNOWN, -EBADF);
                return -EPERM;
        }
        TAILQ_REMOVE(&links->unknown, link, entry);
        links->n_unknown--;
        link->job = job;
        return 0;
}

/* Reads one datagram. Returns 1; 0 if there is none now; a negative errno if the connection is over. The kernel
 * closes descriptors that are sent along. */
static int read_one(WorkerLink *link) {
        WorkerLinks *links = link->links;
        struct iovec vec = { links->buffer, sizeof(links->buffer) };
        struct msghdr header = { .msg_iov = &vec, .msg_iovlen = 1 };
        WorkerMessage m;
        ssize_t n;
        int r;

        n = recvmsg(link->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        r = header.msg_flags & MSG_TRUNC ? -EBADMSG : worker_message_read(links->buffer, (size_t) n, &m);
        if (r != 0)
                return r;
        if (m.type == WORKER_HELLO)
                r = say_hello(link, &m);
        else if (!link->job)
                r = -EPERM;
        else if (m.type == WORKER_PROGRESS || m.type == WORKER_LACK || m.type == WORKER_PLACE)
                links->listener->progress(&m, link->job);
        else
                links->listener->ended(&m, link->job);
        return r < 0 ? r : 1;
}

/* Reads everything that has arrived. Returns whether there may be more later; the job may have freed the link then. */
static bool read_all(WorkerLink *link) {
        WorkerLinks *links = link->links;
        int r = 1;

        links->catching_up = link;
        for (int i = 0; i < CATCH_UP_MAX && r > 0 && links->catching_up; i++)
                r = read_one(link);
        links->catching_up = NULL;
        return r >= 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        WorkerLink *link = userdata;

        if (read_one(link) < 0)
                drop(link);
        return 0;
}

/* --- accepting ------------------------------------------------------------------------------------- */

/* The oldest unidentified connection of a user who has too many, or of all users. */
static void make_room(WorkerLinks *links, uint32_t uid) {
        WorkerLink *link, *oldest = NULL;
        unsigned n = 0;

        TAILQ_FOREACH(link, &links->unknown, entry)
                if (link->uid == uid) {
                        oldest = oldest ?: link;
                        n++;
                }
        if (n < UNKNOWN_MAX_USER)
                oldest = links->n_unknown < UNKNOWN_MAX ? NULL : TAILQ_FIRST(&links->unknown);
        if (oldest)
                drop(oldest);
}

static int add_link(WorkerLinks *links, int fd, uint32_t uid, WorkerLink **ret) {
        WorkerLink *link;
        int r;

        link = calloc(1, sizeof(*link));
        if (!link) {
                (void) close(fd);
                return -ENOMEM;
        }
        *link = (WorkerLink) { .links = links, .fd = fd, .uid = uid };
        TAILQ_INSERT_TAIL(&links->unknown, link, entry);
        links->n_unknown++;
        r = sd_event_add_io(links->event, &link->source, fd, EPOLLIN, on_readable, link);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(link->source, RATE_USEC, RATE_MESSAGES);
        if (r < 0) {
                (void) worker_link_free(link);
                return r;
        }
        *ret = link;
        return 0;
}

/* Workers send hello before they are accepted: most are identified immediately. all: they may have sent more, see
 * worker_links_catch_up(). Returns 1, or 0 if nobody waits. */
static int accept_one(WorkerLinks *links, bool all) {
        struct ucred peer;
        socklen_t size = sizeof(peer);
        WorkerLink *link;
        int fd;

        fd = accept4(links->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return errno == ECONNABORTED || errno == EINTR ? 1 : errno == EAGAIN ? 0 : -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
                (void) close(fd);
                return 1;
        }
        make_room(links, peer.uid);
        if (add_link(links, fd, peer.uid, &link) < 0)
                return 1;
        if (read_one(link) < 0)
                drop(link);
        else if (all && link->job)
                (void) read_all(link);
        return 1;
}

static int accept_some(WorkerLinks *links, bool all) {
        int r = 1;

        for (int i = 0; i < ACCEPT_MAX && r > 0; i++)
                r = accept_one(links, all);
        if (r < 0 && r != links->accept_error) /* it is retried again and again */
                sd_journal_print(LOG_WARNING, "Failed to accept the connection of a worker: %s", strerror(-r));
        links->accept_error = MIN(r, 0);
        return r;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) accept_some(userdata, false);
        return 0;
}

/* A connection that is over may have been replaced by another one, which waits to be accepted. */
void worker_links_catch_up(WorkerLinks *links, WorkerLink *link) {
        if (links && (!link || !read_all(link)))
                (void) accept_some(links, true);
}

/* --- writing --------------------------------------------------------------------------------------- */

int worker_send(int socket, WorkerMessageType type, int fd) {
        WorkerHeader header = { .version = WORKER_VERSION, .type = type };
        char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {};
        struct iovec vec = { &header, sizeof(header) };
        struct msghdr message = { .msg_iov = &vec, .msg_iovlen = 1 };

        if (fd >= 0) {
                struct cmsghdr *c = (struct cmsghdr *) control;

                message.msg_control = control;
                message.msg_controllen = sizeof(control);
                *c = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(c), &fd, sizeof(int));
        }
        return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A worker that is gone, or does not read, does not get it. If descriptors cannot be sent, because too many of this user are in
 * flight, the worker does not get the file, and the order is not recorded. */
void worker_link_welcome(WorkerLink *link, int order_fd) {
        if (worker_send(link->fd, WORKER_WELCOME, order_fd) == -ETOOMANYREFS)
                (void) worker_send(link->fd, WORKER_WELCOME, -EBADF);
}

void worker_link_follow(WorkerLink *link, int event_fd) {
        (void) worker_send(link->fd, WORKER_FOLLOW, event_fd);
}

void worker_link_away(WorkerLink *link) {
        (void) worker_send(link->fd, WORKER_AWAY, -EBADF);
}

void worker_link_go(WorkerLink *link) {
        (void) worker_send(link->fd, WORKER_GO, -EBADF);
}

/* --- the listener ---------------------------------------------------------------------------------- */

const char *worker_links_path(const WorkerLinks *links) {
        return links->path;
}

static int find_path(WorkerLinks *links) {
        struct sockaddr_un address = {};
        socklen_t size = sizeof(address);

        if (getsockname(links->fd, (struct sockaddr *) &address, &size) < 0)
                return -errno;
        if (address.sun_family != AF_UNIX || address.sun_path[0] != '/')
                return -EADDRNOTAVAIL;
        (void) snprintf(links->path, sizeof(links->path), "%.*s", (int) sizeof(address.sun_path), address.sun_path);
        return strlen(links->path) < WORKER_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

int worker_links_new(WorkerLinks **ret, sd_event *event, int fd, const WorkerLinkListener *listener, void *userdata) {
        WorkerLinks *links;
        int r;

        links = calloc(1, sizeof(*links));
        if (!links) {
                (void) close(fd);
                return -ENOMEM;
        }
        links->event = sd_event_ref(event);
        links->fd = fd;
        links->listener = listener;
        links->userdata = userdata;
        TAILQ_INIT(&links->unknown);
        r = find_path(links);
        if (r >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0) /* sockets passed by systemd block */
                r = -errno;
        if (r >= 0)
                r = sd_event_add_io(event, &links->source, fd, EPOLLIN, on_connection, links);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(links->source, RATE_USEC, RATE_ACCEPTS);
        if (r < 0) {
                (void) worker_links_free(links);
                return r;
        }
        *ret = links;
        return 0;
}

WorkerLinks *worker_links_free(WorkerLinks *links) {
        WorkerLink *link;

        if (!links)
                return NULL;

        while ((link = TAILQ_FIRST(&links->unknown)))
                (void) worker_link_free(link);
        (void) sd_event_source_disable_unref(links->source);
        (void) sd_event_unref(links->event);
        closep(&links->fd);
        free(links);
        return NULL;
}
