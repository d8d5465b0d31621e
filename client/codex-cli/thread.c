/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "job-thread.h"
#include "say.h"
#include "thread.h"

#define TASKS_MAX 200 /* older ones are not looked at */

static int thread_of_job(Client *c, const char *id, char **ret, sd_bus_error *error) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(c, id, &record, error);
        if (r < 0)
                return r;
        *ret = thread_of_result(record.result);
        if (*ret)
                return 0;
        if (!job_state_is_terminal(record.state))
                return error_set(error, "Job %s has not finished, its thread is in use. Wait with: codex-jobs await "
                                        "%s%s",
                                 record.id, record.id, client_scope_option(c));
        return error_set(error, "Job %s has no Codex thread to resume. Omit --resume to start a new one.", record.id);
}

int thread_find(Client *c, const char *word, char **ret, sd_bus_error *error) {
        if (!thread_id_is_valid(word))
                return thread_of_job(c, word, ret, error);
        *ret = strdup(word);
        return *ret ? 0 : -ENOMEM;
}

/* The last finished task that has a thread. */
static JobRecord *newest_with_thread(const JobList *list) {
        JobRecord *newest = NULL;

        for (size_t i = 0; i < list->n; i++) {
                JobRecord *record = &list->records[i];
                _cleanup_free_ char *thread = NULL;

                if (newest && record->sequence <= newest->sequence)
                        continue;
                thread = thread_of_result(record->result);
                if (thread)
                        newest = record;
        }
        return newest;
}

static int list_tasks(Client *c, const char *workspace, const char *session, bool active, JobList *ret,
                      sd_bus_error *error) {
        return job_list(c,
                        &(const JobFilter) {
                                .active = active,
                                .ended = !active,
                                .kind = "task",
                                .workspace = workspace,
                                .session = session,
                                .limit = TASKS_MAX,
                        },
                        ret, error);
}

/* Two Codex at work on one thread, or on one piece of work, would be in each other's way. */
static int check_none_active(Client *c, const char *workspace, sd_bus_error *error) {
        _cleanup_job_list_ JobList list = {};
        int r;

        r = list_tasks(c, workspace, session_here(), true, &list, error);
        if (r < 0 || list.n == 0)
                return r;
        return error_set(error, "%s is still running: wait for it with 'codex-jobs await %s%s' before continuing it.",
                         list.records[0].id, list.records[0].id, client_scope_option(c));
}

/* Another session's thread is continued by name only. */
static int none_of_session(Client *c, const char *workspace, sd_bus_error *error) {
        _cleanup_job_list_ JobList list = {};
        const JobRecord *other;
        int r;

        r = list_tasks(c, workspace, NULL, false, &list, error);
        if (r < 0)
                return r;
        other = newest_with_thread(&list);
        if (!other)
                return error_set(error, "No finished task of this workspace has a thread to continue. Omit "
                                        "--resume to start one.");
        return error_set(error, "No finished task of this session has a thread to continue. To continue the last one of "
                                "this workspace, use --resume %s.",
                         other->id);
}

int thread_find_last_job(Client *c, const char *workspace, JobRecord *ret, sd_bus_error *error) {
        _cleanup_job_list_ JobList list = {};
        JobRecord *newest;
        int r;

        r = check_none_active(c, workspace, error);
        if (r >= 0)
                r = list_tasks(c, workspace, session_here(), false, &list, error);
        if (r < 0)
                return r;
        newest = newest_with_thread(&list);
        if (!newest)
                return none_of_session(c, workspace, error);
        *ret = *newest;
        *newest = JOB_RECORD_INIT;
        return 0;
}

int thread_find_last(Client *c, const char *workspace, char **ret, sd_bus_error *error) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = thread_find_last_job(c, workspace, &record, error);
        if (r < 0)
                return r;
        *ret = thread_of_result(record.result);
        return *ret ? 0 : -ENOMEM;
}
