/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The jobs on a screen that is always up to date, and keys for what is done to them. The service is not asked again and
 * again: its signals say what changed. */

#include <signal.h>

#include "console.h"
#include "say.h"
#include "top.h"

#define CLOCK_USEC USEC_PER_SEC /* for updating times and usage */

static void read_gauges(Top *t) {
        const View *v = &t->view;

        if (client_remote(t->client)) /* control groups are read here */
                return;
        for (size_t i = v->first; i < MIN(v->n, v->first + v->lines); i++)
                if (v->jobs[i]->record.state == JOB_RUNNING)
                        usage_read(&v->jobs[i]->usage, client_bus(t->client), v->jobs[i]->record.id,
                                   v->jobs[i]->record.started_usec);
}

static int start_clock(Top *t) {
        int r;

        read_gauges(t);
        r = sd_event_source_set_time_relative(t->clock, CLOCK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(t->clock, SD_EVENT_ONESHOT);
}

static int on_clock(sd_event_source *s, uint64_t usec, void *userdata) {
        Top *t = userdata;
        int r;

        top_update(t);
        r = start_clock(t);
        if (r < 0)
                client_stop(t->client, r, NULL);
        top_changed(t);
        return 0;
}

/* The clock only runs while a running job is visible. */
static int run_clock(Top *t) {
        int enabled, r;

        if (!screen_shows_running(t))
                return sd_event_source_set_enabled(t->clock, SD_EVENT_OFF);
        r = sd_event_source_get_enabled(t->clock, &enabled);
        return r < 0 || enabled != SD_EVENT_OFF ? r : start_clock(t);
}

static int on_draw(sd_event_source *s, void *userdata) {
        Top *t = userdata;
        int r;

        if (t->mode != TOP_LOG && t->mode != TOP_LOG_END) {
                top_update(t);
                screen_draw(t);
        }
        r = run_clock(t);
        if (r < 0)
                client_stop(t->client, r, NULL);
        return 0;
}

static int on_keys(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Top *t = userdata;
        char key;

        if (revents & (EPOLLHUP | EPOLLERR)) { /* the terminal is gone */
                t->quit = true;
                return 0;
        }
        if (t->mode != TOP_LOG && t->mode != TOP_LOG_END)
                keys_read(t);
        else if (read(fd, &key, 1) == 1)
                log_key(t, key);
        return 0;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Top *t = userdata;

        if (si->ssi_signo == SIGWINCH) {
                if (t->mode != TOP_LOG && t->mode != TOP_LOG_END)
                        console_resize();
                top_changed(t);
        } else if (si->ssi_signo == SIGTSTP) {
                console_stop();
                top_changed(t);
        } else if (si->ssi_signo == SIGCONT) {
                console_continue();
                top_changed(t);
        } else if (si->ssi_signo == SIGINT && t->mode == TOP_LOG) {
                /* it was for the log */
        } else if (si->ssi_signo == SIGINT && t->mode == TOP_LOG_END)
                log_close(t);
        else {
                t->signal = (int) si->ssi_signo;
                t->quit = true;
        }
        return 0;
}

/* ---- The loop ---- */

static int catch_signals(Top *t) {
        static const int numbers[] = { SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGCHLD };
        sigset_t set;
        int r = 0;

        (void) sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                (void) sigaddset(&set, numbers[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(numbers) - 1 && r >= 0; i++) /* the last is for log.c */
                r = sd_event_add_signal(client_event(t->client), NULL, numbers[i], on_signal, t);
        return r;
}

static int begin(Top *t, sd_bus_error *error) {
        sd_event *event = client_event(t->client);
        int r;

        r = catch_signals(t);
        if (r < 0)
                return r;
        r = console_open(error);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &t->draw, on_draw, t);
        if (r >= 0)
                r = sd_event_source_set_priority(t->draw, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_io(event, &t->keys, STDIN_FILENO, EPOLLIN, on_keys, t);
        if (r >= 0)
                r = sd_event_add_time(event, &t->clock, CLOCK_MONOTONIC, 0, 0, on_clock, t);
        if (r >= 0)
                r = sd_event_source_set_enabled(t->clock, SD_EVENT_OFF);
        if (r >= 0)
                r = model_new(t->client, top_changed, t, &t->model);
        return r;
}

static int loop(Top *t, sd_bus_error *error) {
        bool away = false;
        int r;

        while (!t->quit) {
                r = client_iterate(t->client, error);
                if (r < 0)
                        return r;
                if (away != client_is_away(t->client))
                        top_changed(t);
                away = client_is_away(t->client);
        }
        return 0;
}

static void top_clear(Top *t) {
        log_end(t);
        while (t->actions) {
                Action *next = action_next(t->actions);

                (void) action_free(t->actions);
                t->actions = next;
        }
        view_clear(&t->view);
        (void) model_free(t->model);
        free(t->message);
        free(t->asked);
        t->draw = sd_event_source_disable_unref(t->draw);
        t->clock = sd_event_source_disable_unref(t->clock);
        t->keys = sd_event_source_disable_unref(t->keys);
}

int top_run(Client *c, sd_bus_error *error) {
        Top t = { .client = c };
        int r;

        r = begin(&t, error);
        if (r >= 0)
                r = loop(&t, error);
        console_close();
        if (r >= 0 && t.signal > 0)
                r = STATUS_SIGNALLED + t.signal;
        top_clear(&t);
        return r;
}
