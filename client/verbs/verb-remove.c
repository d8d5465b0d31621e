/* SPDX-License-Identifier: Apache-2.0 */

/* codex-jobs remove: forgets jobs that ended, and deletes what they wrote. */

#include "answer.h"
#include "bus-names.h"
#include "say.h"
#include "verbs.h"
#include "write.h"

typedef struct Remove {
        const Common *common;
        Client *client;
        JobList list; /* as they were */
        sd_bus_error error;
} Remove;

static void remove_clear(Remove *s) {
        (void) client_free(s->client);
        job_list_clear(&s->list);
        sd_bus_error_free(&s->error);
}

static bool is_listed(const JobList *list, const char *id) {
        for (size_t i = 0; i < list->n; i++)
                if (streq(list->records[i].id, id))
                        return true;
        return false;
}

static int find_jobs(Remove *s, char *const *ids, size_t n) {
        s->list.records = calloc(n, sizeof(JobRecord));
        if (!s->list.records)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
                int r;

                r = job_get(s->client, ids[i], &record, &s->error);
                if (r < 0)
                        return r;
                if (!is_listed(&s->list, record.id))
                        s->list.records[s->list.n++] = job_record_take(&record);
        }
        return 0;
}

static int append_ids(sd_bus_message *m, void *userdata) {
        const JobList *list = userdata;
        int r;

        r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; i < list->n && r >= 0; i++)
                r = sd_bus_message_append_basic(m, 's', list->records[i].id);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* All of them or none. Not asked for twice: they would be unknown then. */
static int remove_jobs(Remove *s) {
        for (size_t i = 0; i < s->list.n; i++) {
                const char *id = s->list.records[i].id;

                if (!job_state_is_terminal(s->list.records[i].state))
                        return error_set(&s->error, "Job %s has not finished, no jobs were removed. Cancel it with: "
                                                    "codex-jobs cancel %s%s",
                                         id, id, client_scope_option(s->client));
        }
        return call_wait(s->client, CALL_ONCE, "Remove", append_ids, &s->list, NULL, &s->error);
}

static int write_lines(Remove *s) {
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < s->list.n; i++)
                (void) fprintf(f, "Removed %s and its output\n", s->list.records[i].id);
        if (fclose(TAKE_PTR(f)) != 0)
                return -ENOMEM;
        return write_stdout(text, size, &s->error);
}

static int show(Remove *s) {
        _cleanup_free_ const JobRecord **records = calloc(s->list.n, sizeof(JobRecord *));

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < s->list.n; i++)
                records[i] = &s->list.records[i];
        if (s->common->json)
                return json_write(&(const JsonReply) { .single = s->list.n == 1, .n = s->list.n, .records = records },
                                  &s->error);
        return s->common->quiet ? 0 : write_lines(s);
}

static int remove_all(Remove *s, char *const *ids, size_t n) {
        int r;

        r = common_connect(s->common, &s->client, &s->error);
        if (r >= 0)
                r = find_jobs(s, ids, n);
        if (r >= 0)
                r = remove_jobs(s);
        return r < 0 ? r : show(s);
}

static int run(int argc, char *argv[], Common *common) {
        static const struct option options[] = { COMMON_OPTIONS, {} };
        _cleanup_(remove_clear) Remove s = { .common = common };
        int option, r;

        r = option_next(&verb_remove, common, argc, argv, ":" COMMON_LETTERS, options, &option);
        if (r < 0)
                return option;
        if (optind >= argc)
                return usage_error(&verb_remove, "No job ID given, see 'codex-jobs status'");
        if ((size_t) (argc - optind) > JOB_IDS_MAX)
                return usage_error(&verb_remove, "Too many job IDs: at most %u can be removed at once", JOB_IDS_MAX);
        r = remove_all(&s, argv + optind, (size_t) (argc - optind));
        return r < 0 ? answer_failure(s.client, &s.error, r, NULL, 0) : 0;
}

const Verb verb_remove = {
        .name = "remove",
        .alias = "rm",
        .run = run,
        .help = "codex-jobs remove [options] ID…\n"
                "\n"
                "Delete finished jobs and their output. If one of them cannot be removed, none is. IDs may\n"
                "be abbreviated. Old jobs are removed automatically.\n"
                "\n"
                "Alias: rm\n"
                "\n"
                "Options:\n"
                COMMON_HELP,
};
