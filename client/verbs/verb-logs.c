/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs logs: shows the output of a job so far, and with --follow new output. */

#include "answer.h"
#include "bounds.h"
#include "output.h"
#include "own-job.h"
#include "streams.h"
#include "text-new.h"
#include "verbs.h"
#include "wait.h"

enum {
        OPTION_STDOUT = OPTION_BOUNDS_END,
        OPTION_STDERR,
        OPTION_NO_TAIL,
        OPTION_TIMESTAMPS,
        OPTION_ATTEMPT,
};

#define FOLLOW_LINES 10 /* of each stream, before new output, like journalctl -f */

static struct {
        bool follow;
        bool no_tail;
        bool only_stdout;
        bool only_stderr;
        bool timestamps;
        uint64_t attempt; /* 0: all */
        Bounds bounds;
} given = { .bounds = { .max_bytes = UINT64_MAX, .tail = UINT64_MAX } };

static int option(const Verb *verb, int option) {
        bool *flag = option == 'f'               ? &given.follow :
                     option == OPTION_STDOUT     ? &given.only_stdout :
                     option == OPTION_STDERR     ? &given.only_stderr :
                     option == OPTION_NO_TAIL    ? &given.no_tail :
                     option == OPTION_TIMESTAMPS ? &given.timestamps :
                                                   NULL;

        if (option == OPTION_ATTEMPT)
                return option_number(verb, "attempt", 1, JOB_RETRIES_MAX + 1, &given.attempt);
        if (!flag)
                return bounds_option(verb, &given.bounds, option);
        *flag = true;
        return 0;
}

typedef struct Logs {
        Invocation *in; /* not owned */
        Wait *wait;
        Streams *streams;
        JobRecord record;
} Logs;

static void logs_clear(Logs *s) {
        (void) streams_free(s->streams);
        (void) wait_free(s->wait);
        job_record_clear(&s->record);
}

/* What an attempt has written, or has written so far. */
static int find_attempt(Logs *s, StreamRange ranges[static 2]) {
        const char *p = strempty(s->record.attempts);
        JobAttempt a = {};
        uint64_t n = 1;
        int r;

        for (;; n++) {
                ranges[0].begin = a.stdout_bytes;
                ranges[1].begin = a.stderr_bytes;
                r = job_attempts_next(&p, &a);
                if (r <= 0 || n == given.attempt)
                        break;
        }
        if (n < given.attempt || given.attempt > s->record.attempt)
                return error_set(&s->in->error, "Job %s has no attempt %ju, the last one is %ju.", s->record.id, (uintmax_t) given.attempt,
                                 (uintmax_t) s->record.attempt);
        ranges[0].end = r > 0 ? a.stdout_bytes : INT64_MAX;
        ranges[1].end = r > 0 ? a.stderr_bytes : INT64_MAX;
        return 0;
}

static int open_streams(Logs *s) {
        StreamRange ranges[2];
        int r = given.attempt > 0 ? find_attempt(s, ranges) : 0;
        const StreamOptions options = {
                .ranges = given.attempt > 0 ? ranges : NULL,
                .only = given.only_stdout ? "stdout" : given.only_stderr ? "stderr" : NULL,
                .tail = given.bounds.tail,
                .timestamps = given.timestamps,
        };

        return r < 0 ? r : streams_new(s->in->client, s->record.id, &options, &s->streams);
}

/* Shows the part of the output so far that the bounds allow. */
static int show_excerpt(Logs *s, const char *stream, int target) {
        _cleanup_free_ char *option = NULL, *command = NULL;
        const OutputWant want = bounds_want(&given.bounds);
        _cleanup_close_ int fd = -EBADF;
        Excerpt e;
        int r;

        option = text_new(" --%s", stream);
        if (!option)
                return -ENOMEM;
        command = next_command(s->in->client, "logs", &(const char *) { s->record.id }, 1, option);
        if (!command)
                return -ENOMEM;
        r = output_open(s->in->client, &(const OutputName) { s->record.id, stream }, &want, &fd, &s->in->error);
        if (r < 0)
                return r;
        r = excerpt_find(fd, &given.bounds, &e);
        return r < 0 ? r : excerpt_write(fd, &e, target, command);
}

static int show_excerpts(Logs *s) {
        int r = 0;

        if (!given.only_stderr)
                r = show_excerpt(s, "stdout", STDOUT_FILENO);
        if (r >= 0 && !given.only_stdout)
                r = show_excerpt(s, "stderr", given.only_stderr ? STDOUT_FILENO : STDERR_FILENO);
        return r;
}

/* Until the job finishes. A queued job has no output yet. */
static int follow(Logs *s) {
        int r;

        r = client_catch_signals(s->in->client);
        if (r < 0)
                return r;
        r = wait_new(s->in->client, &(const WaitOptions) { .only = s->record.id }, &s->wait);
        if (r < 0)
                return r;
        r = wait_reserve(s->wait, 1);
        if (r < 0)
                return r;
        r = wait_add(s->wait, s->record.id);
        if (r < 0)
                return r;
        return wait_run(s->wait, &s->in->error);
}

static int check(Invocation *in) {
        if (in->json)
                return usage_error(in->verb, "'logs' has no --json; use 'codex-jobs result --json ID'");
        if (given.only_stdout && given.only_stderr)
                return usage_error(in->verb, "--stdout and --stderr cannot be combined: both streams are "
                                                 "shown by default");
        if (given.follow && given.bounds.max_bytes != UINT64_MAX)
                return usage_error(in->verb, "--follow and --max-bytes cannot be combined");
        if (given.timestamps && given.bounds.max_bytes != UINT64_MAX)
                return usage_error(in->verb, "--timestamps and --max-bytes cannot be combined: use --tail to "
                                                 "limit the output");
        if (given.attempt > 0 && (given.follow || given.bounds.tail != UINT64_MAX || given.bounds.max_bytes != UINT64_MAX))
                return usage_error(in->verb, "--attempt cannot be combined with --follow, --tail and --max-bytes");
        if (given.no_tail && given.bounds.tail != UINT64_MAX)
                return usage_error(in->verb, "--no-tail and --tail cannot be combined");
        if (given.no_tail && !given.follow)
                return usage_error(in->verb, "--no-tail requires --follow: without it all lines are shown");
        if (given.follow && !given.no_tail && given.bounds.tail == UINT64_MAX)
                given.bounds.tail = FOLLOW_LINES;
        return 0;
}

static int run(Invocation *in) {
        _cleanup_(logs_clear) Logs s = { .in = in, .record = JOB_RECORD_INIT };
        int r;

        r = job_get(in->client, in->arguments[0], &s.record, &in->error);
        if (r < 0)
                return r;
        if (given.bounds.max_bytes != UINT64_MAX)
                return show_excerpts(&s);
        if (given.follow)
                r = own_job_check(&s.record, &in->error);
        if (r >= 0)
                r = open_streams(&s);
        if (r >= 0 && given.follow)
                r = follow(&s);
        if (r >= 0)
                r = streams_finish(s.streams, &in->error);
        return r == -EINTR ? answer_detached(in->client, &(const char *) { s.record.id }, 1, false) : r;
}

const Verb verb_logs = {
        .name = "logs",
        .arguments = "ID",
        .min = 1,
        .max = 1,
        .flags = VERB_TEXT,
        .options = (const struct option[]) {
                { "follow", no_argument, NULL, 'f' },
                BOUNDS_OPTIONS,
                { "stdout", no_argument, NULL, OPTION_STDOUT },
                { "stderr", no_argument, NULL, OPTION_STDERR },
                { "no-tail", no_argument, NULL, OPTION_NO_TAIL },
                { "timestamps", no_argument, NULL, OPTION_TIMESTAMPS },
                { "attempt", required_argument, NULL, OPTION_ATTEMPT },
                {},
        },
        .option = option,
        .check = check,
        .run = run,
        .summary = "Show the output of a job",
        .help = "Show the output of a job so far: its stdout on stdout and its stderr on stderr, byte for\n"
                "byte and in the order in which it was written. On a terminal, escape sequences are removed.\n"
                "\n"
                "Options:\n"
                "  -f, --follow             Show the last 10 lines, then new output until the job\n"
                "                           finishes\n"
                BOUNDS_HELP
                "      --no-tail            With --follow: show all lines\n"
                "      --stdout             Show only stdout\n"
                "      --stderr             Show only stderr, on stdout\n"
                "      --attempt N          Show only the output of that attempt, of a job with --retries\n"
                "      --timestamps         Prefix each line with the time when it was written\n",
};
