/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "dict.h"
#include "job-id.h"
#include "client-internal.h"
#include "jobs.h"
#include "own-job.h"
#include "request.h"
#include "say.h"
#include "suggest.h"
#include "utf8.h"

int check_id(const char *word, sd_bus_error *error) {
        if (job_id_prefix_is_valid(word))
                return 0;
        return error_set(error, "Invalid job ID '%.48s%s'. List your jobs with 'codex-jobs status --all'.", word,
                         strlen(word) > 48 ? "…" : "");
}

int job_exit_status(const JobRecord *record) {
        switch (record->state) {
        case JOB_COMPLETED:
                return 0;
        case JOB_CANCELLED:
                return STATUS_CANCELLED;
        default:
                return record->exit_code >= 1 && record->exit_code <= 255 ? record->exit_code : 1;
        }
}

int job_get(Client *c, const char *id, JobRecord *ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = check_id(id, error);
        if (r < 0)
                return r;
        r = call_wait(c, CALL_AGAIN, "Get", append_string, (char *) id, &reply, error);
        if (r < 0)
                return r;
        return job_record_read(reply, ret);
}

/* ---- Lists ---- */

void job_list_clear(JobList *list) {
        for (size_t i = 0; i < list->n; i++)
                job_record_clear(&list->records[i]);
        free(list->records);
        *list = (JobList) {};
}

void job_list_move(JobList *from, JobList *to) {
        *to = *from;
        *from = (JobList) {};
}

const JobRecord **job_list_records(const JobList *list) {
        const JobRecord **records = calloc(list->n + 1, sizeof(JobRecord *));

        for (size_t i = 0; records && i < list->n; i++)
                records[i] = &list->records[i];
        return records;
}

bool job_list_has(const JobList *list, const char *id) {
        for (size_t i = 0; i < list->n; i++)
                if (streq(list->records[i].id, id))
                        return true;
        return false;
}

/* It may have changed between two questions. */
static void drop_those_of(JobList *list, const JobList *other) {
        size_t n = 0;

        for (size_t i = 0; i < list->n; i++)
                if (job_list_has(other, list->records[i].id))
                        job_record_clear(&list->records[i]);
                else
                        list->records[n++] = list->records[i];
        list->n = n;
}

int job_list_append(JobList *list, JobList *later) {
        JobRecord *records;

        if (later->n == 0)
                return 0;
        records = reallocarray(list->records, list->n + later->n, sizeof(JobRecord));
        if (!records)
                return -ENOMEM;
        list->records = records;
        drop_those_of(list, later);
        (void) memcpy(list->records + list->n, later->records, later->n * sizeof(JobRecord));
        list->n += later->n;
        free(later->records);
        *later = (JobList) {};
        return 0;
}

size_t job_list_own_first(JobList *list) {
        const char *session = session_here();
        size_t n = 0;

        if (!session)
                return list->n;
        for (size_t i = 0; i < list->n; i++) {
                JobRecord own = list->records[i];

                if (!streq(strempty(own.session), session))
                        continue;
                (void) memmove(list->records + n + 1, list->records + n, (i - n) * sizeof(JobRecord));
                list->records[n++] = own;
        }
        return n;
}

static int append_given_states(sd_bus_message *m, unsigned states) {
        const char *words[_JOB_STATE_MAX + 1] = {};
        size_t n = 0;
        int r;

        for (JobState state = 0; state < _JOB_STATE_MAX; state++)
                if (states & JOB_STATE_BIT(state))
                        words[n++] = job_state_to_string(state);
        r = dict_open(m, "State", "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) words);
        return r < 0 ? r : dict_close(m);
}

static int append_states(sd_bus_message *m, const JobFilter *filter) {
        if (filter->active && !filter->ended)
                return sd_bus_message_append(m, "{sv}", "State", "as", 2, "queued", "running");
        if (filter->ended && !filter->active)
                return sd_bus_message_append(m, "{sv}", "State", "as", 3, "completed", "failed", "cancelled");
        return filter->states ? append_given_states(m, filter->states) : 0;
}

int append_job_page(sd_bus_message *m, void *arguments) {
        const JobPage *page = arguments;
        const struct {
                const char *name;
                const char *value;
        } texts[] = {
                { "Kind", page->filter->kind },
                { "Workspace", page->filter->workspace },
                { "Session", page->filter->session },
                { "Before", page->before },
        };
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_states(m, page->filter);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = texts[i].value ? sd_bus_message_append(m, "{sv}", texts[i].name, "s", texts[i].value) : 0;
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_append(m, "{sv}", "Limit", "u", page->limit);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int read_one(sd_bus_message *m, void *userdata) {
        JobList *list = userdata;
        JobRecord *records;
        int r;

        records = reallocarray(list->records, list->n + 1, sizeof(JobRecord));
        if (!records)
                return -ENOMEM;
        list->records = records;
        records[list->n] = JOB_RECORD_INIT;
        r = job_record_read(m, &records[list->n]);
        if (r < 0)
                return r;
        list->n++;
        return 0;
}

int job_list_read(sd_bus_message *m, JobList *list) {
        return dict_read_list(m, read_one, list);
}

/* Whether the last of the jobs, the oldest, is older than it should be. */
static bool ends_too_old(const JobList *list, const JobFilter *filter) {
        return list->records && list->n > 0 && list->records[list->n - 1].created_usec < filter->since_usec;
}

int job_list(Client *c, const JobFilter *filter, JobList *ret, sd_bus_error *error) {
        _cleanup_job_list_ JobList list = {};
        uint64_t limit = filter->limit > 0 ? filter->limit : UINT64_MAX;
        size_t before;
        JobPage page;
        int r;

        do {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

                before = list.n;
                page = (JobPage) {
                        .filter = filter,
                        .before = list.n > 0 ? list.records[list.n - 1].id : NULL,
                        .limit = (uint32_t) MIN(limit - list.n, (uint64_t) 100),
                };
                r = call_wait(c, CALL_AGAIN, "List", append_job_page, &page, &reply, error);
                if (r < 0)
                        return r;
                r = job_list_read(reply, &list);
                if (r < 0)
                        return r;
        } while (list.n - before == page.limit && list.n < limit && !ends_too_old(&list, filter));

        while (ends_too_old(&list, filter))
                job_record_clear(&list.records[--list.n]);
        job_list_move(&list, ret);
        return 0;
}

int job_list_here(Client *c, bool active, JobList *ret, sd_bus_error *error) {
        _cleanup_free_ char *workspace = NULL;
        int r;

        r = client_remote(c) ? 0 : workspace_here(&workspace, error);
        if (r < 0)
                return r;
        return job_list(c,
                        &(const JobFilter) {
                                .active = active,
                                .ended = !active,
                                .workspace = workspace,
                                .session = active ? NULL : session_here(),
                                .limit = active ? 0 : 100,
                        },
                        ret, error);
}

/* ---- Suggesting ---- */

#define SUGGEST_JOBS 1000              /* of the newest jobs one */
#define SUGGEST_USEC (2 * USEC_PER_SEC) /* or none, so that the error is not delayed */
#define SUGGEST_LABEL 40               /* bytes of its label */

static const JobRecord *nearest(const JobList *list, const char *word) {
        Suggestion s = { .word = word };
        const JobRecord *found = NULL;

        for (size_t i = 0; i < list->n; i++) {
                suggest_id(&s, list->records[i].id);
                if (s.name == list->records[i].id)
                        found = &list->records[i];
        }
        return found;
}

/* There is no similar ID: it may be a job of the other service. */
static void explain_unknown(Client *c, const char *word, sd_bus_error *error) {
        bool system = client_is_system(c);

        sd_bus_error_free(error);
        if (client_remote(c)) {
                (void) sd_bus_error_setf(error, JOBS_ERROR_NO_SUCH_JOB,
                                         "Job %s not found on %s. List your jobs with 'codex-jobs status --all%s'.", word,
                                         client_remote(c), client_scope_option(c));
                return;
        }
        (void) sd_bus_error_setf(error, JOBS_ERROR_NO_SUCH_JOB,
                                 "Job %s not found. List your jobs with 'codex-jobs status --all%s', or those of %s "
                                 "service with 'codex-jobs status --all %s'.",
                                 word, client_scope_option(c), system ? "your own" : "the system",
                                 system ? "--user" : "--system");
}

void job_suggest(Client *c, sd_bus_error *error) {
        _cleanup_(sd_bus_error_free) sd_bus_error ignored = SD_BUS_ERROR_NULL;
        const char *word = c ? client_unknown_id(c) : NULL;
        _cleanup_free_ char *label = NULL;
        _cleanup_job_list_ JobList list = {};
        const JobRecord *found;
        const char *full;
        size_t n;

        if (!word || !sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                return;
        client_go_on(c);
        if (client_set_timeout(c, SUGGEST_USEC) < 0 ||
            job_list(c, &(const JobFilter) { .limit = SUGGEST_JOBS }, &list, &ignored) < 0)
                return;
        found = nearest(&list, word);
        if (!found) {
                explain_unknown(c, word, error);
                return;
        }
        full = strempty(found->label);
        n = utf8_truncate(full, strlen(full), SUGGEST_LABEL);
        label = utf8_make_valid(full, n);
        if (!label)
                return;
        sd_bus_error_free(error);
        (void) sd_bus_error_setf(error, JOBS_ERROR_NO_SUCH_JOB, "Job %s not found, did you mean '%s' (%s%s)?", word,
                                 found->id, label, full[n] ? "…" : "");
}

/* ---- Enqueue ---- */

static int not_known(const char *what, sd_bus_error *error) {
        sd_bus_error_free(error);
        return error_set(error,
                         "%s; the job may have been submitted. Check 'codex-jobs status' before retrying.", what);
}

/* Checks the state before calling the service, for an error with the command that waits. */
static int check_retry(Client *c, const Spec *request, sd_bus_error *error) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = job_get(c, request->retry_of, &record, error);
        if (r < 0 || job_state_is_terminal(record.state))
                return r;
        r = own_job_check(&record, error);
        if (r < 0)
                return r;
        return error_set(error, "Job %s has not finished. Wait with: codex-jobs await %s%s", record.id, record.id,
                         client_scope_option(c));
}

/* With a key, repeated calls still create only one job. */
static int ask(Client *c, Spec *request, sd_bus_message **ret, sd_bus_error *error) {
        return call_wait(c, request->key ? CALL_AGAIN : CALL_ONCE, request->retry_of ? "Retry" : "Enqueue",
                         request->retry_of ? append_retry : append_request, request, ret, error);
}

/* Our $CODEX_JOB_ID is of a job that has ended, or of another service; or the service is an older one. */
static bool is_no_parent(const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                return strstr(strempty(error->message), "option Parent");
        return error_is_unknown(error, "Parent");
}

/* What was refused, if the user did not request it: without its umask the job gets that of units. Nothing was recorded. */
static bool leave_out(Spec *request, const sd_bus_error *error) {
        if (request->umask_inherited && error_is_unknown(error, "UMask")) {
                request->limits.umask = 0;
                request->umask_inherited = false;
                return true;
        }
        if (request->parent && is_no_parent(error)) {
                free(request->parent);
                request->parent = NULL;
                return true;
        }
        return false;
}

int job_enqueue(Client *c, Spec *request, char **ret_id, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r;

        if (request->stdin_fd >= 0 && !client_passes_descriptors(c))
                return request_no_stdin(client_remote(c) ?: "the service", error);
        if (request->retry_of) {
                r = check_retry(c, request, error);
                if (r < 0)
                        return r;
        }

        r = ask(c, request, &reply, error);
        while (r < 0 && leave_out(request, error)) {
                sd_bus_error_free(error);
                r = ask(c, request, &reply, error);
        }
        if (r == -EINTR || r == -ETIMEDOUT) {
                (void) not_known("The service did not respond", error);
                return r;
        }
        if (r < 0 && sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_DISCONNECTED))
                return not_known("The service stopped before it responded", error);
        if (r < 0)
                return r;

        r = sd_bus_message_read_basic(reply, 's', &id);
        if (r < 0)
                return r;
        *ret_id = strdup(id);
        return *ret_id ? 0 : -ENOMEM;
}
