/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/inotify.h>

#include "growth.h"
#include "macro.h"

#define LOOK_USEC (100 * USEC_PER_MSEC)
#define START_USEC (50 * USEC_PER_MSEC)

/* ---- Of an older service ---- */

static int on_changed(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        Growth *g = userdata;

        g->grown(g->userdata);
        return 0;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        Growth *g = userdata;
        int r;

        g->grown(g->userdata);
        r = sd_event_source_set_time_relative(source, LOOK_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r < 0)
                g->failed(r, g->userdata);
        return 0;
}

int growth_opened(Growth *g, size_t file) {
        sd_event *event = client_event(g->client);
        int fd = *g->fds[file];

        if (!g->by_file || fd < 0 || g->timer)
                return 0;
        if (sd_event_add_inotify_fd(event, &g->changed[file], fd, IN_MODIFY, on_changed, g) >= 0)
                return 0;
        return sd_event_add_time_relative(event, &g->timer, CLOCK_MONOTONIC, LOOK_USEC, LOOK_USEC / 10, on_look, g);
}

static int watch_files(Growth *g) {
        int r = 0;

        g->by_file = true;
        for (size_t i = 0; i < ELEMENTSOF(g->fds) && r >= 0; i++)
                r = growth_opened(g, i);
        return r;
}

/* ---- The eventfd ---- */

static int on_signalled(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Growth *g = userdata;

        g->grown(g->userdata);
        return 0;
}

static int watch_eventfd(Growth *g, sd_bus_message *reply) {
        int fd, r;

        r = output_take_fd(reply, &fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(client_event(g->client), &g->signalled, fd, EPOLLIN | EPOLLET, on_signalled, g);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return sd_event_source_set_io_fd_own(g->signalled, true);
}

static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Growth *g = userdata;
        int r;

        g->call = call_free(g->call);
        r = error ? watch_files(g) : watch_eventfd(g, reply);
        if (r < 0)
                g->failed(r, g->userdata);
        else
                g->grown(g->userdata);
}

static int on_start(sd_event_source *source, uint64_t usec, void *userdata) {
        Growth *g = userdata;
        int r;

        g->timer = sd_event_source_disable_unref(g->timer);
        r = call_new(g->client, &g->call, CALL_PATIENT, "OpenOutput", append_output, &g->name, on_opened, g);
        if (r < 0)
                g->failed(r, g->userdata);
        return 0;
}

int growth_start(Growth *g) {
        return sd_event_add_time_relative(client_event(g->client), &g->timer, CLOCK_MONOTONIC, START_USEC, USEC_PER_MSEC,
                                          on_start, g);
}

void growth_stop(Growth *g) {
        g->call = call_free(g->call);
        g->timer = sd_event_source_disable_unref(g->timer);
        g->signalled = sd_event_source_disable_unref(g->signalled);
        for (size_t i = 0; i < ELEMENTSOF(g->changed); i++)
                g->changed[i] = sd_event_source_disable_unref(g->changed[i]);
        g->by_file = false;
}
