/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Shared by the parts of top: owned by the verb, changed by keys, shown by the screen. */

#include "client-bus.h"
#include "model.h"
#include "view.h"

typedef enum TopMode {
        TOP_LIST,
        TOP_HELP,    /* the meaning of keys, until the next one */
        TOP_FILTER,  /* a filter is typed */
        TOP_CONFIRM, /* confirmation of cancelling */
        TOP_LOG,     /* another program uses the terminal */
        TOP_LOG_END, /* it has exited, and its output is being read */
} TopMode;

#define FILTER_MAX 64U

typedef struct Action Action;

typedef struct Top {
        Client *client;
        Model *model;
        View view;
        TopMode mode;
        char *message; /* in the last line, until a key is pressed; NULL: none */
        char *asked;   /* the ID of the job for TOP_CONFIRM */
        char filter[FILTER_MAX + 1]; /* as typed */
        Action *actions;             /* pending */
        bool quit;
        int signal; /* the signal that stopped it, 0: none */

        sd_event_source *draw; /* runs once all pending events are handled */
        sd_event_source *clock; /* enabled only while a running job is visible */
        sd_event_source *keys;
        sd_event_source *log;
        int log_pid;
} Top;

/* Shows the jobs until the user quits. Returns the exit status, or a negative errno with error set. */
int top_run(Client *c, sd_bus_error *error);

/* ---- state.c ---- */

/* Schedules a redraw. userdata is the Top. */
void top_changed(void *userdata);

/* Shows a message in the last line. */
void top_report(Top *t, const char *format, ...) _printf_(2, 3);

/* Updates the view with the current jobs. */
void top_update(Top *t);

/* ---- screen.c ---- */

void screen_draw(Top *t);
size_t screen_list_lines(void);

/* Whether a running job is visible. */
bool screen_shows_running(const Top *t);

/* ---- keys.c ---- */

/* Reads all pending keys. */
void keys_read(Top *t);

/* ---- action.c: what the service is asked to do ---- */

void action_cancel(Top *t, const char *id);
void action_retry(Top *t, const char *id);
void action_hold(Top *t, const char *id, bool held);
void action_priority(Top *t, const char *id, int32_t priority);
void action_pause(Top *t, bool pause);
Action *action_free(Action *a);
Action *action_next(const Action *a);

/* ---- log.c ---- */

/* Runs "codex-jobs logs --follow" on the terminal until it exits. */
void log_open(Top *t, const char *id);

/* Handles a key meanwhile. */
void log_key(Top *t, char key);

/* Returns from the end of the log to the screen. */
void log_close(Top *t);

/* Terminates it if it is running. */
void log_end(Top *t);
