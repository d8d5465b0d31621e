/* SPDX-License-Identifier: Apache-2.0 */

#include <signal.h>

#include "answer.h"
#include "foreground.h"
#include "live.h"
#include "progress.h"
#include "render.h"
#include "say.h"
#include "streams.h"
#include "time-util.h"
#include "wait.h"
#include "write.h"

/* Time limit for Enqueue, even if the wait is shorter. */
#define ENQUEUE_USEC (25 * USEC_PER_SEC)

/* No progress line is shown for commands that finish sooner. */
#define LIVE_USEC USEC_PER_SEC

/* All that is needed to submit and await a job; freed in reverse order. */
typedef struct Visit {
        Client *client;
        Wait *wait;
        char *id; /* NULL: not submitted yet */
        bool keyed;    /* it may be an existing job */
        bool existing; /* it is, and that was shown */
        uint64_t begun_usec;
        Progress *progress;
        QueueQuestion why; /* it does not start */
        Streams *streams;
        sd_bus_error error;
} Visit;

static void visit_clear(Visit *v) {
        (void) streams_free(v->streams);
        queue_question_clear(&v->why);
        (void) progress_free(v->progress);
        (void) wait_free(v->wait);
        (void) client_free(v->client);
        free(v->id);
        sd_bus_error_free(&v->error);
}
#define _cleanup_visit_ _cleanup_(visit_clear)

static int visit_begin(Visit *v, const Common *common, const WaitOptions *options, Request *request,
                       uint64_t timeout_usec) {
        int r;

        r = common_connect(common, &v->client, &v->error);
        if (r < 0)
                return r;
        r = client_catch_signals(v->client);
        if (r < 0)
                return r;
        client_set_patience(v->client, timeout_usec);
        r = client_set_timeout(v->client, MAX(timeout_usec, ENQUEUE_USEC));
        if (r < 0)
                return r;
        /* The subscription is sent before the request: no result is missed, and no round trip is added. */
        r = wait_new(v->client, options, &v->wait);
        if (r < 0)
                return r;
        r = wait_reserve(v->wait, 1);
        if (r < 0)
                return r;
        v->keyed = request->key;
        v->begun_usec = now_realtime();
        r = job_enqueue(v->client, request, &v->id, &v->error);
        if (r < 0)
                return r;
        r = v->keyed ? wait_add(v->wait, v->id) : wait_add_new(v->wait, v->id);
        if (r < 0)
                return r;
        return client_set_timeout(v->client, timeout_usec);
}

/* Whether the job with a key is older than the request. */
static Answer is_existing(const JobRecord *record, uint64_t begun_usec) {
        return record->created_usec < begun_usec ? ANSWER_YES : ANSWER_NO;
}

/* Reports the job with the key if it existed before, since nothing is run then. */
static int say_if_existing(Client *c, const char *id, uint64_t begun_usec, bool *ret_existing, sd_bus_error *error) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *text = NULL;
        int r;

        r = job_get(c, id, &record, error);
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

/* ---- Results and failures ---- */

/* Failures after the job was submitted must show its ID, else the user would submit it again. */
static int failure_of_accepted(Client *c, const sd_bus_error *error, int r, const char *id) {
        const char *message = isempty(error->message) ? strerror(-r) : error->message;
        size_t n = strlen(message);

        if (r == -EINTR)
                return answer_failure(c, error, r, &id, 1);
        if (n > 0 && message[n - 1] == '.')
                n--;
        say("%.*s. The job was submitted; wait with: codex-jobs await %s%s", (int) n, message, id,
            client_scope_option(c));
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
                r = answer_read_output(v->client, record, &BOUNDS_NONE, &extra, &v->error);
                if (r < 0)
                        return r;
        }
        client_restore_signals(v->client);
        return answer_json(v->client, &record, &extra, 1, true, NEXT_SHOWN, &v->error);
}

typedef int (*visit_text_t)(Visit *v, const JobRecord *record);

/* The job has finished: shows the result as JSON or by the given function, and sets the exit status. */
static int visit_ended(Visit *v, const Common *common, const JobRecord *record, visit_text_t text, int *ret_status) {
        *ret_status = job_exit_status(record);
        return common->json ? write_document(v, record, false) : text(v, record);
}

static int say_timed_out(Visit *v, const JobRecord *record) {
        int r;

        if (record->id) {
                r = answer_activity(record);
                if (r >= 0)
                        r = answer_why_queued(v->client, &record, 1, &v->error);
                if (r < 0)
                        return r;
        } else
                (void) say_error(&v->error, -EREMOTEIO);
        return answer_await_command(v->client, "Timed out; the job keeps running. Reattach with",
                                    &(const char *) { v->id }, 1, false);
}

/* The wait timed out; the job may have finished at that moment. */
static int visit_timed_out(Visit *v, const Common *common, visit_text_t text, int *ret_status) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(v->client, v->id, &record, &v->error);
        if (r < 0 && common->json)
                return r;
        if (job_state_is_terminal(record.state))
                return visit_ended(v, common, &record, text, ret_status);
        *ret_status = STATUS_TIMED_OUT;
        if (common->json)
                return write_document(v, &record, true);
        return common->quiet ? 0 : say_timed_out(v, &record);
}

static int visit_end(Visit *v, const Common *common, visit_text_t text) {
        int status = STATUS_OWN_FAILURE;
        bool timed_out;
        int r;

        r = wait_run(v->wait, &v->error);
        live_end();
        timed_out = r == -ETIMEDOUT;
        if (timed_out || r >= 0)
                r = client_set_timeout(v->client, USEC_INFINITY); /* the answer may take its time */
        if (r >= 0 && timed_out)
                r = visit_timed_out(v, common, text, &status);
        else if (r >= 0)
                r = visit_ended(v, common, &wait_job(v->wait, 0)->record, text, &status);
        if (r < 0 && common->json)
                return failure_of_accepted(v->client, &v->error, r, v->id);
        return r < 0 ? answer_failure(v->client, &v->error, r, &(const char *) { v->id }, 1) : status;
}

static int visit_failure(Visit *v, int r) {
        if (r == -ETIMEDOUT) /* the time passed before the service responded */
                return say_error(&v->error, r);
        return answer_failure(v->client, &v->error, r, &(const char *) { v->id }, v->id ? 1 : 0);
}

/* For users and agents whose command is interrupted, by a time limit or a broken connection. */
static int say_started(Visit *v) {
        _cleanup_free_ char *command = NULL;

        if (v->existing)
                return 0;
        command = next_command(v->client, "await", &(const char *) { v->id }, 1, "");
        if (!command)
                return -ENOMEM;
        say("Started %s. If interrupted, reattach with: %s", v->id, command);
        return queue_question_ask(&v->why, v->client);
}

static int progress_begin(Visit *v) {
        int r;

        r = progress_new(v->client, v->wait, 1, LIVE_USEC, &v->progress);
        return r < 0 ? r : progress_follow(v->progress, v->id);
}

/* ---- run, task ---- */

static int foreground_begin(Visit *v, const Common *common) {
        int r;

        if (common->json)
                return 0;
        if (v->keyed && !common->quiet) { /* before any output */
                r = say_if_existing(v->client, v->id, v->begun_usec, &v->existing, &v->error);
                if (r < 0)
                        return r;
        }
        r = streams_new(v->client, v->id, &(const StreamOptions) { .tail = STREAM_ALL, .lazy = true },
                        &v->streams);
        if (r < 0 || common->quiet)
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

        r = record->stdout_bytes + record->stderr_bytes > 0 ? streams_finish(v->streams, &v->error) : 0;
        if (r < 0 || record->reason == JOB_REASON_NOT_EXECUTABLE) /* the reason is on stderr already */
                return r;
        return answer_end(v->client, record);
}

int run_in_foreground(const Common *common, Request *request, uint64_t timeout_usec) {
        const WaitOptions options = {};
        _cleanup_visit_ Visit v = {};
        int r;

        r = visit_begin(&v, common, &options, request, timeout_usec);
        if (r >= 0)
                r = foreground_begin(&v, common);
        if (r < 0)
                return visit_failure(&v, r);
        return visit_end(&v, common, foreground_text);
}

/* ---- enqueue, task --background ---- */

static int write_id(const char *id, const char *hint, sd_bus_error *error) {
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "%s\n%s%s", id, strempty(hint), hint ? "\n" : "") < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return write_stdout(text, strlen(text), error);
}

/* begun_usec: start of a request with a key; 0: it has none. */
static int background_text(Client *c, const Common *common, const char *id, bool hint, uint64_t begun_usec,
                           sd_bus_error *error) {
        _cleanup_free_ char *command = next_command(c, "await", &id, 1, "");
        bool existing = false;
        OwnQueue queue = {};
        int r;

        if (!command)
                return -ENOMEM;
        r = write_id(id, hint && !common->quiet ? command : NULL, error);
        if (r < 0 || common->quiet)
                return r;
        if (begun_usec > 0)
                r = say_if_existing(c, id, begun_usec, &existing, error);
        if (r < 0)
                return r;
        if (!hint)
                say("Wait with: %s", command);
        r = own_queue_get_if_known(c, &queue, error);
        if (r >= 0)
                own_queue_say(c, &queue);
        return r;
}

static int background_document(Client *c, const char *id, uint64_t begun_usec, sd_bus_error *error) {
        JsonExtra extra = {};
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(c, id, &record, error);
        if (r < 0)
                return r;
        extra.existing = begun_usec > 0 ? is_existing(&record, begun_usec) : ANSWER_NO;
        return answer_json(c, &(const JobRecord *) { &record }, &extra, 1, true, NEXT_RESULT, error);
}


int run_in_background(const Common *common, Request *request, bool hint) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t begun_usec = request->key ? now_realtime() : 0;
        _cleanup_(client_freep) Client *c = NULL;
        _cleanup_free_ char *id = NULL;
        int r;

        r = common_connect(common, &c, &error);
        if (r >= 0)
                r = job_enqueue(c, request, &id, &error);
        if (r < 0)
                return answer_failure(c, &error, r, NULL, 0);
        if (common->json)
                r = background_document(c, id, begun_usec, &error);
        else
                r = background_text(c, common, id, hint, begun_usec, &error);
        return r < 0 ? failure_of_accepted(c, &error, r, id) : 0;
}

/* ---- task --await ---- */

static int await_begin(Visit *v, const Common *common) {
        int r;

        if (common->json || common->quiet)
                return 0;
        r = v->keyed ? say_if_existing(v->client, v->id, v->begun_usec, &v->existing, &v->error) : 0;
        if (r >= 0)
                r = progress_begin(v);
        if (r < 0)
                return r;
        return say_started(v);
}

static int await_text(Visit *v, const JobRecord *record) {
        return answer_result(v->client, record, &BOUNDS_NONE, &v->error);
}

int run_and_await(const Common *common, Request *request, uint64_t timeout_usec, uint64_t poll_usec) {
        const WaitOptions options = { .poll_usec = poll_usec };
        _cleanup_visit_ Visit v = {};
        int r;

        r = visit_begin(&v, common, &options, request, timeout_usec);
        if (r >= 0)
                r = await_begin(&v, common);
        if (r < 0)
                return visit_failure(&v, r);
        return visit_end(&v, common, await_text);
}
