/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <signal.h>

#include "answer.h"
#include "foreground.h"
#include "host.h"
#include "live.h"
#include "notify-thread.h"
#include "own-job.h"
#include "progress.h"
#include "render.h"
#include "say.h"
#include "streams.h"
#include "text-new.h"
#include "time-util.h"
#include "wait.h"
#include "write.h"

/* Time limit for Enqueue, even if the wait is shorter. */
#define ENQUEUE_USEC (25 * USEC_PER_SEC)

/* No progress line is shown for commands that finish sooner. */
#define LIVE_USEC USEC_PER_SEC

/* All that is needed to submit and await a job; freed in reverse order. */
typedef struct Visit {
        Invocation *in; /* not owned */
        Wait *wait;
        char *id; /* NULL: not submitted yet */
        bool hint_stdin; /* if input is waiting that the job does not get */
        bool has_conditions; /* besides its turn */
        bool keyed;    /* it may be an existing job */
        bool existing; /* it is, and that was shown */
        uint64_t begun_usec;
        Progress *progress;
        QueueQuestion why; /* it does not start */
        Streams *streams;
} Visit;

static void visit_clear(Visit *v) {
        (void) streams_free(v->streams);
        queue_question_clear(&v->why);
        (void) progress_free(v->progress);
        (void) wait_free(v->wait);
        free(v->id);
}
#define _cleanup_visit_ _cleanup_(visit_clear)

/* Only verbs that can pass it on: for others it may be there by chance. */
static bool leaves_stdin(const Invocation *in, const Spec *request) {
        for (const struct option *o = in->remote.host ? NULL : in->verb->options; request->stdin_fd < 0 && o && o->name; o++)
                if (streq(o->name, "stdin"))
                        return true;
        return false;
}

/* Returns whether it was said. A pipe that is merely open is not meant for the job. */
static bool hint_if_stdin_waits(void) {
        if (!stdin_has_data())
                return false;
        say_hint("Standard input is not passed to the job. To pass it, use: --stdin -");
        return true;
}

static int visit_begin(Visit *v, const WaitOptions *options, Spec *request, uint64_t timeout_usec) {
        Client *c = v->in->client;
        int r;

        r = own_job_check_after(request->after, &v->in->error);
        if (r < 0)
                return r;
        r = client_catch_signals(c);
        if (r < 0)
                return r;
        client_set_patience(c, timeout_usec);
        r = client_set_timeout(c, MAX(timeout_usec, ENQUEUE_USEC));
        if (r < 0)
                return r;
        /* The subscription is sent together with the request and before it: the job cannot finish unnoticed, and no
         * round trip is added. */
        r = wait_new(c, options, &v->wait);
        if (r < 0)
                return r;
        r = wait_reserve(v->wait, 1);
        if (r < 0)
                return r;
        v->keyed = request->key;
        v->has_conditions = request->hold || request->after || request->not_before_usec > 0;
        v->begun_usec = now_realtime();
        r = job_enqueue(c, request, &v->id, &v->in->error);
        if (r < 0)
                return r;
        r = v->keyed ? wait_add(v->wait, v->id) : wait_add_new(v->wait, v->id);
        if (r < 0)
                return r;
        v->hint_stdin = leaves_stdin(v->in, request) && !hint_if_stdin_waits();
        return client_set_timeout(c, timeout_usec);
}

/* Whether the job with a key is older than the request. */
static Answer is_existing(const JobRecord *record, uint64_t begun_usec) {
        return record->created_usec < begun_usec ? ANSWER_YES : ANSWER_NO;
}

/* Reports the job with the key if it existed before, since nothing is run then. */
static int say_if_existing(Invocation *in, const char *id, uint64_t begun_usec, bool *ret_existing) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *text = NULL;
        int r;

        r = job_get(in->client, id, &record, &in->error);
        if (r < 0)
                return r;
        *ret_existing = is_existing(&record, begun_usec) == ANSWER_YES;
        if (!*ret_existing)
                return 0;
        text = render_age(&record);
        if (!text)
                return -ENOMEM;
        say("A job with this key already exists: %s (%s)", id, text);
        return 0;
}

int read_command(Invocation *in, RequestOptions *options, Spec *request) {
        if (!*in->arguments[0])
                return usage_error(in->verb, "The command name is empty");
        request->argv = in->arguments;
        options->remote = in->remote;
        return request_from_options(options, request, &in->error);
}

/* ---- Results and failures ---- */

/* Failures after the job was submitted must show its ID, else the user would submit it again. */
static int failure_of_accepted(Invocation *in, int r, const char *id) {
        const char *message = isempty(in->error.message) ? strerror(-r) : in->error.message;
        size_t n = strlen(message);

        if (r == -EINTR)
                return answer_detached(in->client, &id, 1, false);
        if (n > 0 && message[n - 1] == '.')
                n--;
        say("%.*s. The job was submitted; wait with: codex-jobs await %s%s", (int) n, message, id,
            client_scope_option(in->client));
        return r == -EPIPE ? STATUS_SIGNALLED + SIGPIPE : STATUS_OWN_FAILURE;
}

static int write_document(Visit *v, const JobRecord *record, bool timed_out) {
        _cleanup_(json_extra_clear) JsonExtra extra = {
                .existing = v->keyed ? is_existing(record, v->begun_usec) : ANSWER_NO,
                .wait_timed_out = timed_out ? ANSWER_YES : ANSWER_NO,
                .output = true,
        };
        int r;

        if (!timed_out) {
                r = answer_read_output(v->in->client, record, &BOUNDS_NONE, &extra, &v->in->error);
                if (r < 0)
                        return r;
        }
        client_restore_signals(v->in->client);
        return answer_json(v->in->client, &record, &extra, 1, true, NEXT_SHOWN, &v->in->error);
}

typedef int (*visit_text_t)(Visit *v, const JobRecord *record);

/* The job has finished: shows the result as JSON or by the given function, and sets the exit status. */
static int visit_ended(Visit *v, const JobRecord *record, visit_text_t text, int *ret_status) {
        *ret_status = job_exit_status(record);
        return v->in->json ? write_document(v, record, false) : text(v, record);
}

static int say_timed_out(Visit *v, const JobRecord *record) {
        int r;

        if (record->id) {
                r = answer_activity(record);
                if (r >= 0)
                        r = answer_why_queued(v->in->client, &record, 1, &v->in->error);
                if (r < 0)
                        return r;
        } else
                (void) say_error(&v->in->error, -EREMOTEIO);
        return answer_await_command(v->in->client, "Timed out; the job keeps running. Reattach with",
                                    &(const char *) { v->id }, 1, false);
}

/* The wait timed out; the job may have finished at that moment. */
static int visit_timed_out(Visit *v, visit_text_t text, int *ret_status) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(v->in->client, v->id, &record, &v->in->error);
        if (r < 0 && v->in->json)
                return r;
        if (job_state_is_terminal(record.state))
                return visit_ended(v, &record, text, ret_status);
        *ret_status = STATUS_TIMED_OUT;
        if (v->in->json)
                return write_document(v, &record, true);
        return v->in->quiet ? 0 : say_timed_out(v, &record);
}

#define ASK_USEC (2 * USEC_PER_SEC)

/* As with "| head -n 1". A program that is killed by SIGPIPE stops working; the job does not, unless it has just finished. */
static int visit_reader_gone(Visit *v) {
        _cleanup_(sd_bus_error_free) sd_bus_error ignored = SD_BUS_ERROR_NULL;
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *command = next_command(v->in->client, "cancel", &(const char *) { v->id }, 1, "");
        int r;

        if (!command)
                return -ENOMEM;
        client_go_on(v->in->client);
        r = client_set_timeout(v->in->client, ASK_USEC);
        if (r >= 0)
                r = job_get(v->in->client, v->id, &record, &ignored);
        if (r < 0 || !job_state_is_terminal(record.state))
                say("The reader of standard output closed it; the job keeps running. Cancel it with: %s", command);
        return -EPIPE;
}

/* A signal detaches from the job; other failures are reported by the caller. */
static int visit_failure(Visit *v, int r) {
        return r == -EINTR && v->id ? answer_detached(v->in->client, &(const char *) { v->id }, 1, false) : r;
}

static int visit_end(Visit *v, visit_text_t text) {
        int status = STATUS_OWN_FAILURE;
        bool timed_out;
        int r;

        r = wait_run(v->wait, &v->in->error);
        live_end();
        if (r == -EPIPE)
                return visit_reader_gone(v);
        if (v->hint_stdin) /* the writer may have been slower than us */
                (void) hint_if_stdin_waits();
        timed_out = r == -ETIMEDOUT;
        if (timed_out || r >= 0)
                r = client_set_timeout(v->in->client, USEC_INFINITY); /* the answer may take its time */
        if (r >= 0 && timed_out)
                r = visit_timed_out(v, text, &status);
        else if (r >= 0)
                r = visit_ended(v, &wait_job(v->wait, 0)->record, text, &status);
        if (r < 0 && v->in->json)
                return failure_of_accepted(v->in, r, v->id);
        return r < 0 ? visit_failure(v, r) : status;
}

/* What it waits for is said by the progress, if there is one. */
static int say_accepted(Visit *v, const char *command) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        say("Submitted %s. If interrupted, reattach with: %s", v->id, command);
        r = job_get(v->in->client, v->id, &record, &v->in->error);
        return r < 0 || job_state_is_terminal(record.state) ? r : answer_activity(&record);
}

/* For users and agents whose command is interrupted, by a time limit or a broken connection. */
static int say_started(Visit *v) {
        _cleanup_free_ char *command = NULL;

        if (v->existing)
                return 0;
        command = next_command(v->in->client, "await", &(const char *) { v->id }, 1, "");
        if (!command)
                return -ENOMEM;
        if (v->has_conditions)
                return say_accepted(v, command);
        say("Started %s. If interrupted, reattach with: %s", v->id, command);
        return queue_question_ask(&v->why, v->in->client);
}

static int progress_begin(Visit *v) {
        int r;

        r = progress_new(v->in->client, v->wait, 1, LIVE_USEC, &v->progress);
        return r < 0 ? r : progress_follow(v->progress, v->id);
}

/* ---- run, task ---- */

static int foreground_begin(Visit *v) {
        int r;

        if (v->in->json)
                return 0;
        if (v->keyed && !v->in->quiet) { /* before any output */
                r = say_if_existing(v->in, v->id, v->begun_usec, &v->existing);
                if (r < 0)
                        return r;
        }
        r = streams_new(v->in->client, v->id, &(const StreamOptions) { .tail = STREAM_ALL, .lazy = true },
                        &v->streams);
        if (r < 0 || v->in->quiet)
                return r;
        if (live_is_possible()) { /* reading progress costs calls, and lines would be mixed with the output */
                r = progress_begin(v);
                if (r < 0)
                        return r;
        }
        return say_started(v);
}

static int foreground_text(Visit *v, const JobRecord *record) {
        int r;

        r = record->stdout_bytes + record->stderr_bytes > 0 ? streams_finish(v->streams, &v->in->error) : 0;
        if (r < 0 || (record->reason == JOB_REASON_NOT_EXECUTABLE && record->stderr_bytes > 0)) /* which has the reason */
                return r;
        return answer_end(v->in->client, record);
}

int run_in_foreground(Invocation *in, Spec *request, uint64_t timeout_usec) {
        _cleanup_visit_ Visit v = { .in = in };
        int r;

        r = visit_begin(&v, &(const WaitOptions) {}, request, timeout_usec);
        if (r >= 0)
                r = foreground_begin(&v);
        return r < 0 ? visit_failure(&v, r) : visit_end(&v, foreground_text);
}

/* ---- enqueue, task --background ---- */

static int write_id(const char *id, const char *hint, sd_bus_error *error) {
        _cleanup_free_ char *text = text_new("%s\n%s%s", id, strempty(hint), hint ? "\n" : "");

        if (!text)
                return -ENOMEM;
        return write_stdout(text, strlen(text), error);
}

/* Once in a session, which is when it may come true. */
static void hint_if_logout_ends_jobs(Client *c) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (client_is_system(c) || client_remote(c) || isempty(runtime) || !host_stops_user_manager())
                return;
        path = text_new("%s/codex-jobs-logout-hint", runtime);
        if (!path)
                return;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
                say_hint("Your service manager, and with it this job, is stopped when you log out. To keep it running: "
                         LINGER_COMMAND);
}

/* begun_usec: start of a request with a key; 0: it has none. */
static int background_text(Invocation *in, const char *id, bool hint, uint64_t begun_usec) {
        _cleanup_free_ char *command = next_command(in->client, "await", &id, 1, "");
        bool existing = false;
        OwnQueue queue = {};
        int r;

        if (!command)
                return -ENOMEM;
        r = write_id(id, hint && !in->quiet ? command : NULL, &in->error);
        if (r < 0 || in->quiet)
                return r;
        if (begun_usec > 0)
                r = say_if_existing(in, id, begun_usec, &existing);
        if (r < 0)
                return r;
        if (!hint)
                say("Wait with: %s", command);
        r = own_queue_get_if_known(in->client, &queue, &in->error);
        if (r < 0)
                return r;
        own_queue_say(in->client, &queue);
        hint_if_logout_ends_jobs(in->client);
        return 0;
}

static int background_document(Invocation *in, const char *id, uint64_t begun_usec) {
        JsonExtra extra = {};
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(in->client, id, &record, &in->error);
        if (r < 0)
                return r;
        extra.existing = begun_usec > 0 ? is_existing(&record, begun_usec) : ANSWER_NO;
        return answer_json(in->client, &(const JobRecord *) { &record }, &extra, 1, true, NEXT_RESULT, &in->error);
}

static int submit(Invocation *in, Spec *request, bool hint, const char *thread) {
        uint64_t begun_usec = request->key ? now_realtime() : 0;
        _cleanup_free_ char *id = NULL;
        int r;

        r = job_enqueue(in->client, request, &id, &in->error);
        if (r < 0)
                return r;
        if (leaves_stdin(in, request))
                (void) hint_if_stdin_waits();
        r = thread ? notify_thread(in->client, id, thread, &in->error) : 0;
        if (r >= 0)
                r = in->json ? background_document(in, id, begun_usec) : background_text(in, id, hint, begun_usec);
        return r < 0 ? failure_of_accepted(in, r, id) : 0;
}

int run_in_background(Invocation *in, Spec *request, bool hint) {
        return submit(in, request, hint, NULL);
}

/* ---- task --await ---- */

static int await_begin(Visit *v) {
        int r;

        if (v->in->json || v->in->quiet)
                return 0;
        r = v->keyed ? say_if_existing(v->in, v->id, v->begun_usec, &v->existing) : 0;
        if (r >= 0)
                r = progress_begin(v);
        if (r < 0)
                return r;
        return say_started(v);
}

static int await_text(Visit *v, const JobRecord *record) {
        return answer_result(v->in->client, record, &BOUNDS_NONE, &v->in->error);
}

int run_and_await(Invocation *in, Spec *request, const Stay *stay) {
        uint64_t timeout_usec = stay->timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : stay->timeout_usec;
        _cleanup_visit_ Visit v = { .in = in };
        int r;

        r = visit_begin(&v, &(const WaitOptions) { .poll_usec = stay->poll_usec }, request, timeout_usec);
        if (r >= 0)
                r = await_begin(&v);
        return r < 0 ? visit_failure(&v, r) : visit_end(&v, await_text);
}

int run_as_asked(Invocation *in, Spec *request, const Stay *stay) {
        if (stay->await)
                return run_and_await(in, request, stay);
        if (stay->background)
                return submit(in, request, true, stay->notify_thread);
        return run_in_foreground(in, request,
                                 stay->timeout_usec == USEC_INFINITY ? TIMEOUT_DEFAULT : stay->timeout_usec);
}
