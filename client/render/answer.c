/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <signal.h>

#include "answer.h"
#include "job-thread.h"
#include "last-lines.h"
#include "output.h"
#include "render.h"
#include "say.h"
#include "streams.h"
#include "terminal.h"

#define LAST_LINES 10
#define JSON_OUTPUT_MAX (1024U * 1024U)

/* ---- Commands ---- */

int answer_await_command(Client *c, const char *text, const char *const *ids, size_t n, bool any) {
        _cleanup_free_ char *command = next_command(c, "await", ids, n, any ? " --any" : "");

        if (!command)
                return -ENOMEM;
        say("%s: %s", text, command);
        return 0;
}

/* ---- Finished jobs ---- */

static int say_next(Client *c, const JobRecord *record) {
        _cleanup_free_ char *command = NULL;

        if (!has_run(record))
                return 0;
        command = next_command(c, "logs", &(const char *) { record->id }, 1, "");
        if (!command)
                return -ENOMEM;
        say("Full output: %s", command);
        return 0;
}

static int say_end(const JobRecord *record) {
        _cleanup_free_ char *text = render_end(record);

        if (!text)
                return -ENOMEM;
        say("%s %s", record->id, text);
        return 0;
}

/* Completed tasks show how to continue their thread. In a session of an agent, other jobs have a last line, too: it
 * marks the end if both streams are written to one file. */
static int say_completed(Client *c, const JobRecord *record) {
        bool task = streq(strempty(record->kind), "task");
        _cleanup_free_ char *thread = task ? thread_of_result(record->result) : NULL, *command = NULL;

        if (!thread)
                return session_here() ? say_end(record) : 0;
        command = next_command(c, "task --resume", &(const char *) { record->id }, 1, "");
        if (!command)
                return -ENOMEM;
        say("%s completed, thread %s. Continue with: %s", record->id, thread, command);
        return 0;
}

/* The result was meant for those who wait. */
static void say_result_error(const JobRecord *record) {
        if (!isempty(record->result_error))
                say("Result of %s was rejected: %s", record->id, record->result_error);
}

int answer_end(Client *c, const JobRecord *record) {
        int r = 0;

        if (client_is_quiet(c))
                return 0;
        r = record->state == JOB_COMPLETED ? say_completed(c, record) : say_end(record);
        if (r < 0)
                return r;
        say_result_error(record);
        return record->state == JOB_CANCELLED ? say_next(c, record) : 0;
}

static int quote_lines(char *text) {
        bool utf8 = terminal_takes_utf8(STDERR_FILENO);

        for (char *line; (line = strsep(&text, "\n"));) {
                _cleanup_free_ char *clean = NULL;

                clean = terminal_text(line, utf8);
                if (!clean)
                        return -ENOMEM;
                (void) fprintf(stderr, "  %s\n", clean);
        }
        return 0;
}

static int say_last_lines(Client *c, const JobRecord *record, sd_bus_error *error) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        int r;

        /* stderr of a command that could not be executed has only the reason, which was shown already. */
        if (record->stderr_bytes == 0 || record->reason == JOB_REASON_NOT_EXECUTABLE)
                return 0;
        r = output_open(c, &(const OutputName) { record->id, "stderr" }, LAST_LINES_WANT, &fd, error);
        if (r >= 0)
                r = last_lines_read(fd, LAST_LINES, &text);
        if (r < 0)
                return r;
        say("Last lines of stderr:");
        return quote_lines(text);
}

static int show_excerpt(Client *c, const JobRecord *record, const Bounds *bounds, sd_bus_error *error) {
        _cleanup_free_ char *command = next_command(c, "logs", &(const char *) { record->id }, 1, " --stdout");
        const OutputWant want = bounds_want(bounds);
        _cleanup_close_ int fd = -EBADF;
        Excerpt e;
        int r;

        if (!command)
                return -ENOMEM;
        r = output_open(c, &(const OutputName) { record->id, "stdout" }, &want, &fd, error);
        if (r < 0)
                return r;
        r = excerpt_find(fd, bounds, &e);
        if (r < 0)
                return r;
        client_restore_signals(c); /* writing it waits for the reader */
        r = excerpt_write(fd, &e, STDOUT_FILENO, command);
        if (r >= 0 && e.begin > 0 && !client_is_quiet(c))
                say("Omitted the first %jd of %jd bytes of stdout. Full output: %s", (intmax_t) e.begin,
                    (intmax_t) e.end, command);
        return r;
}

static int show_stdout(Client *c, const JobRecord *record, const Bounds *bounds, sd_bus_error *error) {
        const StreamOptions options = { .only = "stdout", .tail = STREAM_ALL };
        _cleanup_(streams_freep) Streams *s = NULL;
        int r;

        if (record->stdout_bytes == 0)
                return 0;
        if (bounds_are_set(bounds))
                return show_excerpt(c, record, bounds, error);
        r = streams_new(c, record->id, &options, &s);
        return r < 0 ? r : streams_finish(s, error);
}

int answer_result(Client *c, const JobRecord *record, const Bounds *bounds, sd_bus_error *error) {
        int r;

        r = show_stdout(c, record, bounds, error);
        if (r < 0)
                return r;
        if (client_is_quiet(c))
                return 0;
        if (record->state == JOB_COMPLETED) {
                say_result_error(record);
                return say_completed(c, record);
        }
        r = say_end(record);
        if (r < 0)
                return r;
        say_result_error(record);
        r = say_last_lines(c, record, error);
        if (r < 0)
                return r;
        return say_next(c, record);
}

typedef struct Excerpted {
        OutputName name;
        const char *option; /* of "codex-jobs logs", to show all of it */
        Bounds bounds;
} Excerpted;

static int read_output(Client *c, const Excerpted *wanted, char **ret, bool *ret_truncated, sd_bus_error *error) {
        _cleanup_free_ char *command = next_command(c, "logs", &wanted->name.id, 1, wanted->option);
        const OutputWant want = bounds_want(&wanted->bounds);
        _cleanup_close_ int fd = -EBADF;
        Excerpt e;
        int r;

        if (!command)
                return -ENOMEM;
        r = output_open(c, &wanted->name, &want, &fd, error);
        if (r < 0)
                return r;
        r = excerpt_find(fd, &wanted->bounds, &e);
        if (r < 0)
                return r;
        *ret_truncated = excerpt_is_cut(&e);
        return excerpt_text(fd, &e, command, ret);
}

int answer_read_output(Client *c, const JobRecord *record, const Bounds *bounds, JsonExtra *extra,
                       sd_bus_error *error) {
        Excerpted wanted = { .name = { record->id, "stdout" }, .option = " --stdout", .bounds = *bounds };
        int r;

        wanted.bounds.max_bytes = MIN(bounds->max_bytes, (uint64_t) JSON_OUTPUT_MAX);
        r = read_output(c, &wanted, &extra->stdout_text, &extra->stdout_truncated, error);
        if (r < 0)
                return r;
        wanted.name.stream = "stderr";
        wanted.option = " --stderr";
        return read_output(c, &wanted, &extra->stderr_text, &extra->stderr_truncated, error);
}

/* ---- Unfinished jobs ---- */

int answer_activity(const JobRecord *record) {
        _cleanup_free_ char *text = render_activity(record);

        if (!text)
                return -ENOMEM;
        say("%s: %s", record->id, text);
        return 0;
}

static bool some_are(const JobRecord *const *records, size_t n, bool (*are)(const JobRecord *record)) {
        for (size_t i = 0; i < n; i++)
                if (are(records[i]))
                        return true;
        return false;
}

int answer_why_queued(Client *c, const JobRecord *const *records, size_t n, sd_bus_error *error) {
        OwnQueue queue = {};
        int r;

        if (!some_are(records, n, own_queue_delays))
                return 0;
        r = own_queue_get_if_known(c, &queue, error);
        if (r >= 0)
                own_queue_say_why(c, &queue);
        return r;
}

/* ---- JSON ---- */

int answer_json_reply(Client *c, const JsonReply *reply, NextKind kind, sd_bus_error *error) {
        JsonReply complete = *reply;
        _cleanup_next_ Next next = {};
        int r;

        r = reply->single ? next_for_job(&next, c, reply->records[0], reply->queue, kind) :
                            next_for_jobs(&next, c, reply->records, reply->n, reply->queue);
        if (r < 0)
                return r;
        complete.next = next.commands;
        return json_write(&complete, error);
}

int answer_json(Client *c, const JobRecord *const *records, const JsonExtra *extras, size_t n, bool single,
                NextKind kind, sd_bus_error *error) {
        bool queued = some_are(records, n, own_queue_has);
        OwnQueue queue = {};
        int r;

        if (queued) {
                r = own_queue_get_if_known(c, &queue, error);
                if (r < 0)
                        return r;
        }
        return answer_json_reply(c,
                                 &(const JsonReply) {
                                         .single = single,
                                         .n = n,
                                         .records = records,
                                         .extras = extras,
                                         .queue = queue.max_running > 0 ? &queue : NULL,
                                 },
                                 kind, error);
}

/* ---- Failures ---- */

int answer_detached(Client *c, const char *const *ids, size_t n, bool any) {
        const char *text = n == 1 ? "Detached; the job keeps running. Reattach with" :
                                    "Detached; the jobs keep running. Reattach with";

        if (!client_was_answered(c))
                text = "Interrupted before the service responded. Wait with";
        (void) answer_await_command(c, text, ids, n, any);
        return STATUS_SIGNALLED + client_signal(c);
}

int answer_failure(Client *c, sd_bus_error *error, int r) {
        if (r == -EPIPE)
                return STATUS_SIGNALLED + SIGPIPE; /* like a program that does not ignore that signal */
        if (r != -EINTR) {
                job_suggest(c, error);
                return say_error(error, r);
        }
        if (sd_bus_error_is_set(error))
                (void) say_error(error, r);
        return STATUS_SIGNALLED + client_signal(c);
}
