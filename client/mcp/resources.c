/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "jobs.h"
#include "next.h"
#include "output.h"
#include "page.h"
#include "render-json.h"
#include "resources.h"
#include "time-util.h"

#define SCHEME "job://"
#define LIST_MAX 20U        /* of the newest jobs */
#define OUTPUT_MAX 65536U   /* bytes of output */
#define ENDED_MS 60000U     /* how long a client may keep what a job has left */

static const char *const kinds[] = { [RESOURCE_RECORD] = "record", [RESOURCE_STDOUT] = "stdout", [RESOURCE_STDERR] = "stderr" };

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
        Exchange *exchange; /* not owned */
        char *uri;
        ResourceName name;
        OutputName output;
        JobRecord record;
        Call *call;
} Reading;

static void reading_free(void *work) {
        Reading *r = work;

        (void) call_free(r->call);
        job_record_clear(&r->record);
        free(r->uri);
        free(r);
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
        return r < 0 ? r : exchange_answer_for(reading->exchange, TAKE_PTR(result), has_ended ? ENDED_MS : 0);
}

/* The document of codex-jobs show --json. */
static int answer_record(Reading *reading) {
        const JobRecord *record = &reading->record;
        _cleanup_next_ Next next = {};
        _cleanup_free_ char *text = NULL;
        int r;

        r = next_for_job(&next, reading->exchange->mcp->client, record, NULL, NEXT_ALL);
        if (r >= 0)
                r = json_document(&(const JsonReply) { .single = true, .n = 1, .records = &record, .next = next.commands }, &text);
        return r < 0 ? r : answer_reading(reading, "application/json", text);
}

static bool failed(Reading *reading, const sd_bus_error *error) {
        if (!error)
                return false;
        if (sd_bus_error_has_name(error, JOBS_ERROR_NO_SUCH_JOB))
                resource_not_found(reading->exchange, reading->uri);
        else
                exchange_fail(reading->exchange, CODE_INTERNAL, "%s", strempty(error->message));
        return true;
}

static void on_opened(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_page_ Page page = {};
        Reading *reading = userdata;
        int r;

        if (failed(reading, error))
                return;
        r = output_take_fd(reply, &fd);
        if (r >= 0)
                r = page_read(fd, reading->name.offset, reading->name.limit, &page);
        if (r >= 0)
                r = answer_reading(reading, "text/plain", page.text);
        if (r < 0)
                exchange_fail_errno(reading->exchange, r);
}

static int open_output(Reading *reading) {
        reading->output = (OutputName) { .id = reading->name.id, .stream = kinds[reading->name.kind] };
        return call_new(reading->exchange->mcp->client, &reading->call, CALL_AGAIN, "OpenOutput", append_output,
                        &reading->output, on_opened, reading);
}

/* The record also says whether output is complete. */
static void on_got(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        Reading *reading = userdata;
        int r;

        reading->call = call_free(reading->call);
        if (failed(reading, error))
                return;
        r = job_record_read(reply, &reading->record);
        if (r >= 0)
                r = reading->name.kind == RESOURCE_RECORD ? answer_record(reading) : open_output(reading);
        if (r < 0)
                exchange_fail_errno(reading->exchange, r);
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
        *reading = (Reading) { .exchange = x, .uri = strdup(uri), .name = name, .record = JOB_RECORD_INIT };
        exchange_set_work(x, reading, reading_free);
        if (!reading->uri)
                return -ENOMEM;
        return call_new(x->mcp->client, &reading->call, CALL_AGAIN, "Get", append_string, reading->name.id, on_got, reading);
}

/* ---- resources/list ---- */

typedef struct Listing {
        Exchange *exchange; /* not owned */
        JobFilter filter;
        JobPage page;
        Call *call;
} Listing;

static void listing_free(void *work) {
        Listing *l = work;

        (void) call_free(l->call);
        free(l);
}

static int append_resource(json_object *list, const JobRecord *record) {
        json_object *resource = json_object_new_object();
        _cleanup_free_ char *uri = NULL;
        int r;

        if (asprintf(&uri, SCHEME "%s/record", record->id) < 0)
                uri = NULL;
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

static void on_listed(sd_bus_message *reply, const sd_bus_error *error, void *userdata) {
        _cleanup_json_ json_object *result = json_object_new_object();
        _cleanup_job_list_ JobList jobs = {};
        Listing *l = userdata;
        int r;

        if (error) {
                exchange_fail(l->exchange, CODE_INTERNAL, "%s", strempty(error->message));
                return;
        }
        r = result ? job_list_read(reply, &jobs) : -ENOMEM;
        if (r >= 0)
                r = fill_listing(result, &jobs);
        if (r >= 0)
                r = exchange_answer_for(l->exchange, TAKE_PTR(result), 0);
        if (r < 0)
                exchange_fail_errno(l->exchange, r);
}

int resources_list(Exchange *x, json_object *params) {
        Listing *l = malloc(sizeof(Listing));

        if (!l)
                return -ENOMEM;
        *l = (Listing) { .exchange = x, .page = { .limit = LIST_MAX } };
        l->page.filter = &l->filter;
        exchange_set_work(x, l, listing_free);
        return call_new(x->mcp->client, &l->call, CALL_AGAIN, "List", append_job_page, &l->page, on_listed, l);
}

/* ---- resources/templates/list ---- */

static int append_template(json_object *list, const char *uri, const char *name, const char *description, const char *type) {
        json_object *template = json_object_new_object();
        int r;

        r = json_append(list, template);
        if (r >= 0)
                r = json_add_string(template, "uriTemplate", uri);
        if (r >= 0)
                r = json_add_string(template, "name", name);
        if (r >= 0)
                r = json_add_string(template, "description", description);
        return r < 0 ? r : json_add_string(template, "mimeType", type);
}

int resources_templates(Exchange *x, json_object *params) {
        _cleanup_json_ json_object *result = json_object_new_object();
        json_object *list = json_object_new_array();
        int r;

        r = result ? json_add(result, "resourceTemplates", list) : -ENOMEM;
        if (r >= 0)
                r = append_template(list, SCHEME "{id}/record", "record", "All that is known about a job", "application/json");
        if (r >= 0)
                r = append_template(list, SCHEME "{id}/stdout{?offset,limit}", "stdout", "What a job wrote to standard output",
                                    "text/plain");
        if (r >= 0)
                r = append_template(list, SCHEME "{id}/stderr{?offset,limit}", "stderr", "What a job wrote to standard error",
                                    "text/plain");
        return r < 0 ? r : exchange_answer_for(x, TAKE_PTR(result), CACHE_LONG_MS);
}
