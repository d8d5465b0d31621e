/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs show: shows all details of a job and suggested next commands. */

#include "answer.h"
#include "render.h"
#include "text-new.h"
#include "verbs.h"
#include "write.h"

typedef struct Show {
        Client *client; /* not owned */
        JobRecord record;
        OwnQueue queue;
        Next next;
} Show;

static void show_clear(Show *s) {
        next_clear(&s->next);
        job_record_clear(&s->record);
}

/* Whether it is queued and nothing starts. */
static bool is_held(const Show *s) {
        return (s->queue.paused || *s->queue.obstacle) && own_queue_has(&s->record);
}

/* ---- The story ---- */

static int put_story(FILE *f, void *userdata) {
        const Show *s = userdata;
        bool needs_root = !client_remote(s->client) && client_is_system(s->client) && geteuid() != 0; /* to read the journal of the system */
        _cleanup_free_ char *tool = client_tool(s->client, "journalctl");
        _cleanup_free_ char *journal = tool ? text_new("%s%s CODEX_JOB_ID=%s", needs_root ? "sudo " : "", tool, s->record.id) : NULL;
        JobLimits limits = {};
        int r;

        if (s->record.state == JOB_RUNNING)
                unit_limits_read(s->client, s->record.id, &limits);
        r = render_story(f, &s->record, &limits);
        if (r < 0)
                return r;
        if (!journal)
                return -ENOMEM;
        r = render_entry(f, "journal", journal);
        for (size_t i = 0; i < s->next.n && r >= 0; i++)
                r = render_entry(f, "next", s->next.commands[i]);
        return r;
}

static int run(Invocation *in) {
        _cleanup_(show_clear) Show s = { .client = in->client, .record = JOB_RECORD_INIT };
        int r;

        r = job_get(in->client, in->arguments[0], &s.record, &in->error);
        if (r >= 0)
                r = own_queue_get_if_known(in->client, &s.queue, &in->error);
        if (r >= 0)
                r = next_for_job(&s.next, in->client, &s.record, &s.queue, NEXT_ALL);
        if (r < 0)
                return r;
        if (in->json)
                return json_write(&(const JsonReply) {
                                          .single = true,
                                          .n = 1,
                                          .records = &(const JobRecord *) { &s.record },
                                          .queue = &s.queue,
                                          .next = s.next.commands,
                                  },
                                  &in->error);
        r = write_text(put_story, &s, &in->error);
        if (r >= 0 && is_held(&s) && !in->quiet)
                own_queue_say(in->client, &s.queue);
        return r;
}

const Verb verb_show = {
        .name = "show",
        .arguments = "ID",
        .min = 1,
        .max = 1,
        .run = run,
        .summary = "Show all details of a job",
        .help = "Show all details of a job: its user, directory, limits and times, how and why it finished,\n"
                "its resource usage and result, and suggested next commands.\n"
                "\n"
                "Options:\n",
};
