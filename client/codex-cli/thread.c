/* SPDX-License-Identifier: Apache-2.0 */

#include <json-c/json.h>

#include "answer.h"
#include "say.h"
#include "thread.h"

#define TASKS_MAX 200 /* older ones are not looked at */

bool thread_id_is_valid(const char *word) {
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (strlen(word) != strlen(form))
                return false;
        for (size_t i = 0; form[i]; i++)
                if (form[i] == '-' ? word[i] != '-' : !strchr("0123456789abcdef", word[i]))
                        return false;
        return true;
}

char *thread_of_result(const char *result) {
        json_object *document = isempty(result) ? NULL : json_tokener_parse(result), *value = NULL;
        char *thread = NULL;

        if (json_object_is_type(document, json_type_object) &&
            json_object_object_get_ex(document, "thread_id", &value) && json_object_is_type(value, json_type_string) &&
            thread_id_is_valid(json_object_get_string(value)))
                thread = strdup(json_object_get_string(value));
        (void) json_object_put(document);
        return thread;
}

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
                return error_set(error, "%s has not ended, its thread is still in use; to wait for it: codex-jobs "
                                        "await %s%s",
                                 record.id, record.id, client_scope_option(c));
        return error_set(error, "%s has no thread of Codex to go on with: leave --resume out to begin a new one.",
                         record.id);
}

int thread_find(const Common *common, const char *word, char **ret, sd_bus_error *error) {
        _cleanup_(client_freep) Client *c = NULL;
        int r;

        if (thread_id_is_valid(word)) {
                *ret = strdup(word);
                return *ret ? 0 : -ENOMEM;
        }
        r = common_connect(common, &c, error);
        if (r >= 0)
                r = thread_of_job(c, word, ret, error);
        if (r < 0)
                job_suggest(c, error);
        return r;
}

static char *newest_thread(const JobList *list) {
        uint64_t sequence = 0;
        char *thread = NULL;

        for (size_t i = 0; i < list->n; i++) {
                char *found;

                if (list->records[i].sequence <= sequence)
                        continue;
                found = thread_of_result(list->records[i].result);
                if (!found)
                        continue;
                sequence = list->records[i].sequence;
                free(thread);
                thread = found;
        }
        return thread;
}

int thread_find_last(const Common *common, const char *workspace, char **ret, sd_bus_error *error) {
        const JobFilter filter = { .ended = true, .kind = "task", .workspace = workspace, .limit = TASKS_MAX };
        _cleanup_(client_freep) Client *c = NULL;
        _cleanup_job_list_ JobList list = {};
        int r;

        r = common_connect(common, &c, error);
        if (r >= 0)
                r = job_list(c, &filter, &list, error);
        if (r < 0)
                return r;
        *ret = newest_thread(&list);
        if (!*ret)
                return error_set(error, "no task of this workspace that ended has a thread to go on with: leave "
                                        "--resume-last out to begin one.");
        return 0;
}
