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

/* To be accepted may take that long even where the wait is shorter. */
#define ENQUEUE_USEC (25 * USEC_PER_SEC)

/* A command that is over sooner is spared the line about its progress. */
#define LIVE_USEC USEC_PER_SEC

/* All that one enqueued and awaited job needs; freed in the reverse order. */
typedef struct Visit {
        Client *client;
        Wait *wait;
        char *id; /* NULL: not accepted yet */
        bool keyed;    /* it may be a job that was there already */
        bool existing; /* it is, and that was told */
        uint64_t begun_usec;
        Progress *progress;
        QueueQuestion why; /* it does not begin */
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
        /* The subscription travels with the request and before it: no end is missed, no round trip added. */
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

/* Whether a job that a key stands for is older than the request. */
static Answer is_existing(const JobRecord *record, uint64_t begun_usec) {
        return record->created_usec < begun_usec ? ANSWER_YES : ANSWER_NO;
}

/* Tells of the job that a key stands for, where it was there before: nothing is run then. */
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
        say("this key has a job already: %s (%s)", id, text);
        return 0;
}

/* ---- The ends ---- */

/* What failed behind the acceptance must not lose the id: whoever takes it for a refusal would ask again. */
static int failure_of_accepted(Client *c, const sd_bus_error *error, int r, const char *id) {
        const char *message = isempty(error->message) ? strerror(-r) : error->message;
        size_t n = strlen(message);

        if (r == -EINTR)
                return answer_failure(c, error, r, &id, 1);
        if (n > 0 && message[n - 1] == '.')
                n--;
        say("%.*s; the job was accepted all the same: codex-jobs await %s%s", (int) n, message, id,
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

/* The job is over: answers as JSON or by the given function, and tells what to exit with. */
static int visit_ended(Visit *v, const Common *common, const JobRecord *record, visit_text_t text, int *ret_status) {
        *ret_status = job_exit_status(record);
        return common->json ? write_document(v, record, false) : text(v, record);
}

static int say_goes_on(Visit *v, const JobRecord *record) {
        int r;

        if (record->id) {
                r = answer_activity(record);
                if (r >= 0)
                        r = answer_why_queued(v->client, &record, 1, &v->error);
                if (r < 0)
                        return r;
        } else
                (void) say_error(&v->error, -EREMOTEIO);
        return answer_await_command(v->client, "the job goes on; to wait on", &(const char *) { v->id }, 1, false);
}

/* The time is up; the job may still have ended in that moment. */
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
        return common->quiet ? 0 : say_goes_on(v, &record);
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
        if (r == -ETIMEDOUT) /* it took all of the time to be accepted, or to be refused */
                return say_error(&v->error, r);
        return answer_failure(v->client, &v->error, r, &(const char *) { v->id }, v->id ? 1 : 0);
}

/* Whoever loses this command, to a time limit or to a broken line, finds the job again. */
static int say_accepted(Visit *v) {
        int r;

        if (v->existing)
                return 0;
        r = answer_await_command(v->client, "accepted; should this command be cut short, the job goes on",
                                 &(const char *) { v->id }, 1, false);
        return r < 0 ? r : queue_question_ask(&v->why, v->client);
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
        if (v->keyed && !common->quiet) { /* before anything that it wrote */
                r = say_if_existing(v->client, v->id, v->begun_usec, &v->existing, &v->error);
                if (r < 0)
                        return r;
        }
        r = streams_new(v->client, v->id, &(const StreamOptions) { .tail = STREAM_ALL, .lazy = true },
                        &v->streams);
        if (r < 0 || common->quiet)
                return r;
        if (live_is_possible()) { /* to read the progress costs calls, and lines of it would be amid the output */
                r = progress_begin(v);
                if (r < 0)
                        return r;
        }
        return say_accepted(v);
}

static int foreground_text(Visit *v, const JobRecord *record) {
        int r;

        r = record->stdout_bytes + record->stderr_bytes > 0 ? streams_finish(v->streams, &v->error) : 0;
        if (r < 0 || record->reason == JOB_REASON_NOT_EXECUTABLE) /* stderr has said that */
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

/* begun_usec: of a request that has a key; 0: it has none. */
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
                say("to wait for it: %s", command);
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
        return say_accepted(v);
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
