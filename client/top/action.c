/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "top.h"

struct Action {
        Top *top;
        Action *next;
        const char *method;
        char *id; /* of the job; NULL: it is about the queue */
        int32_t priority; /* that it gets by Edit */
        Call *call;
};

Action *action_free(Action *a) {
        if (!a)
                return NULL;
        (void) call_free(a->call);
        free(a->id);
        free(a);
        return NULL;
}

Action *action_next(const Action *a) {
        return a->next;
}

static void action_end(Action *a) {
        for (Action **p = &a->top->actions; *p; p = &(*p)->next)
                if (*p == a) {
                        *p = a->next;
                        break;
                }
        (void) action_free(a);
}

static void report_done(Action *a, sd_bus_message *reply) {
        const char *text;

        if (streq(a->method, "Cancel") && sd_bus_message_read_basic(reply, 's', &text) >= 0)
                top_report(a->top, "%s: %s.", a->id, text);
        else if (streq(a->method, "Retry") && sd_bus_message_read_basic(reply, 's', &text) >= 0)
                top_report(a->top, "Submitted %s, a retry of %s.", text, a->id);
        else if (streq(a->method, "Hold"))
                top_report(a->top, "%s held. Press H to release.", a->id);
        else if (streq(a->method, "Release"))
                top_report(a->top, "%s released.", a->id);
        else if (streq(a->method, "Edit"))
                top_report(a->top, "%s has priority %" PRId32 ".", a->id, a->priority);
        else if (streq(a->method, "Pause"))
                top_report(a->top, "Queue paused. Press p to resume.");
        else if (streq(a->method, "Resume"))
                top_report(a->top, "Queue resumed.");
}

static void on_done(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Action *a = userdata;

        if (error) {
                top_report(a->top, "%s", error->message);
                if (streq(a->method, "Edit")) /* it is shown already */
                        model_reload(a->top->model);
        } else {
                report_done(a, reply);
                if (!a->id)
                        model_read_queue(a->top->model);
        }
        action_end(a);
}

static int append_arguments(sd_bus_message *m, void *userdata) {
        const Action *a = userdata;

        if (!a->id)
                return 0;
        if (streq(a->method, "Edit"))
                return sd_bus_message_append(m, "sa{sv}", a->id, 1, "Priority", "i", a->priority);
        return streq(a->method, "Retry") ? sd_bus_message_append(m, "sa{sv}", a->id, 0) :
                                           sd_bus_message_append(m, "s", a->id);
}

static void begin(Top *t, const char *method, const char *id, int32_t priority, CallMode mode) {
        Action *a = malloc(sizeof(Action));
        int r = -ENOMEM;

        if (a) {
                *a = (Action) { .top = t, .next = t->actions, .method = method, .id = id ? strdup(id) : NULL,
                                .priority = priority };
                t->actions = a;
                if (!id || a->id)
                        r = call_new(t->client, &a->call, mode, method, append_arguments, a, on_done, a);
        }
        if (r < 0)
                client_stop(t->client, r, NULL);
}

void action_cancel(Top *t, const char *id) {
        top_report(t, "Cancelling %s.", id);
        begin(t, "Cancel", id, 0, CALL_PATIENT);
}

void action_retry(Top *t, const char *id) {
        begin(t, "Retry", id, 0, CALL_ONCE);
}

void action_hold(Top *t, const char *id, bool held) {
        begin(t, held ? "Hold" : "Release", id, 0, CALL_AGAIN);
}

void action_priority(Top *t, const char *id, int32_t priority) {
        begin(t, "Edit", id, priority, CALL_AGAIN);
}

void action_pause(Top *t, bool pause) {
        begin(t, pause ? "Pause" : "Resume", NULL, 0, CALL_AGAIN);
}
