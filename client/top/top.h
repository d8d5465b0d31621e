/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of top share: the verb owns it, keys change it, the screen shows it. */

#include "client-bus.h"
#include "model.h"
#include "view.h"

typedef enum TopMode {
        TOP_LIST,
        TOP_HELP,    /* what the keys do, until the next one */
        TOP_FILTER,  /* a filter is typed */
        TOP_CONFIRM, /* shall the job be cancelled? */
        TOP_LOG,     /* another program has the terminal */
        TOP_LOG_END, /* it has ended, and what it wrote is being read */
} TopMode;

#define FILTER_MAX 64U

typedef struct Action Action;

typedef struct Top {
        Client *client;
        Model *model;
        View view;
        TopMode mode;
        char *message; /* in the last line, until a key is pressed; NULL: none */
        char *asked;   /* the id of the job that TOP_CONFIRM is about */
        char filter[FILTER_MAX + 1]; /* as it is typed */
        Action *actions;             /* without an answer yet */
        bool quit;
        int signal; /* that ended it, 0: none */

        sd_event_source *draw; /* once all that happened is dealt with */
        sd_event_source *clock; /* enabled only while the screen shows a job that runs */
        sd_event_source *keys;
        sd_event_source *log;
        int log_pid;
} Top;

/* Shows the jobs until the person quits. Returns the exit status, or a negative errno with error set. */
int top_run(Client *c, sd_bus_error *error);

/* ---- state.c ---- */

/* The screen is to be drawn again. userdata is the Top. */
void top_changed(void *userdata);

/* A line for the person. */
void top_tell(Top *t, const char *format, ...) _printf_(2, 3);

/* Has the jobs of the view be those that there are now. */
void top_update(Top *t);

/* ---- screen.c ---- */

void screen_draw(Top *t);
size_t screen_list_lines(void);

/* Whether a job that runs is on the screen. */
bool screen_shows_running(const Top *t);

/* ---- keys.c ---- */

/* Reads all keys that were pressed. */
void keys_read(Top *t);

/* ---- action.c: what the service is asked to do ---- */

void action_cancel(Top *t, const char *id);
void action_retry(Top *t, const char *id);
void action_pause(Top *t, bool pause);
Action *action_free(Action *a);
Action *action_next(const Action *a);

/* ---- log.c ---- */

/* Gives the terminal to "codex-jobs logs --follow", until that ends. */
void log_open(Top *t, const char *id);

/* A key was pressed meanwhile. */
void log_key(Top *t, char key);

/* The end of the log was read: takes the terminal again. */
void log_close(Top *t);

/* Ends it, where it runs. */
void log_end(Top *t);
