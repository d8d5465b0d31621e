/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "jobs.h"
#include "next.h"
#include "output.h"
#include "page.h"
#include "render-json.h"
#include "resources.h"
#include "text-new.h"
#include "time-util.h"
#include "work.h"

#define SCHEME "job://"
#define LIST_MAX 20U        /* of the newest jobs */
#define OUTPUT_MAX 65536U   /* bytes of output */
#define ENDED_MS 60000U     /* how long a client may keep what a job has left */

static const char *const kinds[] = {
        [RESOURCE_RECORD] = "record",
        [RESOURCE_STDOUT] = "stdout",
        [RESOURCE_STDERR] = "stderr",
};

/* ---- Names ---- */

static bool kind_read(const char *text, size_t n, ResourceKind *ret) {
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strlen(kinds[i]) == n && strncmp(kinds[i], text, n) == 0) {
                        *ret = (ResourceKind) i;
                        return true;
                }
        return false;
}

/* "?offset=N&limit=N", in any order. */
static bool query_read(const char *text, ResourceName *name) {
        while (*text) {
                bool is_offset = startswith(text + 1, "offset=");
                const char *value = startswith(text + 1, "offset=") ?: startswith(text + 1, "limit=");
                char number[24];
                size_t n;
                uint64_t u;

                if (!strchr("?&", *text) || !value)
                        return false;
                n = strcspn(value, "&");
                if (n >= sizeof(number))
                        return false;
                (void) memcpy(number, value, n);
                number[n] = 0;
                if (parse_u64(number, &u) < 0 || u > INT64_MAX || (!is_offset && (u == 0 || u > OUTPUT_MAX)))
                        return false;
                if (is_offset)
                        name->offset = u;
                else
                        name->limit = (size_t) u;
                text = value + n;
        }
        return true;
}

bool resource_name_read(const char *uri, ResourceName *ret) {
        const char *id = startswith(uri, SCHEME), *slash = id ? strchr(id, '/') : NULL;
        ResourceName name = { .offset = PAGE_TAIL, .limit = OUTPUT_MAX };
        size_t n;

        if (!slash || (size_t) (slash - id) > JOB_ID_MAX)
                return false;
        (void) memcpy(name.id, id, (size_t) (slash - id));
        name.id[slash - id] = 0;
        n = strcspn(slash + 1, "?");
        if (!job_id_is_valid(name.id) || !kind_read(slash + 1, n, &name.kind))
                return false;
        if (name.kind == RESOURCE_RECORD ? slash[1 + n] != 0 : !query_read(slash + 1 + n, &name))
                return false;
        *ret = name;
        return true;
}

void resource_not_found(Exchange *x, const char *uri) {
        json_object *data = json_object_new_object();

        if (data && json_add_string(data, "uri", uri) < 0) {
                (void) json_object_put(data);
                data = NULL;
        }
        exchange_fail_with(x, x->modern ? CODE_PARAMS : CODE_NO_RESOURCE, data, "Resource not found");
}

/* ---- resources/read ---- */

typedef struct Reading {
        Work work;
        char *uri;
        ResourceName name;
        OutputName output;
        JobRecord record;
} Reading;

static void reading_clear(Work *work) {
        Reading *reading = (Reading *) work;

        job_record_clear(&reading->record);
        free(reading->uri);
}

static int add_content(json_object *result, const Reading *reading, const char *type, const char *text) {
        json_object *contents = json_object_new_array(), *content = NULL;
        int r;

        r = json_add(result, "contents", contents);
        if (r >= 0)
                r = json_append(contents, content = json_object_new_object());
        if (r >= 0)
                r = json_add_string(content, "uri", reading->uri);
        if (r >= 0)
                r = json_add_string(content, "mimeType", type);
        return r < 0 ? r : json_add_string(content, "text", text);
}

static int answer_reading(Reading *reading, const char *type, const char *text) {
        _cleanup_json_ json_object *result = json_object_new_object();
        bool has_ended = job_state_is_terminal(reading->record.state);
        int r;

        r = result ? add_content(result, reading, type, text) : -ENOMEM;
        return r < 0 ? r : exchange_answer_for(reading->work.exchange, TAKE_PTR(result), has_ended ? ENDED_MS : 0);
}

/* The document of codex-jobs show --json. */
static int answer_record(Reading *reading) {
        const JobRecord *record = &reading->record;
        JsonReply reply = { .single = true, .n = 1, .records = &record };
        _cleanup_next_ Next next = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = next_for_job(&next, reading->work.exchange->mcp->client, record, NULL, NEXT_ALL);
        if (r < 0)
                return r;
        reply.next = next.commands;
        r = json_document(&reply, &text);
        return r < 0 ? r : answer_reading(reading, "application/json", text);
}

static int opened(Work *work, sd_bus_message *reply) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_page_ Page page = {};
        Reading *reading = (Reading *) work;
        int r;

        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = page_read(fd, reading->name.offset, reading->name.limit, &page);
        return r < 0 ? r : answer_reading(reading, "text/plain", page.text);
}

/* The record also says whether output is complete. */
static int got(Work *work, sd_bus_message *reply) {
        Reading *reading = (Reading *) work;
        int r;

        r = job_record_read(reply, &reading->record);
        if (r < 0)
                return r;
        if (reading->name.kind == RESOURCE_RECORD)
                return answer_record(reading);
        reading->output = (OutputName) { .id = reading->name.id, .stream = kinds[reading->name.kind] };
        return work_call(work, CALL_AGAIN, "OpenOutput", append_output, &reading->output, opened);
}

static void fail(Work *work, const sd_bus_error *error) {
        exchange_fail(work->exchange, CODE_INTERNAL, "%s", strempty(error->message));
}

static void refused(Work *work, const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                resource_not_found(work->exchange, ((Reading *) work)->uri);
        else
                fail(work, error);
}

int resources_read(Exchange *x, json_object *params) {
        const char *uri = json_text(params, "uri");
        ResourceName name;
        Reading *reading;

        if (!uri) {
                exchange_fail(x, CODE_PARAMS, "Missing uri");
                return 0;
        }
        if (!resource_name_read(uri, &name)) {
                resource_not_found(x, uri);
                return 0;
        }
        reading = malloc(sizeof(Reading));
        if (!reading)
                return -ENOMEM;
        *reading = (Reading) {
                .work = { .exchange = x, .refused = refused, .clear = reading_clear },
                .uri = strdup(uri),
                .name = name,
                .record = JOB_RECORD_INIT,
        };
        work_set(&reading->work);
        if (!reading->uri)
                return -ENOMEM;
        return work_call(&reading->work, CALL_AGAIN, "Get", append_string, reading->name.id, got);
}

/* ---- resources/list ---- */

typedef struct Listing {
        Work work;
        JobFilter filter;
        JobPage page;
} Listing;

static int append_resource(json_object *list, const JobRecord *record) {
        json_object *resource = json_object_new_object();
        _cleanup_free_ char *uri = text_new(SCHEME "%s/record", record->id);
        int r;

        r = json_append(list, resource);
        if (r >= 0 && !uri)
                r = -ENOMEM;
        if (r >= 0)
                r = json_add_string(resource, "uri", uri);
        if (r >= 0)
                r = json_add_string(resource, "name", record->id);
        if (r >= 0 && !isempty(record->label))
                r = json_add_clean_line(resource, "title", record->label);
        if (r >= 0)
                r = json_add_string(resource, "description", job_state_to_string(record->state));
        return r < 0 ? r : json_add_string(resource, "mimeType", "application/json");
}

static int fill_listing(json_object *result, const JobList *jobs) {
        json_object *list = json_object_new_array();
        int r;

        r = json_add(result, "resources", list);
        for (size_t i = 0; i < jobs->n && r >= 0; i++)
                r = append_resource(list, &jobs->records[i]);
        return r;
}

static int listed(Work *work, sd_bus_message *reply) {
        _cleanup_json_ json_object *result = json_object_new_object();
        _cleanup_job_list_ JobList jobs = {};
        int r;

        r = result ? job_list_read(reply, &jobs) : -ENOMEM;
        if (r >= 0)
                r = fill_listing(result, &jobs);
        return r < 0 ? r : exchange_answer_for(work->exchange, TAKE_PTR(result), 0);
}

int resources_list(Exchange *x, json_object *params) {
        Listing *l = malloc(sizeof(Listing));

        if (!l)
                return -ENOMEM;
        *l = (Listing) { .work = { .exchange = x, .refused = fail }, .page = { .limit = LIST_MAX } };
        l->page.filter = &l->filter;
        work_set(&l->work);
        return work_call(&l->work, CALL_AGAIN, "List", append_job_page, &l->page, listed);
}

/* ---- resources/templates/list ---- */

static int append_template(json_object *list, const char *kind, const char *query, const char *description,
                           const char *type) {
        json_object *template = json_object_new_object();
        _cleanup_free_ char *uri = text_new(SCHEME "{id}/%s%s", kind, query);
        int r;

        r = json_append(list, template);
        if (r >= 0)
                r = uri ? json_add_string(template, "uriTemplate", uri) : -ENOMEM;
        if (r >= 0)
                r = json_add_string(template, "name", kind);
        if (r >= 0)
                r = json_add_string(template, "description", description);
        return r < 0 ? r : json_add_string(template, "mimeType", type);
}

static int append_stream(json_object *list, const char *kind, const char *description) {
        return append_template(list, kind, "{?offset,limit}", description, "text/plain");
}

int resources_templates(Exchange *x, json_object *params) {
        _cleanup_json_ json_object *result = json_object_new_object();
        json_object *list = json_object_new_array();
        int r;

        r = result ? json_add(result, "resourceTemplates", list) : -ENOMEM;
        if (r >= 0)
                r = append_template(list, "record", "", "All that is known about a job", "application/json");
        if (r >= 0)
                r = append_stream(list, "stdout", "What a job wrote to standard output");
        if (r >= 0)
                r = append_stream(list, "stderr", "What a job wrote to standard error");
        return r < 0 ? r : exchange_answer_for(x, TAKE_PTR(result), CACHE_LONG_MS);
}
