/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A spec out of the arguments of Enqueue, Retry or Edit: each kind of option has its reader. */

#include <fcntl.h>

#include "bus-names.h"
#include "dict.h"
#include "job-id.h"
#include "memfd.h"
#include "resource-limits.h"
#include "spec-read.h"
#include "string-list.h"
#include "utf8.h"

#define NAME_SHOWN_MAX 64

#define invalid(error, ...) sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT, __VA_ARGS__)

/* What is too long is copied no further than it takes to find that out. */
#define COPIED_MAX ((size_t) JOB_COMMAND_MAX + 1)

/* A byte array without NUL inside, as a string. */
static int read_bytes(sd_bus_message *m, char **ret) {
        const void *bytes;
        size_t n;
        int r;

        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r < 0)
                return r;
        if (n > 0 && memchr(bytes, 0, n))
                return -EINVAL;
        *ret = n > 0 ? strndup(bytes, MIN(n, COPIED_MAX)) : strdup("");
        return *ret ? 0 : -ENOMEM;
}

static int read_text(sd_bus_message *m, char **ret) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0)
                return r;
        *ret = strndup(text, COPIED_MAX);
        return *ret ? 0 : -ENOMEM;
}

/* Reads "as" or "aay" as a NULL-terminated list. -E2BIG: no program could be given so much, and nobody else is to
 * wait until all of it was read. */
static int read_strings(sd_bus_message *m, bool bytes, char ***ret) {
        size_t n = 0, allocated = 0, size = 0;
        char **list = NULL;
        int r;

        r = sd_bus_message_enter_container(m, 'a', bytes ? "ay" : "s");
        if (r < 0)
                return r;
        for (;;) {
                if (n + 2 > allocated) {
                        char **bigger = reallocarray(list, MAX(2 * allocated, 16U), sizeof(char *));

                        r = bigger ? 0 : -ENOMEM;
                        if (r < 0)
                                break;
                        list = bigger;
                        allocated = MAX(2 * allocated, 16U);
                        memset(list + n, 0, (allocated - n) * sizeof(char *));
                }
                r = sd_bus_message_at_end(m, false);
                if (r != 0)
                        break;
                r = bytes ? read_bytes(m, &list[n]) : read_text(m, &list[n]);
                if (r < 0)
                        break;
                size += strlen(list[n++]) + 1;
                r = size > JOB_COMMAND_MAX || n > JOB_STRINGS_MAX ? -E2BIG : 0;
                if (r < 0)
                        break;
        }
        if (r > 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0) {
                string_list_free(list);
                return r;
        }
        *ret = list;
        return 0;
}

static int too_large(sd_bus_error *error) {
        return sd_bus_error_setf(error, JOBS_ERROR_LIMIT_EXCEEDED,
                                 "Arguments and environment exceed %u bytes, or one of them exceeds %u strings.", JOB_COMMAND_MAX, JOB_STRINGS_MAX);
}

static int read_argv(sd_bus_message *m, bool bytes, Spec *spec, sd_bus_error *error) {
        char **argv = NULL;
        int r;

        r = read_strings(m, bytes, &argv);
        if (r == -EINVAL)
                return invalid(error, "An argument of the command contains a NUL byte.");
        if (r == -E2BIG)
                return too_large(error);
        if (r < 0)
                return r;
        if (spec->argv && spec->argv[0]) {
                string_list_free(argv);
                return invalid(error, "Option Argv and a non-empty argument argv cannot be combined.");
        }
        string_list_free(spec->argv);
        spec->argv = argv;
        return 0;
}

static bool environment_entry_is_valid(const char *entry) {
        const char *equals = strchr(entry, '=');

        return equals && equals != entry;
}

static int read_environment(sd_bus_message *m, const char *type, Spec *spec, sd_bus_error *error) {
        int r;

        r = read_strings(m, streq(type, "aay"), &spec->environment);
        if (r == -EINVAL)
                return invalid(error, "An entry of option Environment contains a NUL byte.");
        if (r == -E2BIG)
                return too_large(error);
        if (r < 0)
                return r;
        for (char **e = spec->environment; *e; e++)
                if (!environment_entry_is_valid(*e))
                        return invalid(error, "Entry %td of option Environment is not NAME=VALUE.", e - spec->environment + 1);
        return 0;
}

static int read_path(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        char **path = job_option_text(spec, o);
        int r;

        r = streq(type, "ay") ? read_bytes(m, path) : read_text(m, path);
        if (r == -EINVAL)
                return invalid(error, "Option %s contains a NUL byte.", o->name);
        if (r < 0)
                return r;
        if (**path != '/' || strlen(*path) > o->max)
                return invalid(error, "Option %s must be an absolute path of less than %zu bytes.", o->name,
                               o->max + 1);
        return 0;
}

static int read_word(sd_bus_message *m, Spec *spec, sd_bus_error *error) {
        const char *kind;
        int r;

        r = sd_bus_message_read_basic(m, 's', &kind);
        if (r < 0)
                return r;
        if (!job_kind_is_valid(kind))
                return invalid(error, "Option Kind must be a lower case letter followed by up to %d lower case "
                                      "letters, digits or dashes, not ending in a dash.", JOB_KIND_MAX - 1);
        (void) strcpy(spec->kind, kind); /* it fits */
        return 0;
}

static int read_bounded_text(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        char **text = job_option_text(spec, o);
        size_t n;
        int r;

        r = read_text(m, text);
        if (r < 0)
                return r;
        n = strlen(*text);
        if (o->min > 0 && (n < o->min || n > o->max))
                return invalid(error, "Option %s must be %zu to %zu bytes long.", o->name, o->min, o->max);
        return n > o->max ? invalid(error, "Option %s is longer than %zu bytes.", o->name, o->max) : 0;
}

static int read_stdin_bytes(sd_bus_message *m, Spec *spec) {
        const void *bytes;
        size_t n;
        int r;

        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r >= 0)
                r = spec->stdin_fd = memfd_new("codex-job-stdin", bytes, n);
        return MIN(r, 0);
}

/* Only a memfd is taken: reading one never blocks, regardless of its creator. F_GET_SEALS distinguishes it from a
 * file on a disk or a FUSE mount (see fcntl(2)). */
static int read_stdin(sd_bus_message *m, const char *type, Spec *spec, sd_bus_error *error) {
        int fd, r;

        if (*type == 'a')
                return read_stdin_bytes(m, spec);
        r = sd_bus_message_read_basic(m, 'h', &fd);
        if (r < 0)
                return r;
        if (fcntl(fd, F_GET_SEALS) < 0)
                return invalid(error, "Option Stdin is not a memfd.");
        if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
                return invalid(error, "Option Stdin is not open for reading.");
        spec->stdin_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return spec->stdin_fd < 0 ? -errno : 0;
}

static int read_switch(sd_bus_message *m, const JobLimit *limit, Spec *spec) {
        int r, value;

        r = sd_bus_message_read_basic(m, 'b', &value);
        if (r < 0)
                return r;
        *job_limit_of(&spec->limits, limit) = value != 0;
        return 0;
}

static int read_within(sd_bus_message *m, const char *type, const char *name, uint64_t min, uint64_t max, uint64_t *ret,
                       sd_bus_error *error) {
        char text[DICT_INTEGER_MAX];
        int r;

        r = dict_read_integer(m, *type, min, max, ret, text);
        if (r == -ERANGE)
                return invalid(error, "Option %s is out of range (%" PRIu64 " to %" PRIu64 "): %s.", name, min, max, text);
        return r;
}

static int read_number(sd_bus_message *m, const char *type, const JobLimit *limit, Spec *spec, sd_bus_error *error) {
        uint64_t number;
        int r;

        r = read_within(m, type, limit->name, limit->min, limit->max, &number, error);
        if (r < 0)
                return r;
        *job_limit_of(&spec->limits, limit) = number | (limit->kind == LIMIT_MASK ? JOB_MASK_GIVEN : 0);
        return 0;
}

/* ---- Resource limits ---- */

typedef struct ReadingResources {
        const JobOption *option;
        ResourceValues values;
        sd_bus_error *error;
} ReadingResources;

static int unknown_resource(const JobOption *o, const char *name, sd_bus_error *error) {
        _cleanup_free_ char *shown = utf8_make_shown(name, NAME_SHOWN_MAX);
        char names[RESOURCE_NAMES_MAX];

        return invalid(error, "Option %s has no limit '%s', only %s.", o->name, strempty(shown), resource_limit_names(names));
}

static int read_resource(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        ReadingResources *reading = userdata;
        const ResourceLimit *limit = resource_limit_find(name, strlen(name));
        const char *option = reading->option->name;
        char text[DICT_INTEGER_MAX];
        uint64_t value;
        int r;

        if (!limit)
                return unknown_resource(reading->option, name, reading->error);
        if (reading->values.given & UINT64_C(1) << (limit - resource_limits))
                return invalid(reading->error, "Option %s has the limit %s more than once.", option, name);
        if (!dict_is_integer(type))
                return invalid(reading->error, "Limit %s of option %s has type %s, expected t or another integer type.", name,
                               option, type);
        r = dict_read_integer(m, *type, 0, RESOURCE_INFINITY, &value, text);
        if (r == -ERANGE || (r >= 0 && !resource_limit_accepts(limit, value)))
                return invalid(reading->error,
                               "Limit %s of option %s is out of range (0 to %" PRIu64 ", or %" PRIu64 " for none): %s.", name,
                               option, limit->max, RESOURCE_INFINITY, text);
        if (r >= 0)
                resource_values_set(&reading->values, limit, value);
        return r;
}

static int read_resources(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        ReadingResources reading = { .option = o, .error = error };
        int r;

        r = dict_read(m, read_resource, &reading);
        return r < 0 ? r : resource_values_format(&reading.values, job_option_text(spec, o));
}

/* ---- Options ---- */
static int read_integer(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        const int64_t max = (int64_t) o->max;
        char text[DICT_INTEGER_MAX];
        int64_t number;
        int r;

        r = dict_read_signed(m, *type, -max, max, &number, text);
        if (r == -ERANGE)
                return invalid(error, "Option %s is out of range (%" PRIi64 " to %" PRIi64 "): %s.", o->name, -max, max, text);
        if (r >= 0)
                *(int32_t *) ((char *) spec + o->offset) = (int32_t) number;
        return r;
}

static int read_count(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        uint64_t number;
        int r;

        r = read_within(m, type, o->name, o->min, o->max, &number, error);
        if (r >= 0)
                *(uint32_t *) ((char *) spec + o->offset) = (uint32_t) number;
        return r;
}

static int read_span(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        return read_within(m, type, o->name, 0, JOB_RETRY_DELAY_MAX, (uint64_t *) ((char *) spec + o->offset), error);
}

static int read_reason(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        const char *word;
        JobReason reason;
        int r;

        r = sd_bus_message_read_basic(m, 's', &word);
        if (r <= 0)
                return r;
        reason = job_retry_reason(word);
        if (reason < 0)
                return invalid(error, "An entry of option %s is not " JOB_RETRY_WORDS ".", o->name);
        r = job_retry_on_append(job_option_text(spec, o), reason);
        if (r == -EEXIST)
                return invalid(error, "Option %s has %s more than once.", o->name, word);
        return r < 0 ? r : 1;
}

static int read_reasons(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = read_reason(m, o, spec, error)) > 0)
                ;
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A time that has passed is none to wait for: a request may be repeated. */
static int read_moment(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        return read_within(m, type, o->name, 0, JOB_MOMENT_MAX, (uint64_t *) ((char *) spec + o->offset), error);
}

static int read_dependency(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        char **after = job_option_text(spec, o);
        const char *id, *word;
        JobCondition condition;
        int r;

        r = sd_bus_message_read(m, "(ss)", &id, &word);
        if (r <= 0)
                return r;
        condition = job_condition_from_string(word);
        if (condition < 0)
                return invalid(error, "A condition of option %s is neither ok, any nor failed.", o->name);
        if (!job_id_prefix_is_valid(id))
                return invalid(error, "An entry of option %s has no valid job ID.", o->name);
        if (job_after_count(*after) >= o->max)
                return invalid(error, "Option %s has more than %zu entries.", o->name, o->max);
        r = job_after_append(after, id, condition);
        if (r == -EEXIST)
                return invalid(error, "Option %s names job %s more than once.", o->name, id);
        return r < 0 ? r : 1;
}

static int read_dependencies(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = read_dependency(m, o, spec, error)) > 0)
                ;
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A full ID: it comes from $CODEX_JOB_ID. */
static int read_job(sd_bus_message *m, const JobOption *o, Spec *spec, sd_bus_error *error) {
        char **id = job_option_text(spec, o);
        int r;

        r = read_text(m, id);
        if (r >= 0 && !job_id_is_valid(*id))
                return invalid(error, "Option %s is not a full job ID.", o->name);
        return r;
}

static int read_option_of(sd_bus_message *m, const char *type, const JobOption *o, Spec *spec, sd_bus_error *error) {
        switch (o->kind) {
        case OPTION_COMMAND:
                return read_argv(m, true, spec, error);
        case OPTION_ENVIRONMENT:
                return read_environment(m, type, spec, error);
        case OPTION_DIRECTORY:
        case OPTION_PATH:
                return read_path(m, type, o, spec, error);
        case OPTION_WORD:
                return read_word(m, spec, error);
        case OPTION_MEMFD:
                return read_stdin(m, type, spec, error);
        case OPTION_JOB:
                return read_job(m, o, spec, error);
        case OPTION_INTEGER:
                return read_integer(m, type, o, spec, error);
        case OPTION_COUNT:
                return read_count(m, type, o, spec, error);
        case OPTION_SPAN:
                return read_span(m, type, o, spec, error);
        case OPTION_REASONS:
                return read_reasons(m, o, spec, error);
        case OPTION_MOMENT:
                return read_moment(m, type, o, spec, error);
        case OPTION_DEPENDENCIES:
                return read_dependencies(m, o, spec, error);
        case OPTION_CHOICE:
        case OPTION_SWITCH:
                return sd_bus_message_read_basic(m, 'b', (char *) spec + o->offset);
        case OPTION_RESOURCES:
                return read_resources(m, o, spec, error);
        default:
                return read_bounded_text(m, o, spec, error);
        }
}

static int wrong_type(const char *name, const char *type, const char *first, const char *second, sd_bus_error *error) {
        return invalid(error, "Option %s has type %s, expected %s%s%s.", name, type, first, second ? " or " : "",
                       strempty(second));
}

static int read_limit(sd_bus_message *m, const char *type, const JobLimit *limit, Spec *spec, sd_bus_error *error) {
        if (limit->kind != LIMIT_SWITCH && dict_is_integer(type))
                return read_number(m, type, limit, spec, error);
        if (limit->kind != LIMIT_SWITCH)
                return wrong_type(limit->name, type, limit->type, "another integer type", error);
        if (!streq(type, limit->type))
                return wrong_type(limit->name, type, limit->type, NULL, error);
        return read_switch(m, limit, spec);
}

typedef struct Reading {
        Spec *spec;
        const char *method; /* that does not take all options */
        sd_bus_error *error;
} Reading;

/* Whether the option of that number may come, and comes for the first time. */
static int check_option(const Reading *reading, size_t number, const char *name) {
        uint64_t bit = UINT64_C(1) << number;

        if (reading->spec->fixed & bit)
                return invalid(reading->error, "Option %s cannot be changed by %s.", name, reading->method);
        if (reading->spec->seen & bit)
                return invalid(reading->error, "Option %s is given more than once.", name);
        reading->spec->seen |= bit;
        return 0;
}

static int unknown_option(const char *name, sd_bus_error *error) {
        _cleanup_free_ char *shown = utf8_make_shown(name, NAME_SHOWN_MAX);

        return invalid(error, "Unknown option %s.", strempty(shown));
}

static bool is_number(const JobOption *o) {
        return o->kind == OPTION_INTEGER || o->kind == OPTION_COUNT || o->kind == OPTION_SPAN || o->kind == OPTION_MOMENT;
}

static int read_option(sd_bus_message *m, const char *name, const char *type, void *userdata) {
        Spec *spec = ((Reading *) userdata)->spec;
        sd_bus_error *error = ((Reading *) userdata)->error;
        int r;

        for (size_t i = 0; i < JOB_OPTIONS_N; i++)
                if (streq(job_options[i].name, name)) {
                        const char *first = job_options[i].types[0], *second = job_options[i].types[1];

                        r = check_option(userdata, i, name);
                        if (r < 0)
                                return r;
                        if (is_number(&job_options[i])) {
                                if (dict_is_integer(type))
                                        return read_option_of(m, type, &job_options[i], spec, error);
                                return wrong_type(name, type, first, "another integer type", error);
                        }
                        if (streq(type, first) || (second && streq(type, second)))
                                return read_option_of(m, type, &job_options[i], spec, error);
                        return wrong_type(name, type, first, second, error);
                }
        for (size_t i = 0; i < JOB_LIMITS_N; i++)
                if (streq(job_limits[i].name, name)) {
                        r = check_option(userdata, JOB_OPTIONS_N + i, name);
                        if (r < 0)
                                return r;
                        return read_limit(m, type, &job_limits[i], spec, error);
                }
        return unknown_option(name, error);
}

int spec_check_size(const Spec *spec, sd_bus_error *error) {
        return spec_command_size(spec) <= JOB_COMMAND_MAX ? 0 : too_large(error);
}

int spec_read_retry(sd_bus_message *m, Spec *ret, sd_bus_error *error) {
        _cleanup_spec_ Spec spec = SPEC_INIT;
        int r;

        for (size_t i = 0; i < JOB_OPTIONS_N + JOB_LIMITS_N; i++)
                if (i >= JOB_OPTIONS_N || !job_options[i].is_for_retry)
                        spec.fixed |= UINT64_C(1) << i;
        r = dict_read(m, read_option, &(Reading) { &spec, "Retry", error });
        if (r >= 0)
                *ret = spec_take(&spec);
        return r;
}

int spec_read_edit(sd_bus_message *m, Spec *ret, sd_bus_error *error) {
        _cleanup_spec_ Spec spec = SPEC_INIT;
        int r;

        for (size_t i = 0; i < JOB_OPTIONS_N + JOB_LIMITS_N; i++)
                if (i < JOB_OPTIONS_N ? !job_options[i].is_for_edit : i >= JOB_OPTIONS_N + JOB_LIMITS_ANY_N)
                        spec.fixed |= UINT64_C(1) << i;
        spec.not_before_usec = JOB_MOMENT_NONE;
        r = dict_read(m, read_option, &(Reading) { &spec, "Edit", error });
        if (r >= 0 && spec.seen == 0)
                return invalid(error, "No change is given.");
        for (size_t i = 0; i < JOB_OPTIONS_N && r >= 0; i++)
                if (job_options[i].kind == OPTION_DEPENDENCIES && (spec.seen & UINT64_C(1) << i) && !spec.after) {
                        spec.after = strdup("");
                        r = spec.after ? 0 : -ENOMEM;
                }
        if (r >= 0)
                *ret = spec_take(&spec);
        return r;
}

int spec_read(sd_bus_message *m, Spec *ret, sd_bus_error *error) {
        _cleanup_spec_ Spec spec = SPEC_INIT;
        int r;

        r = read_argv(m, false, &spec, error);
        if (r < 0)
                return r;
        r = dict_read(m, read_option, &(Reading) { &spec, NULL, error });
        if (r < 0)
                return r;
        if (!spec.argv || !spec.argv[0] || !spec.argv[0][0])
                return invalid(error, "The command is empty; argv[0] is the program to run.");
        r = spec_check_size(&spec, error);
        if (r >= 0)
                *ret = spec_take(&spec);
        return r;
}
