/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs show: shows all details of a job and suggested next commands. */

#include "answer.h"
#include "render.h"
#include "say.h"
#include "verbs.h"
#include "write.h"

typedef struct Show {
        const Common *common;
        Client *client;
        JobRecord record;
        OwnQueue queue;
        Next next;
        sd_bus_error error;
} Show;

static void show_clear(Show *s) {
        next_clear(&s->next);
        (void) client_free(s->client);
        job_record_clear(&s->record);
        sd_bus_error_free(&s->error);
}

/* Whether it does not begin because its user has said so. */
static bool is_held(const Show *s) {
        return s->queue.paused && own_queue_has(&s->record);
}

/* ---- The story ---- */

static int put_story(Show *s, FILE *f) {
        bool needs_root = client_is_system(s->client) && geteuid() != 0; /* to read the journal of the system */
        _cleanup_free_ char *journal = NULL;
        UnitLimits limits = UNIT_LIMITS_NONE;
        int r;

        if (s->record.state == JOB_RUNNING)
                unit_limits_read(s->client, s->record.id, &limits);
        r = render_story(f, &s->record, &limits);
        if (r < 0)
                return r;
        if (asprintf(&journal, "%sjournalctl%s CODEX_JOB_ID=%s", needs_root ? "sudo " : "",
                     client_is_system(s->client) ? "" : " --user", s->record.id) < 0) {
                journal = NULL;
                return -ENOMEM;
        }
        r = render_entry(f, "journal", journal);
        for (size_t i = 0; i < s->next.n && r >= 0; i++)
                r = render_entry(f, "next", s->next.commands[i]);
        return r;
}

static int show_text(Show *s) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        r = put_story(s, f);
        if (r < 0)
                return r;
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        r = write_stdout(text, size, &s->error);
        if (r >= 0 && is_held(s) && !s->common->quiet)
                own_queue_say(s->client, &s->queue);
        return r;
}

static int show(Show *s, const char *id) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r >= 0)
                r = job_get(s->client, id, &s->record, &s->error);
        if (r >= 0)
                r = own_queue_get_if_known(s->client, &s->queue, &s->error);
        if (r >= 0)
                r = next_for_job(&s->next, s->client, &s->record, &s->queue, NEXT_ALL);
        if (r < 0)
                return r;
        if (!s->common->json)
                return show_text(s);
        return json_write(&(const JsonReply) {
                                  .single = true,
                                  .n = 1,
                                  .records = &(const JobRecord *) { &s->record },
                                  .queue = &s->queue,
                                  .next = s->next.commands,
                          },
                          &s->error);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = { COMMON_OPTIONS, {} };
        _cleanup_(show_clear) Show s = { .common = common, .record = JOB_RECORD_INIT };
        int option, r;

        r = option_next(&verb_show, common, argc, argv, ":" COMMON_LETTERS, options, &option);
        if (r < 0)
                return option;
        if (optind >= argc)
                return usage_error(&verb_show, "No job ID given, see 'codex-jobs list'");
        if (argc - optind > 1)
                return usage_error(&verb_show, "'show' takes one job ID, not %d", argc - optind);
        r = show(&s, argv[optind]);
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : 0;
}

const Verb verb_show = {
        .name = "show",
        .run = run,
        .help = "codex-jobs show [options] ID\n"
                "\n"
                "Show all details of a job: its user, directory, limits and times, how and why it finished,\n"
                "its resource usage and result, and suggested next commands.\n"
                "\n"
                "Options:\n"
                COMMON_HELP,
};
