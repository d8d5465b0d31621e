/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs remove: deletes finished jobs and their output. */

#include "answer.h"
#include "bus-names.h"
#include "verbs.h"
#include "write.h"

/* Reads the records of the given jobs, each once. */
static int find_jobs(Invocation *in, JobList *list) {
        list->records = calloc(in->n_arguments, sizeof(JobRecord));
        if (!list->records)
                return -ENOMEM;
        for (size_t i = 0; i < in->n_arguments; i++) {
                _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
                int r;

                r = job_get(in->client, in->arguments[i], &record, &in->error);
                if (r < 0)
                        return r;
                if (!job_list_has(list, record.id))
                        list->records[list->n++] = job_record_take(&record);
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
static int remove_jobs(Invocation *in, JobList *list) {
        for (size_t i = 0; i < list->n; i++) {
                const char *id = list->records[i].id;

                if (!job_state_is_terminal(list->records[i].state))
                        return error_set(&in->error, "Job %s has not finished, no jobs were removed. Cancel it with: "
                                                     "codex-jobs cancel %s%s",
                                         id, id, client_scope_option(in->client));
        }
        return call_wait(in->client, CALL_ONCE, "Remove", append_ids, list, NULL, &in->error);
}

static int put_lines(FILE *f, void *userdata) {
        const JobList *list = userdata;

        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "Removed %s and its output\n", list->records[i].id);
        return 0;
}

static int show(Invocation *in, JobList *list) {
        _cleanup_free_ const JobRecord **records = job_list_records(list);

        if (!records)
                return -ENOMEM;
        if (in->json)
                return json_write(&(const JsonReply) { .single = list->n == 1, .n = list->n, .records = records },
                                  &in->error);
        return in->quiet ? 0 : write_text(put_lines, list, &in->error);
}

static int check(Invocation *in) {
        if (in->n_arguments > JOB_IDS_MAX)
                return usage_error(in->verb, "Too many job IDs: at most %u can be removed at once", JOB_IDS_MAX);
        return 0;
}

static int run(Invocation *in) {
        _cleanup_job_list_ JobList list = {};
        int r;

        r = find_jobs(in, &list);
        if (r >= 0)
                r = remove_jobs(in, &list);
        return r < 0 ? r : show(in, &list);
}

const Verb verb_remove = {
        .name = "remove",
        .alias = "rm",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = run,
        .summary = "Delete finished jobs and their output",
        .help = "Delete finished jobs and their output. If one of them cannot be removed, none is. IDs may\n"
                "be abbreviated. Old jobs are removed automatically.\n"
                "\n"
                "Alias: rm\n"
                "\n"
                "Options:\n",
};
