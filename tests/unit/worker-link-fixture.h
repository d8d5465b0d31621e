/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The connections of workers; both ends are in this process. Failures end the test. */

#include "worker-link.h"

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

extern const WorkerLinkListener links_listener;

void links_open(Links *l);
void links_close(Links *l);
#define _cleanup_links_ _cleanup_(links_close)

/* Handles all that has arrived. */
void links_run(Links *l);

/* --- the other end ---------------------------------------------------------------------------------- */

int connect_to(const Links *l);

/* Connects and identifies itself as the worker of a task. */
int connect_as(Links *l, const char *id);

void say(int fd, const void *data, size_t size);
WorkerHello hello_of(const char *id);
void say_hello(int fd, const char *id);
void say_progress(int fd, const char *text);
void say_ended(int fd);

bool is_closed(int fd);

/* The number of open descriptors of this process. */
unsigned count_descriptors(void);
