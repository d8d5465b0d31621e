/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs logs: what a job wrote so far, and with --follow what it writes. */

#include "answer.h"
#include "say.h"
#include "stream.h"
#include "wait.h"

enum {
        OPTION_TAIL = OPTION_VERB,
        OPTION_STDOUT,
        OPTION_STDERR,
};

typedef struct Logs {
        const Common *common;
        Client *client;
        Wait *wait;
        Stream *out;
        Stream *err;
        JobRecord record;
        bool follow;
        bool only_stdout;
        bool only_stderr;
        uint64_t tail;
        sd_bus_error error;
} Logs;

static void logs_clear(Logs *s) {
        (void) stream_free(s->out);
        (void) stream_free(s->err);
        (void) wait_free(s->wait);
        (void) client_free(s->client);
        job_record_clear(&s->record);
        sd_bus_error_free(&s->error);
}

static int open_streams(Logs *s) {
        int r;

        if (!s->only_stderr) {
                r = stream_new(s->client, s->record.id, "stdout", STDOUT_FILENO, s->tail, &s->out);
                if (r < 0)
                        return r;
        }
        if (s->only_stdout)
                return 0;
        return stream_new(s->client, s->record.id, "stderr", s->only_stderr ? STDOUT_FILENO : STDERR_FILENO, s->tail,
                          &s->err);
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

        r = client_new(s->common, &s->client, &s->error);
        if (r < 0)
                return r;
        r = job_get(s->client, id, &s->record, &s->error);
        if (r < 0)
                return r;
        r = open_streams(s);
        if (r < 0)
                return r;
        if (s->follow) {
                r = follow(s);
                if (r < 0)
                        return r;
        }
        r = stream_finish(s->out, &s->error);
        if (r < 0)
                return r;
        return stream_finish(s->err, &s->error);
}

static int parse(Logs *s, int argc, char *argv[], Common *common, int *ret_status) {
        static const struct option options[] = {
                COMMON_OPTIONS,
                { "follow", no_argument, NULL, 'f' },
                { "tail", required_argument, NULL, OPTION_TAIL },
                { "stdout", no_argument, NULL, OPTION_STDOUT },
                { "stderr", no_argument, NULL, OPTION_STDERR },
                {},
        };
        int option, r;

        *ret_status = STATUS_OWN_FAILURE;
        while ((r = option_next(&verb_logs, common, argc, argv, ":" COMMON_LETTERS "fn:", options, &option)) == 0) {
                if (option == 'f')
                        s->follow = true;
                else if (option == OPTION_STDOUT)
                        s->only_stdout = true;
                else if (option == OPTION_STDERR)
                        s->only_stderr = true;
                else if (option_number(&verb_logs, "tail", 0, UINT64_MAX - 1, &s->tail) < 0)
                        return -EINVAL;
        }
        if (r < 0) {
                *ret_status = option;
                return r;
        }
        if (common->json)
                *ret_status = usage_error(&verb_logs, "logs are no JSON; 'codex-jobs result ID --json' has them");
        else if (s->only_stdout && s->only_stderr)
                *ret_status = usage_error(&verb_logs, "--stdout and --stderr are both there without either");
        else if (optind >= argc)
                *ret_status = usage_error(&verb_logs, "no job given: 'codex-jobs status' lists them");
        else if (argc - optind > 1)
                *ret_status = usage_error(&verb_logs, "one job at a time, not %d", argc - optind);
        else
                return 0;
        return -EINVAL;
}

static int run(int argc, char *argv[], Common *common) {
        _cleanup_(logs_clear) Logs s = { .common = common, .tail = STREAM_ALL, .record = JOB_RECORD_INIT };
        int r, status;

        r = parse(&s, argc, argv, common, &status);
        if (r < 0)
                return status;
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
                "Prints what a job wrote so far: its stdout to stdout, its stderr to stderr, byte for byte.\n"
                "\n"
                "Options:\n"
                "  -f, --follow             go on until the job has ended, also when it is still queued\n"
                "  -n, --tail N             only the last N lines of each\n"
                "      --stdout             only its stdout\n"
                "      --stderr             only its stderr, on stdout\n"
                COMMON_HELP,
};
