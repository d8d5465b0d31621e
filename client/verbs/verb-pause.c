/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs pause and resume: whether queued jobs of the caller start. */

#include "answer.h"
#include "say.h"
#include "verbs.h"
#include "write.h"

typedef struct Steer {
        const Common *common;
        Client *client;
        OwnQueue queue;
        sd_bus_error error;
} Steer;

static void steer_clear(Steer *s) {
        (void) client_free(s->client);
        sd_bus_error_free(&s->error);
}

static int write_document(Steer *s) {
        _cleanup_free_ char *command = s->queue.paused ? next_command(s->client, "resume", NULL, 0, "") : NULL;
        char *next[] = { command, NULL };

        if (s->queue.paused && !command)
                return -ENOMEM;
        return json_write(&(const JsonReply) { .queue = &s->queue, .queue_alone = true, .next = next }, &s->error);
}

static int write_text(Steer *s) {
        _cleanup_free_ char *text = NULL;
        const OwnQueue *q = &s->queue;
        int r;

        if (q->paused)
                r = asprintf(&text, "Queue paused: %u queued, %u still running.\n", q->queued, q->running);
        else
                r = asprintf(&text, "Queue resumed: %u queued, %u of at most %u running.\n", q->queued, q->running,
                             q->max_running);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }
        r = write_stdout(text, strlen(text), &s->error);
        if (r >= 0 && q->paused)
                say("Resume with: codex-jobs resume%s", client_scope_option(s->client));
        return r;
}

static int steer(Steer *s, const char *method) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r >= 0)
                r = call_wait(s->client, CALL_AGAIN, method, append_nothing, NULL, NULL, &s->error);
        if (r >= 0)
                r = own_queue_get(s->client, &s->queue, &s->error);
        if (r < 0)
                return r;
        if (s->common->json)
                return write_document(s);
        return s->common->quiet ? 0 : write_text(s);
}

static int run(const Verb *verb, const char *method, int argc, char *argv[], Common *common) {
        static const struct option options[] = { COMMON_OPTIONS, {} };
        _cleanup_(steer_clear) Steer s = { .common = common };
        int option, r;

        r = option_next(verb, common, argc, argv, ":" COMMON_LETTERS, options, &option);
        if (r < 0)
                return option;
        if (optind < argc)
                return usage_error(verb, "'%s' takes no arguments", verb->name);
        r = steer(&s, method);
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : 0;
}

static int run_pause(int argc, char *argv[], Common *common) {
        return run(&verb_pause, "Pause", argc, argv, common);
}

static int run_resume(int argc, char *argv[], Common *common) {
        return run(&verb_resume, "Resume", argc, argv, common);
}

const Verb verb_pause = {
        .name = "pause",
        .run = run_pause,
        .help = "codex-jobs pause [options]\n"
                "\n"
                "Pause your queue: new jobs are recorded but do not start, and running jobs keep running.\n"
                "It stays paused, even across reboots, until 'codex-jobs resume'.\n"
                "\n"
                "Options:\n"
                COMMON_HELP,
};

const Verb verb_resume = {
        .name = "resume",
        .run = run_resume,
        .help = "codex-jobs resume [options]\n"
                "\n"
                "Resume your queue after 'codex-jobs pause'. Jobs start in the order in which they were\n"
                "submitted.\n"
                "\n"
                "Options:\n"
                COMMON_HELP,
};
