/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Notices that the output of a job has grown: by an eventfd of the service; with older services by inotify, of which users
 * have a limited number of instances, often 128; without one by looking repeatedly. */

#include "client-bus.h"
#include "output.h"

#define GROWTH_FILES_MAX 3

typedef struct Growth {
        Client *client; /* not owned */
        OutputName name; /* the ID in it is not owned */
        const int *fds[GROWTH_FILES_MAX]; /* of the files, not owned; negative: not open */
        void (*grown)(void *userdata); /* or may have */
        void (*failed)(int r, void *userdata);
        void *userdata;

        Call *call;
        sd_event_source *timer; /* until the service is asked, and to look repeatedly */
        sd_event_source *signalled;
        sd_event_source *changed[GROWTH_FILES_MAX]; /* by inotify */
        bool by_file;
} Growth;

/* Starts after a short time: many jobs have finished by then. Returns 0 or a negative errno. */
int growth_start(Growth *g);

/* A file was opened meanwhile. */
int growth_opened(Growth *g, size_t file);

void growth_stop(Growth *g);
