/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Connections to the workers of running jobs, see worker-protocol.h. Anybody may connect: a connection that has not
 * identified and authenticated its job only costs a descriptor, of which each user gets a few; afterwards it is read
 * at a limited rate. */

#include <systemd/sd-event.h>

#include "worker-message.h"

typedef struct WorkerLinks WorkerLinks;
typedef struct WorkerLink WorkerLink;

typedef struct WorkerLinkListener {
        /* A peer with that uid, as reported by the kernel, claims to be the worker of a job. Returns the job, which
         * then owns the link; or NULL to reject and close it. */
        void *(*hello)(WorkerLink *link, const WorkerMessage *hello, uint32_t uid, void *userdata);

        /* job is what hello() returned. The job may free the link from within. */
        void (*progress)(const WorkerMessage *progress, void *job);
        void (*ended)(const WorkerMessage *ended, void *job);
        void (*gone)(void *job); /* the link is freed afterwards */
} WorkerLinkListener;

/* Listens on the socket fd, which it then owns, even on failure. userdata is for hello(). */
int worker_links_new(WorkerLinks **ret, sd_event *event, int fd, const WorkerLinkListener *listener, void *userdata);

/* Identified links belong to their jobs, which must be freed before. */
WorkerLinks *worker_links_free(WorkerLinks *links);

/* The path of the socket, for the workers. */
const char *worker_links_path(const WorkerLinks *links);

/* Reads everything that has arrived: from connections that are not accepted yet, and from this one (which may be
 * NULL), so that reports which a worker sent before it died take precedence. */
void worker_links_catch_up(WorkerLinks *links, WorkerLink *link);

/* Welcomes a worker, with the file for the order of its output, which stays owned by the caller (-EBADF: none). */
void worker_link_welcome(WorkerLink *link, int order_fd);

/* A client follows the output, and waits for an edge of that eventfd, which stays owned by the caller. */
void worker_link_follow(WorkerLink *link, int event_fd);

/* The service stops. */
void worker_link_away(WorkerLink *link);

/* The end of its job is recorded. */
void worker_link_go(WorkerLink *link);

WorkerLink *worker_link_free(WorkerLink *link);

/* Sends a message without a body, optionally with a descriptor that stays owned by the caller (negative: none),
 * without blocking. Returns 0 or a negative errno. */
int worker_send(int socket, WorkerMessageType type, int fd);
