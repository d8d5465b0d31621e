/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-thread.h"
#include "next.h"
#include "text-new.h"

char *next_command(Client *c, const char *verb, const char *const *ids, size_t n, const char *option) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return NULL;
        (void) fprintf(f, "codex-jobs %s", verb);
        for (size_t i = 0; i < n; i++)
                (void) fprintf(f, " %s", ids[i]);
        (void) fprintf(f, "%s%s", option, client_scope_option(c));
        return text_stream_take(&s);
}

void next_clear(Next *next) {
        for (size_t i = 0; i < next->n; i++)
                free(next->commands[i]);
        *next = (Next) {};
}

static int add(Next *next, char *command) {
        if (!command)
                return -ENOMEM;
        next->commands[next->n++] = command;
        return 0;
}

static int add_for(Next *next, Client *c, const char *verb, const JobRecord *record, const char *option) {
        return add(next, next_command(c, verb, &(const char *) { record->id }, 1, option));
}

static int next_for_ended(Next *next, Client *c, const JobRecord *record, NextKind kind) {
        _cleanup_free_ char *thread = thread_of_result(record->result);
        bool failed = record->state != JOB_COMPLETED;
        int r = 0;

        if (kind != NEXT_SHOWN)
                r = add_for(next, c, "result", record, "");
        if (r >= 0 && failed && has_run(record))
                r = add_for(next, c, "logs", record, "");
        if (r >= 0 && (failed || kind == NEXT_ALL) && !is_prompted(record))
                r = add_for(next, c, "retry", record, "");
        if (r >= 0 && thread && streq(strempty(record->kind), "task"))
                r = add_for(next, c, "task --resume", record, "");
        return r;
}

int next_for_job(Next *next, Client *c, const JobRecord *record, const OwnQueue *queue, NextKind kind) {
        int r = 0;

        if (job_state_is_terminal(record->state))
                return next_for_ended(next, c, record, kind);
        if (queue && queue->paused && own_queue_has(record))
                r = add(next, next_command(c, "resume", NULL, 0, ""));
        else if (streq(strempty(record->wait_reason), "paused") && !streq(record->queue, JOB_QUEUE_DEFAULT))
                r = add(next, next_command(c, "resume", &(const char *) { record->queue }, 1, ""));
        if (r >= 0 && (streq(strempty(record->wait_reason), "no-queue") || streq(strempty(record->wait_reason), "configuration")))
                r = add_for(next, c, "edit --queue default", record, "");
        if (r >= 0 && record->held && record->state == JOB_QUEUED)
                r = add_for(next, c, "release", record, "");
        if (r >= 0)
                r = add_for(next, c, "await", record, "");
        if (kind != NEXT_ALL)
                return r;
        if (r >= 0 && record->state == JOB_RUNNING)
                r = add_for(next, c, "logs", record, " --follow");
        return r < 0 ? r : add_for(next, c, "cancel", record, "");
}

/* One command for all unfinished jobs: the list may be long. */
int next_for_jobs(Next *next, Client *c, const JobRecord *const *records, size_t n, const OwnQueue *queue) {
        _cleanup_free_ const char **ids = calloc(n + 1, sizeof(char *));
        size_t n_ids = 0;
        int r = 0;

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!job_state_is_terminal(records[i]->state))
                        ids[n_ids++] = records[i]->id;
        if (queue && queue->paused && queue->queued > 0)
                r = add(next, next_command(c, "resume", NULL, 0, ""));
        return r < 0 || n_ids == 0 ? r : add(next, next_command(c, "await", ids, n_ids, ""));
}
