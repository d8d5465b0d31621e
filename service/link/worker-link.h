/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The connections to the workers of running jobs, see worker-protocol.h. Anybody may connect: until a connection has said
 * whose it is, and proved it, it costs a descriptor, of which a user gets a few; afterwards it is read as often as a
 * worker has something to say, and not more. */

#include <systemd/sd-event.h>

#include "worker-message.h"

typedef struct WorkerLinks WorkerLinks;
typedef struct WorkerLink WorkerLink;

typedef struct WorkerLinkListener {
        /* Somebody, of that uid as the kernel says, is the worker of a job. Returns the job, which owns the link from
         * now on; or NULL: it is not believed, and closed. */
        void *(*hello)(WorkerLink *link, const WorkerMessage *hello, uint32_t uid, void *userdata);

        /* job is what hello() returned. The job may free the link from within. */
        void (*progress)(const WorkerMessage *progress, void *job);
        void (*ended)(const WorkerMessage *ended, void *job);
        void (*gone)(void *job); /* the link is freed afterwards */
} WorkerLinkListener;

/* Listens on the socket fd, which is taken over, also on failure. userdata is for hello(). */
int worker_links_new(WorkerLinks **ret, sd_event *event, int fd, const WorkerLinkListener *listener, void *userdata);

/* Those that are known belong to their jobs, which are freed before. */
WorkerLinks *worker_links_free(WorkerLinks *links);

/* The path on which it listens, for the workers. */
const char *worker_links_path(const WorkerLinks *links);

/* Reads what has come and is not read: of connections that were not accepted yet, and of this one (which may be NULL). So
 * that what a worker said before it died is known before anything else is believed of it. */
void worker_links_catch_up(WorkerLinks *links, WorkerLink *link);

/* Greets a worker, with the file for the order of its output, which stays the caller's (-EBADF: none). */
void worker_link_welcome(WorkerLink *link, int order_fd);

/* Somebody follows its output, and waits for an edge of that eventfd, which stays the caller's. */
void worker_link_follow(WorkerLink *link, int event_fd);

/* The end of its job is recorded. */
void worker_link_go(WorkerLink *link);

WorkerLink *worker_link_free(WorkerLink *link);

/* What of all this goes out: a message without more, with a descriptor that stays the caller's (negative: none), and without
 * waiting. Returns 0 or a negative errno. */
int worker_send(int socket, WorkerMessageType type, int fd);
