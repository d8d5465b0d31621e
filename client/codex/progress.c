/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-daemon.h>

#include "command.h"
#include "macro.h"
#include "progress.h"
#include "text.h"
#include "utf8.h"

#define INTERVAL_USEC (200 * USEC_PER_MSEC) /* spares the service manager of the machine */

struct Progress {
        sd_event *event;
        sd_event_source *timer;
        bool resting; /* sent something within the interval */
        char sent[PROGRESS_MAX];
        char wanted[PROGRESS_MAX];
};

/* ---- Sending ---- */

static void send_status(Progress *p) {
        if (streq(p->sent, p->wanted))
                return;
        (void) strcpy(p->sent, p->wanted);
        (void) sd_notifyf(false, "STATUS=%s", p->sent);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata) {
        Progress *p = userdata;

        p->resting = false;
        send_status(p);
        return 0;
}

static void rest(Progress *p) {
        p->timer = sd_event_source_disable_unref(p->timer);
        p->resting = sd_event_add_time_relative(p->event, &p->timer, CLOCK_MONOTONIC, INTERVAL_USEC, 0, on_rested,
                                                p) >= 0;
}

static void set_wanted(Progress *p, const char *text) {
        size_t n = utf8_truncate(text, strlen(text), sizeof(p->wanted) - 1);

        *(char *) mempcpy(p->wanted, text, n) = 0;
}

void progress_set(Progress *p, const char *text) {
        set_wanted(p, text);
        if (p->resting || streq(p->sent, p->wanted))
                return;
        send_status(p);
        rest(p);
}

void progress_finish(Progress *p, const char *text) {
        set_wanted(p, text);
        send_status(p);
}

int progress_new(Progress **ret, sd_event *event) {
        Progress *p = calloc(1, sizeof(Progress));

        if (!p)
                return -ENOMEM;
        p->event = sd_event_ref(event);
        *ret = p;
        return 0;
}

Progress *progress_free(Progress *p) {
        if (!p)
                return NULL;
        (void) sd_event_source_disable_unref(p->timer);
        (void) sd_event_unref(p->event);
        free(p);
        return NULL;
}

/* ---- Phases ---- */

static const char *phase_of_command(const char *command, char ret[static PROGRESS_MAX]) {
        _cleanup_free_ char *shown = text_line(command, strlen(command), PROGRESS_COMMAND_MAX);

        if (!shown)
                return NULL;
        (void) snprintf(ret, PROGRESS_MAX, "%s: %s", command_is_check(command) ? "verifying" : "running command",
                        shown);
        return ret;
}

static const char *phase_of_open(const TurnOpen *open, const char *busy, char ret[static PROGRESS_MAX]) {
        size_t n;

        switch (open->item) {
        case ITEM_COMMAND:
                return phase_of_command(open->text, ret);
        case ITEM_EDIT:
                (void) snprintf(ret, PROGRESS_MAX, "editing %zu file%s", open->n_files, open->n_files == 1 ? "" : "s");
                return ret;
        case ITEM_TOOL:
                n = utf8_truncate(open->text, strlen(open->text), PROGRESS_COMMAND_MAX);
                (void) snprintf(ret, PROGRESS_MAX, "using %.*s", (int) n, open->text);
                return ret;
        case ITEM_AGENT:
                return "working with another agent";
        case ITEM_SEARCH:
                return "searching the web";
        default:
                return busy;
        }
}

static const char *phase_of_plan(const Event *e, const char *busy, char ret[static PROGRESS_MAX]) {
        (void) snprintf(ret, PROGRESS_MAX, "%s: %zu of %zu steps done", busy, e->n_steps_done, e->n_steps);
        return ret;
}

/* Codex reports attempts to reconnect as errors, like what ends the turn. */
static const char *phase_of_error(const Turn *t, char ret[static PROGRESS_MAX]) {
        if (!startswith(strempty(t->last_error), "Reconnecting"))
                return NULL;
        (void) snprintf(ret, PROGRESS_MAX, "%s", t->last_error);
        ret[0] = 'r'; /* as the other phases */
        return ret;
}

const char *progress_phase(const Turn *t, const Event *e, const char *busy, char ret[static PROGRESS_MAX]) {
        const TurnOpen *open = turn_newest_open(t);

        switch (e->type) {
        case EVENT_TURN_STARTED:
                return busy;
        case EVENT_TURN_COMPLETED:
                return "finalizing";
        case EVENT_ERROR:
                return phase_of_error(t, ret);
        case EVENT_ITEM_STARTED:
        case EVENT_ITEM_UPDATED:
        case EVENT_ITEM_COMPLETED:
                break;
        default:
                return NULL;
        }
        if (e->item == ITEM_WARNING)
                return NULL;
        if (open)
                return phase_of_open(open, busy, ret);
        if (e->item == ITEM_PLAN)
                return phase_of_plan(e, busy, ret);
        return e->item == ITEM_MESSAGE ? "finalizing" : busy;
}
