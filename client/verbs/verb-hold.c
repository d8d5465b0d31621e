/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* codex-jobs hold and release: whether single queued jobs of the caller may start. */

#include "answer.h"
#include "verbs.h"
#include "write.h"

/* As they are afterwards. */
static int find_jobs(Invocation *in, JobList *list) {
        list->records = calloc(in->n_arguments, sizeof(JobRecord));
        if (!list->records)
                return -ENOMEM;
        for (; list->n < in->n_arguments; list->n++) {
                int r;

                list->records[list->n] = JOB_RECORD_INIT;
                r = job_get(in->client, in->arguments[list->n], &list->records[list->n], &in->error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int put_lines(FILE *f, void *userdata) {
        const JobList *list = userdata;

        for (size_t i = 0; i < list->n; i++)
                (void) fprintf(f, "%s %s\n", list->records[i].id, list->records[i].held ? "held" : "released");
        return 0;
}

static int show(Invocation *in, JobList *list) {
        _cleanup_free_ const JobRecord **records = job_list_records(list);

        if (!records)
                return -ENOMEM;
        if (in->json)
                return answer_json(in->client, records, NULL, list->n, list->n == 1, NEXT_ALL, &in->error);
        return in->quiet ? 0 : write_text(put_lines, list, &in->error);
}

/* All of them are looked up first, so that a mistake changes none. */
static int steer(Invocation *in, const char *method) {
        _cleanup_job_list_ JobList before = {}, after = {};
        int r;

        r = find_jobs(in, &before);
        for (size_t i = 0; i < before.n && r >= 0; i++)
                r = call_wait(in->client, CALL_AGAIN, method, append_string, before.records[i].id, NULL, &in->error);
        if (r >= 0)
                r = find_jobs(in, &after);
        return r < 0 ? r : show(in, &after);
}

static int check(Invocation *in) {
        int r = 0;

        for (size_t i = 0; i < in->n_arguments && r >= 0; i++)
                r = check_id(in->arguments[i], &in->error);
        return r;
}

static int hold(Invocation *in) {
        return steer(in, "Hold");
}

static int release(Invocation *in) {
        return steer(in, "Release");
}

const Verb verb_hold = {
        .name = "hold",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = hold,
        .summary = "Keep queued jobs from starting",
        .help = "Keep queued jobs from starting until 'codex-jobs release', even across reboots. To hold a\n"
                "job from the beginning, submit it with --hold.\n"
                "\n"
                "Options:\n",
};

const Verb verb_release = {
        .name = "release",
        .arguments = "ID…",
        .min = 1,
        .max = ARGUMENTS_ANY,
        .check = check,
        .run = release,
        .summary = "Let held jobs start",
        .help = "Release jobs that are held: they start when it is their turn.\n"
                "\n"
                "Options:\n",
};
