/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A request as the arguments of Enqueue, Retry or Edit. D-Bus strings must be UTF-8; other strings are sent as bytes. */

#include "dict.h"
#include "request.h"
#include "resource-limits.h"
#include "utf8.h"

static bool all_valid(char *const *strings) {
        for (char *const *s = strings; *s; s++)
                if (!utf8_is_valid(*s, strlen(*s)))
                        return false;
        return true;
}

static int append_bytes(sd_bus_message *m, const char *s) {
        return sd_bus_message_append_array(m, 'y', s, strlen(s));
}

static int append_byte_strings(sd_bus_message *m, char *const *strings) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "ay");
        if (r < 0)
                return r;
        for (char *const *s = strings; *s; s++) {
                r = append_bytes(m, *s);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

static int append_strings_entry(sd_bus_message *m, const char *name, char *const *strings, bool as_bytes) {
        int r;

        r = dict_open(m, name, as_bytes ? "aay" : "as");
        if (r < 0)
                return r;
        if (as_bytes)
                r = append_byte_strings(m, strings);
        else
                r = sd_bus_message_append_strv(m, (char **) strings);
        if (r < 0)
                return r;
        return dict_close(m);
}

static int append_path_entry(sd_bus_message *m, const char *name, const char *path) {
        int r;

        if (utf8_is_valid(path, strlen(path)))
                return sd_bus_message_append(m, "{sv}", name, "s", path);
        r = dict_open(m, name, "ay");
        if (r < 0)
                return r;
        r = append_bytes(m, path);
        if (r < 0)
                return r;
        return dict_close(m);
}

static int append_text_entry(sd_bus_message *m, const char *name, const char *text) {
        _cleanup_free_ char *valid = NULL;

        if (isempty(text))
                return 0;
        valid = utf8_make_valid(text, strlen(text));
        return valid ? sd_bus_message_append(m, "{sv}", name, "s", valid) : -ENOMEM;
}

static int append_resources_entry(sd_bus_message *m, const char *name, const char *text) {
        ResourceValues values;
        int r;

        if (isempty(text))
                return 0;
        resource_values_parse(text, &values);
        r = dict_open(m, name, "a{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; i < RESOURCE_LIMITS_N && r >= 0; i++)
                if (values.given & UINT64_C(1) << i)
                        r = sd_bus_message_append(m, "{sv}", resource_limits[i].name, "t", values.values[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

/* An empty list is a change. */
static int append_dependencies(sd_bus_message *m, const char *name, const char *after) {
        int r;

        if (!after)
                return 0;
        r = dict_open(m, name, "a(ss)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (const char *p = after; *p && r >= 0; p += strcspn(p, " "), p += strspn(p, " ")) {
                _cleanup_free_ char *id = strndup(p, strcspn(p, ":"));
                const char *word = p + strcspn(p, ":") + 1;
                _cleanup_free_ char *condition = strndup(word, strcspn(word, " "));

                r = id && condition ? sd_bus_message_append(m, "(ss)", id, condition) : -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

static int append_words(sd_bus_message *m, const char *name, const char *words) {
        int r;

        if (isempty(words))
                return 0;
        r = dict_open(m, name, "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (const char *p = words; *p && r >= 0; p += strcspn(p, " "), p += strspn(p, " ")) {
                _cleanup_free_ char *word = strndup(p, strcspn(p, " "));

                r = word ? sd_bus_message_append_basic(m, 's', word) : -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : dict_close(m);
}

static int append_option(sd_bus_message *m, Spec *q, const JobOption *o, bool argv_as_bytes) {
        switch (o->kind) {
        case OPTION_COMMAND:
                return argv_as_bytes ? append_strings_entry(m, o->name, q->argv, true) : 0;
        case OPTION_ENVIRONMENT:
                return append_strings_entry(m, o->name, q->environment, !all_valid(q->environment));
        case OPTION_DIRECTORY:
                return q->directory ? append_path_entry(m, o->name, q->directory) : 0;
        case OPTION_WORD:
                return append_text_entry(m, o->name, q->kind);
        case OPTION_MEMFD:
                return q->stdin_fd >= 0 ? sd_bus_message_append(m, "{sv}", o->name, "h", q->stdin_fd) : 0;
        case OPTION_CHOICE:
                return q->notify >= 0 ? sd_bus_message_append(m, "{sv}", o->name, "b", q->notify) : 0;
        case OPTION_RESOURCES:
                return append_resources_entry(m, o->name, q->resource_limits);
        case OPTION_SWITCH:
                return *(int *) ((char *) q + o->offset) ? sd_bus_message_append(m, "{sv}", o->name, "b", true) : 0;
        case OPTION_INTEGER:
                return q->priority != JOB_PRIORITY_NONE ? sd_bus_message_append(m, "{sv}", o->name, "i", q->priority) : 0;
        case OPTION_COUNT:
                return q->retries != JOB_RETRIES_NONE ? sd_bus_message_append(m, "{sv}", o->name, "u", q->retries) : 0;
        case OPTION_SPAN:
                return q->retry_delay_usec != JOB_RETRY_DELAY_NONE ? sd_bus_message_append(m, "{sv}", o->name, "t", q->retry_delay_usec) : 0;
        case OPTION_REASONS:
                return append_words(m, o->name, q->retry_on);
        case OPTION_MOMENT:
                return q->not_before_usec > 0 ? sd_bus_message_append(m, "{sv}", o->name, "t", q->not_before_usec) : 0;
        case OPTION_DEPENDENCIES:
                return append_dependencies(m, o->name, q->after);
        default:
                return append_text_entry(m, o->name, *job_option_text(q, o));
        }
}

/* Those that Retry takes, or all. */
static int append_options(sd_bus_message *m, Spec *q, bool retry, bool argv_as_bytes) {
        int r = 0;

        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N && r >= 0; o++)
                if (!retry || o->is_for_retry)
                        r = append_option(m, q, o, argv_as_bytes);
        return r;
}

static int append_limit(sd_bus_message *m, const JobLimit *limit, uint64_t value) {
        if (value == 0)
                return 0;
        if (limit->kind == LIMIT_SWITCH)
                return sd_bus_message_append(m, "{sv}", limit->name, "b", true);
        if (limit->kind == LIMIT_MASK)
                return sd_bus_message_append(m, "{sv}", limit->name, "u", (uint32_t) (value & ~JOB_MASK_GIVEN));
        return sd_bus_message_append(m, "{sv}", limit->name, "t", value);
}

static int append_limits(sd_bus_message *m, const JobLimits *limits) {
        int r = 0;

        for (const JobLimit *l = job_limits; l < job_limits + JOB_LIMITS_N && r >= 0; l++)
                r = append_limit(m, l, job_limit_get(limits, l));
        return r;
}

int append_request(sd_bus_message *m, void *request) {
        static char *const none[] = { NULL };
        Spec *q = request;
        bool argv_as_bytes = !all_valid(q->argv);
        int r;

        r = sd_bus_message_append_strv(m, (char **) (argv_as_bytes ? none : q->argv));
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_options(m, q, false, argv_as_bytes);
        if (r >= 0)
                r = append_limits(m, &q->limits);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

int append_retry(sd_bus_message *m, void *request) {
        Spec *q = request;
        int r;

        r = sd_bus_message_append_basic(m, 's', q->retry_of);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        r = append_options(m, q, true, false);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* An empty label is a change. */
static int append_label(sd_bus_message *m, const char *label) {
        _cleanup_free_ char *valid = label ? utf8_make_valid(label, strlen(label)) : NULL;

        if (!label)
                return 0;
        return valid ? sd_bus_message_append(m, "{sv}", "Label", "s", valid) : -ENOMEM;
}

int append_edit(sd_bus_message *m, void *request) {
        const EditRequest *edit = request;
        Spec *changes = edit->changes;
        int r;

        r = sd_bus_message_append_basic(m, 's', edit->id);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N && r >= 0; o++)
                if (o->is_for_edit && !streq(o->name, "Label"))
                        r = append_option(m, changes, o, false);
        if (r >= 0)
                r = append_label(m, changes->label);
        if (r >= 0 && edit->at_once)
                r = sd_bus_message_append(m, "{sv}", "NotBeforeUSec", "t", UINT64_C(0));
        if (r >= 0)
                r = append_limits(m, &changes->limits);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
