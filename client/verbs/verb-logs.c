/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs logs: what a job wrote so far, and with --follow what it writes. */

#include "answer.h"
#include "bounds.h"
#include "output.h"
#include "say.h"
#include "streams.h"
#include "verbs.h"
#include "wait.h"

enum {
        OPTION_STDOUT = OPTION_VERB,
        OPTION_STDERR,
        OPTION_NO_TAIL,
        OPTION_TIMESTAMPS,
};

#define FOLLOW_LINES 10 /* of each stream, before what is new: as journalctl -f */

typedef struct Logs {
        const Common *common;
        Client *client;
        Wait *wait;
        Streams *streams;
        JobRecord record;
        bool follow;
        bool no_tail;
        bool only_stdout;
        bool only_stderr;
        bool timestamps;
        Bounds bounds;
        sd_bus_error error;
} Logs;

static void logs_clear(Logs *s) {
        (void) streams_free(s->streams);
        (void) wait_free(s->wait);
        (void) client_free(s->client);
        job_record_clear(&s->record);
        sd_bus_error_free(&s->error);
}

static int open_streams(Logs *s) {
        const StreamOptions options = {
                .only = s->only_stdout ? "stdout" : s->only_stderr ? "stderr" : NULL,
                .tail = s->bounds.tail,
                .timestamps = s->timestamps,
        };

        return streams_new(s->client, s->record.id, &options, &s->streams);
}

/* In bounds: what is there now. */
static int show_excerpt(Logs *s, const char *stream, int target) {
        _cleanup_free_ char *option = NULL, *command = NULL;
        _cleanup_close_ int fd = -EBADF;
        Excerpt e;
        int r;

        if (asprintf(&option, " --%s", stream) < 0) {
                option = NULL;
                return -ENOMEM;
        }
        command = next_command(s->client, "logs", &(const char *) { s->record.id }, 1, option);
        if (!command)
                return -ENOMEM;
        r = output_open(s->client, &(const OutputName) { s->record.id, stream }, &fd, &s->error);
        if (r < 0)
                return r;
        r = excerpt_find(fd, &s->bounds, &e);
        return r < 0 ? r : excerpt_write(fd, &e, target, command);
}

static int show_excerpts(Logs *s) {
        int r = 0;

        if (!s->only_stderr)
                r = show_excerpt(s, "stdout", STDOUT_FILENO);
        if (r >= 0 && !s->only_stdout)
                r = show_excerpt(s, "stderr", s->only_stderr ? STDOUT_FILENO : STDERR_FILENO);
        return r;
}

/* Until the job ends; one that is queued has nothing to show yet, but will. */
static int follow(Logs *s) {
        int r;

        r = client_catch_signals(s->client);
        if (r < 0)
                return r;
        r = wait_new(s->client, &(const WaitOptions) { .only = s->record.id }, &s->wait);
        if (r < 0)
                return r;
        r = wait_reserve(s->wait, 1);
        if (r < 0)
                return r;
        r = wait_add(s->wait, s->record.id);
        if (r < 0)
                return r;
        return wait_run(s->wait, &s->error);
}

static int logs(Logs *s, const char *id) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r < 0)
                return r;
        r = job_get(s->client, id, &s->record, &s->error);
        if (r < 0)
                return r;
        if (s->bounds.max_bytes != UINT64_MAX)
                return show_excerpts(s);
        r = open_streams(s);
        if (r < 0)
                return r;
        if (s->follow) {
                r = follow(s);
                if (r < 0)
                        return r;
        }
        return streams_finish(s->streams, &s->error);
}

static int parse(Logs *s, int argc, char *argv[], Common *common, int *ret_status) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                { "follow", no_argument, NULL, 'f' },
                BOUNDS_OPTIONS,
                { "stdout", no_argument, NULL, OPTION_STDOUT },
                { "stderr", no_argument, NULL, OPTION_STDERR },
                { "no-tail", no_argument, NULL, OPTION_NO_TAIL },
                { "timestamps", no_argument, NULL, OPTION_TIMESTAMPS },
                {},
        };
        int option, r;

        *ret_status = STATUS_OWN_FAILURE;
        while ((r = option_next(&verb_logs, common, argc, argv, ":" COMMON_LETTERS "f" BOUNDS_LETTERS, options,
                                &option)) == 0) {
                if (option == 'f')
                        s->follow = true;
                else if (option == OPTION_STDOUT)
                        s->only_stdout = true;
                else if (option == OPTION_STDERR)
                        s->only_stderr = true;
                else if (option == OPTION_NO_TAIL)
                        s->no_tail = true;
                else if (option == OPTION_TIMESTAMPS)
                        s->timestamps = true;
                else if (bounds_option(&verb_logs, &s->bounds, option) < 0)
                        return -EINVAL;
        }
        if (r < 0) {
                *ret_status = option;
                return r;
        }
        if (common->json)
                *ret_status = usage_error(&verb_logs, "'logs' has no --json; use 'codex-jobs result --json ID'");
        else if (s->only_stdout && s->only_stderr)
                *ret_status = usage_error(&verb_logs, "--stdout and --stderr cannot be combined: both streams are "
                                                      "shown by default");
        else if (s->follow && s->bounds.max_bytes != UINT64_MAX)
                *ret_status = usage_error(&verb_logs, "--follow and --max-bytes cannot be combined");
        else if (s->timestamps && s->bounds.max_bytes != UINT64_MAX)
                *ret_status = usage_error(&verb_logs, "--timestamps and --max-bytes cannot be combined: use --tail to "
                                                      "limit the output");
        else if (s->no_tail && s->bounds.tail != UINT64_MAX)
                *ret_status = usage_error(&verb_logs, "--no-tail and --tail cannot be combined");
        else if (s->no_tail && !s->follow)
                *ret_status = usage_error(&verb_logs, "--no-tail requires --follow: without it all lines are shown");
        else if (optind >= argc)
                *ret_status = usage_error(&verb_logs, "No job ID given, see 'codex-jobs status'");
        else if (argc - optind > 1)
                *ret_status = usage_error(&verb_logs, "'logs' takes one job ID, not %d", argc - optind);
        else
                return 0;
        return -EINVAL;
}

static int run(int argc, char *argv[], Common *common) {
        _cleanup_(logs_clear) Logs s = { .common = common, .bounds = BOUNDS_NONE, .record = JOB_RECORD_INIT };
        int r, status;

        r = parse(&s, argc, argv, common, &status);
        if (r < 0)
                return status;
        if (s.follow && !s.no_tail && s.bounds.tail == UINT64_MAX)
                s.bounds.tail = FOLLOW_LINES;
        r = logs(&s, argv[optind]);
        if (r < 0)
                return answer_failure(s.client, &s.error, r, &(const char *) { s.record.id }, s.wait ? 1 : 0);
        return 0;
}

const Verb verb_logs = {
        .name = "logs",
        .run = run,
        .help = "codex-jobs logs [options] ID\n"
                "\n"
                "Show the output of a job so far: its stdout on stdout and its stderr on stderr, byte for\n"
                "byte and in the order in which it was written. On a terminal, escape sequences are removed.\n"
                "\n"
                "Options:\n"
                "  -f, --follow             Show the last 10 lines, then new output until the job\n"
                "                           finishes\n"
                BOUNDS_HELP
                "      --no-tail            With --follow: show all lines\n"
                "      --stdout             Show only stdout\n"
                "      --stderr             Show only stderr, on stdout\n"
                "      --timestamps         Prefix each line with the time when it was written\n"
                COMMON_TEXT_HELP,
};
