/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <sys/queue.h>

#include "action.h"
#include "bus-names.h"
#include "clean.h"
#include "excerpt.h"
#include "output.h"
#include "render.h"
#include "say.h"
#include "text-new.h"
#include "text.h"

#define OUTPUT_MAX (1024U * 1024U) /* bytes of each output; of more the beginning and the end are shown */

typedef enum Kind {
        ACTION_RESULT,
        ACTION_LOG,
        ACTION_RETRY,
} Kind;

/* One that is under way: Get, then OpenOutput for each output that is shown, then the viewer; or Retry. */
typedef struct Action {
        Actions *actions;
        LIST_ENTRY(Action) entry;
        Kind kind;
        Link *link; /* not owned */
        char *job;
        char *token;
        sd_bus_slot *call;
        JobRecord record;
        const char *stream; /* that is being opened */
        TextStream text;
} Action;

struct Actions {
        Viewer *viewer;           /* not owned */
        const Settings *settings; /* not owned */
        void (*report)(const char *summary, const char *text, void *userdata);
        void *userdata; /* not owned */
        LIST_HEAD(, Action) list;
};

static Action *action_free(Action *a) {
        if (!a)
                return NULL;
        LIST_REMOVE(a, entry);
        (void) sd_bus_slot_unref(a->call);
        job_record_clear(&a->record);
        text_stream_clear(&a->text);
        free(a->token);
        free(a->job);
        free(a);
        return NULL;
}
DEFINE_CLEANUP(Action *, action_free);

static void on_view_failed(const char *text, void *userdata) {
        Actions *actions = userdata;

        actions->report("Failed to open the result", text, actions->userdata);
}

/* Reports the failure and frees the action. */
static void action_fail(Action *a, const char *text) {
        _cleanup_free_ char *summary = text_new("Failed to %s %s", a->kind == ACTION_RETRY ? "retry" : "open", a->job);

        a->actions->report(summary ?: a->job, text, a->actions->userdata);
        (void) action_free(a);
}

/* Ends the pending call. If it failed, reports that and frees the action. */
static bool call_failed(Action *a, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        a->call = sd_bus_slot_unref(a->call);
        if (error)
                action_fail(a, error->message);
        return error;
}

static int action_call(Action *a, const char *member, sd_bus_message_handler_t handler, const char *types, ...) {
        sd_bus *bus = link_bus(a->link);
        va_list ap;
        int r;

        if (!bus)
                return -ENOTCONN;
        va_start(ap, types);
        r = sd_bus_call_method_asyncv(bus, &a->call, JOBS_BUS_NAME, JOBS_PATH, JOBS_INTERFACE, member, handler, a,
                                      types, ap);
        va_end(ap);
        return r;
}

/* ---- Opening ---- */

static const char *scope_option(const Action *a) {
        return link_is_system(a->link) ? "--system" : "--user";
}

static int put_head(Action *a) {
        _cleanup_free_ char *end = describe_end(&a->record), *label = one_line(strempty(a->record.label));

        if (!end || !label)
                return -ENOMEM;
        (void) fprintf(a->text.f, "%s\n%s\nDetails: codex-jobs status %s %s\n", label, end, a->record.id,
                       scope_option(a));
        if (!isempty(a->record.result)) {
                _cleanup_free_ char *result = one_line(a->record.result);

                if (!result)
                        return -ENOMEM;
                (void) fprintf(a->text.f, "Result: %s\n", result);
        }
        return 0;
}

static int put_output(Action *a, sd_bus_message *reply) {
        _cleanup_free_ char *command = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        Excerpt e;
        int r;

        command = text_new("codex-jobs logs %s --%s %s", a->record.id, a->stream, scope_option(a));
        if (!command)
                return -ENOMEM;
        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = excerpt_find(fd, &(const Bounds) { .max_bytes = OUTPUT_MAX, .tail = UINT64_MAX }, &e);
        if (r >= 0)
                r = excerpt_text(fd, &e, command, &text);
        if (r < 0)
                return r;
        (void) fprintf(a->text.f, "\n--- %s\n%s", a->stream, text);
        return 0;
}

static int show(Action *a) {
        _cleanup_free_ char *name = NULL;

        if (text_stream_close(&a->text) < 0)
                return -ENOMEM;
        name = text_new("%s%s.txt", a->record.id, a->kind == ACTION_LOG ? "-log" : "");
        if (!name)
                return -ENOMEM;
        actions_open(a->actions, name, a->text.text, a->token);
        (void) action_free(a);
        return 0;
}

/* A result is what it wrote to stdout; where that is not all there is to know, stderr, too. */
static const char *next_stream(const Action *a) {
        if (!a->stream)
                return "stdout";
        if (streq(a->stream, "stdout") && (a->kind == ACTION_LOG || a->record.state != JOB_COMPLETED))
                return "stderr";
        return NULL;
}

static int on_output(sd_bus_message *m, void *userdata, sd_bus_error *ret_error);

/* The action may be freed after it. */
static int open_next(Action *a) {
        a->stream = next_stream(a);
        if (!a->stream)
                return show(a);
        return action_call(a, "OpenOutput", on_output, "ss", a->record.id, a->stream);
}

static int on_output(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Action *a = userdata;
        int r;

        if (call_failed(a, m))
                return 0;
        r = put_output(a, m);
        if (r >= 0)
                r = open_next(a);
        if (r < 0)
                action_fail(a, strerror(-r));
        return 0;
}

static int on_record(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Action *a = userdata;
        int r;

        if (call_failed(a, m))
                return 0;
        r = job_record_read(m, &a->record);
        if (r >= 0)
                r = text_stream_open(&a->text) ? put_head(a) : -ENOMEM;
        if (r >= 0)
                r = open_next(a);
        if (r < 0)
                action_fail(a, strerror(-r));
        return 0;
}

/* ---- Again ---- */

static int on_retried(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Action *a = userdata;

        if (!call_failed(a, m))
                (void) action_free(a); /* its end causes a notification */
        return 0;
}

/* ---- All of them ---- */

static int action_begin(Action *a) {
        if (a->kind == ACTION_RETRY)
                return action_call(a, "Retry", on_retried, "sa{sv}", a->job, 0);
        return action_call(a, "Get", on_record, "s", a->job);
}

static int action_new(Actions *actions, Kind kind, Link *link, const char *job, const char *token, Action **ret) {
        _cleanup_(action_freep) Action *a = malloc(sizeof(Action));

        if (!a)
                return -ENOMEM;
        *a = (Action) {
                .actions = actions,
                .kind = kind,
                .link = link,
                .job = strdup(job),
                .token = token ? strdup(token) : NULL,
                .record = JOB_RECORD_INIT,
        };
        LIST_INSERT_HEAD(&actions->list, a, entry);
        if (!a->job || (token && !a->token))
                return -ENOMEM;
        *ret = TAKE_PTR(a);
        return 0;
}

void actions_run(Actions *actions, Link *link, const char *job, const char *key, const char *token) {
        static const struct {
                const char *key;
                Kind kind;
        } kinds[] = { { "default", ACTION_RESULT }, { "logs", ACTION_LOG }, { "retry", ACTION_RETRY } };
        Action *a = NULL;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(kinds[i].key, key))
                        r = action_new(actions, kinds[i].kind, link, job, token, &a);
        if (r >= 0 && a)
                r = action_begin(a);
        if (r >= 0)
                return;
        if (a)
                action_fail(a, strerror(-r));
        else
                actions->report(job, strerror(-r), actions->userdata);
}

void actions_open(Actions *actions, const char *name, const char *text, const char *token) {
        const View view = {
                .name = name,
                .text = text,
                .opener = actions->settings->opener,
                .token = token,
        };

        viewer_open(actions->viewer, &view, on_view_failed, actions);
}

int actions_new(Viewer *viewer, const Settings *settings,
                void (*report)(const char *summary, const char *text, void *userdata), void *userdata, Actions **ret) {
        Actions *actions = malloc(sizeof(Actions));

        if (!actions)
                return -ENOMEM;
        *actions = (Actions) { .viewer = viewer, .settings = settings, .report = report, .userdata = userdata };
        *ret = actions;
        return 0;
}

Actions *actions_free(Actions *actions) {
        if (!actions)
                return NULL;
        while (!LIST_EMPTY(&actions->list))
                (void) action_free(LIST_FIRST(&actions->list));
        free(actions);
        return NULL;
}
