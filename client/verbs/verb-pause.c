/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs pause and resume: whether queued jobs of the caller start. */

#include "answer.h"
#include "verbs.h"
#include "write.h"

static int write_document(Invocation *in, const OwnQueue *q) {
        _cleanup_free_ char *command = q->paused ? next_command(in->client, "resume", NULL, 0, "") : NULL;
        char *next[] = { command, NULL };

        if (q->paused && !command)
                return -ENOMEM;
        return json_write(&(const JsonReply) { .queue = q, .queue_alone = true, .next = next }, &in->error);
}

static int write_lines(Invocation *in, const OwnQueue *q) {
        _cleanup_free_ char *text = NULL;
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
        r = write_stdout(text, strlen(text), &in->error);
        if (r >= 0 && q->paused)
                say("Resume with: codex-jobs resume%s", client_scope_option(in->client));
        return r;
}

static int steer(Invocation *in, const char *method) {
        OwnQueue queue = {};
        int r;

        r = call_wait(in->client, CALL_AGAIN, method, append_nothing, NULL, NULL, &in->error);
        if (r >= 0)
                r = own_queue_get(in->client, &queue, &in->error);
        if (r < 0)
                return r;
        if (in->json)
                return write_document(in, &queue);
        return in->quiet ? 0 : write_lines(in, &queue);
}

static int pause_queue(Invocation *in) {
        return steer(in, "Pause");
}

static int resume_queue(Invocation *in) {
        return steer(in, "Resume");
}

const Verb verb_pause = {
        .name = "pause",
        .arguments = "",
        .run = pause_queue,
        .summary = "Pause your queue",
        .help = "Pause your queue: new jobs are recorded but do not start, and running jobs keep running.\n"
                "It stays paused, even across reboots, until 'codex-jobs resume'.\n"
                "\n"
                "Options:\n",
};

const Verb verb_resume = {
        .name = "resume",
        .arguments = "",
        .run = resume_queue,
        .summary = "Resume your queue",
        .help = "Resume your queue after 'codex-jobs pause'. Jobs start in the order in which they were\n"
                "submitted.\n"
                "\n"
                "Options:\n",
};
