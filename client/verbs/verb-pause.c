/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs pause and resume: whether queued jobs of the caller start. */

#include "answer.h"
#include "text-new.h"
#include "verbs.h"
#include "write.h"

static int write_document(Invocation *in, const OwnQueue *q) {
        _cleanup_free_ char *command = q->paused ? next_command(in->client, "resume", (const char *const *) in->arguments,
                                                                in->n_arguments, "") : NULL;
        char *next[] = { command, NULL };

        if (q->paused && !command)
                return -ENOMEM;
        return json_write(&(const JsonReply) { .queue = q, .queue_alone = true, .next = next }, &in->error);
}

static int write_lines(Invocation *in, const OwnQueue *q) {
        const char *name = in->n_arguments > 0 ? q->name : "", *blank = in->n_arguments > 0 ? " " : "";
        _cleanup_free_ char *text = NULL;
        int r;

        if (q->paused)
                text = text_new("Queue%s%s paused: %u queued, %u still running.\n", blank, name, q->queued, q->running);
        else
                text = text_new("Queue%s%s resumed: %u queued, %u of at most %u running.\n", blank, name, q->queued,
                                q->running, q->max_running);
        if (!text)
                return -ENOMEM;
        r = write_stdout(text, strlen(text), &in->error);
        if (r >= 0 && q->paused)
                say("Resume with: codex-jobs resume%s%s%s", blank, name, client_scope_option(in->client));
        return r;
}

static int check(Invocation *in) {
        return in->n_arguments > 0 ? check_queue_name(in->verb, in->arguments[0]) : 0;
}

/* Services of older versions have only one queue, and methods without a name. */
static int call(Invocation *in, bool pause, OwnQueue *ret) {
        const char *name = in->n_arguments > 0 ? in->arguments[0] : JOB_QUEUE_DEFAULT;
        int r;

        if (streq(name, JOB_QUEUE_DEFAULT)) {
                r = call_wait(in->client, CALL_AGAIN, pause ? "Pause" : "Resume", append_nothing, NULL, NULL, &in->error);
                return r < 0 ? r : own_queue_get(in->client, ret, &in->error);
        }
        r = call_wait(in->client, CALL_AGAIN, pause ? "PauseQueue" : "ResumeQueue", append_string, (char *) name, NULL,
                      &in->error);
        return r < 0 ? r : own_queue_get_named(in->client, name, ret, &in->error);
}

static int control(Invocation *in, bool pause) {
        OwnQueue queue = {};
        int r;

        r = call(in, pause, &queue);
        if (r < 0)
                return r;
        if (in->json)
                return write_document(in, &queue);
        return in->quiet ? 0 : write_lines(in, &queue);
}

static int pause_queue(Invocation *in) {
        return control(in, true);
}

static int resume_queue(Invocation *in) {
        return control(in, false);
}

const Verb verb_pause = {
        .name = "pause",
        .arguments = "[QUEUE]",
        .max = 1,
        .surplus = "'pause' takes one queue",
        .check = check,
        .run = pause_queue,
        .summary = "Pause a queue",
        .help = "Pause a queue of yours, by default the queue default: new jobs are recorded but do not\n"
                "start, and running jobs keep running. It stays paused, even across reboots, until\n"
                "'codex-jobs resume'.\n"
                "\n"
                "Options:\n",
};

const Verb verb_resume = {
        .name = "resume",
        .arguments = "[QUEUE]",
        .max = 1,
        .surplus = "'resume' takes one queue",
        .check = check,
        .run = resume_queue,
        .summary = "Resume a queue",
        .help = "Resume a queue after 'codex-jobs pause', by default the queue default. Jobs start in the\n"
                "order in which they were submitted.\n"
                "\n"
                "Options:\n",
};
