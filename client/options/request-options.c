/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "job-id.h"
#include "request-options.h"
#include "say.h"
#include "utf8.h"

/* The ranges that the service accepts. Its errors do not name our options. */
#define RUNTIME_MAX_USEC (3650 * 24 * 3600 * USEC_PER_SEC)
#define MEMORY_MIN (UINT64_C(1) << 20)

void request_options_clear(RequestOptions *options) {
        free(options->environment);
        *options = (RequestOptions) {};
}

static int add_environment(RequestOptions *options, char *entry) {
        char **entries = reallocarray(options->environment, options->n_environment + 1, sizeof(char *));

        if (!entries)
                return -ENOMEM;
        options->environment = entries;
        entries[options->n_environment++] = entry;
        return 0;
}

static int out_of_range(const Verb *verb, const char *name, const char *range) {
        (void) usage_error(verb, "Invalid value '%.64s' for --%s: must be %s", optarg, name, range);
        return -EINVAL;
}

static int timespan_option(const Verb *verb, const char *name, uint64_t *ret) {
        int r;

        r = option_timespan(verb, name, ret);
        if (r < 0)
                return r;
        if (*ret < USEC_PER_SEC || *ret > RUNTIME_MAX_USEC)
                return out_of_range(verb, name, "from 1s to 3650d");
        return 0;
}

static int key_option(const Verb *verb, RequestOptions *options) {
        size_t n = strlen(optarg);

        if (n == 0 || n > JOB_KEY_MAX || !utf8_is_valid(optarg, n)) {
                (void) usage_error(verb, "Invalid value for --key: must be 1 to %u bytes of UTF-8", JOB_KEY_MAX);
                return -EINVAL;
        }
        options->key = optarg;
        return 0;
}

static int size_option(const Verb *verb, const char *name, uint64_t min, const char *range, uint64_t *ret) {
        int r;

        r = option_size(verb, name, ret);
        if (r < 0)
                return r;
        return *ret < min ? out_of_range(verb, name, range) : 0;
}

static int label_option(const Verb *verb, RequestOptions *options) {
        if (strlen(optarg) > JOB_LABEL_MAX) {
                (void) usage_error(verb, "Invalid value for --label: must be at most %u bytes", JOB_LABEL_MAX);
                return -EINVAL;
        }
        options->label = optarg;
        return 0;
}

static int notify_option(const Verb *verb, RequestOptions *options, Notify notify) {
        if (options->notify != NOTIFY_DEFAULT && options->notify != notify) {
                (void) usage_error(verb, "--notify and --no-notify cannot be combined");
                return -EINVAL;
        }
        options->notify = notify;
        return 0;
}

int request_option(const Verb *verb, RequestOptions *options, int option) {
        switch (option) {
        case OPTION_KIND:
                options->kind = optarg;
                return 0;
        case OPTION_LABEL:
                return label_option(verb, options);
        case 'C':
                options->directory = optarg;
                return 0;
        case 'E':
                return add_environment(options, optarg);
        case OPTION_CLEAN_ENV:
                options->clean_environment = true;
                return 0;
        case OPTION_STDIN:
                options->stdin_path = optarg;
                return 0;
        case OPTION_RUNTIME_MAX:
                return timespan_option(verb, "runtime-max", &options->runtime_max_usec);
        case OPTION_STALL:
                return timespan_option(verb, "stall", &options->stall_usec);
        case OPTION_KEY:
                return key_option(verb, options);
        case OPTION_READ_ONLY:
                options->read_only = true;
                return 0;
        case OPTION_MERGE_OUTPUT:
                options->merge_output = true;
                return 0;
        case OPTION_NOTIFY:
                return notify_option(verb, options, NOTIFY_YES);
        case OPTION_NO_NOTIFY:
                return notify_option(verb, options, NOTIFY_NO);
        case OPTION_OUTPUT_MAX:
                return size_option(verb, "output-max", 1, "at least 1", &options->output_max);
        case OPTION_MEMORY_MAX:
                return size_option(verb, "memory-max", MEMORY_MIN, "at least 1M", &options->memory_max);
        case OPTION_TASKS_MAX:
                return option_number(verb, "tasks-max", 1, UINT64_MAX, &options->tasks_max);
        default:
                return option_number(verb, "cpu-weight", 1, 10000, &options->cpu_weight);
        }
}

static bool has_path(const char *directory, const char *path) {
        const char *rest = startswith(directory, path);

        return rest && (*rest == '/' || !*rest);
}

int request_again_from_options(const RequestOptions *options, Request *request, sd_bus_error *error) {
        int r;

        request->key = options->key;
        request->notify = options->notify;
        r = request_set_environment(request, options->clean_environment, options->environment, options->n_environment,
                                    error);
        if (r < 0)
                return r;
        return options->stdin_path ? request_set_stdin(request, options->stdin_path, error) : 0;
}

int request_from_options(const RequestOptions *options, Request *request, sd_bus_error *error) {
        int r;

        if (options->kind && !job_kind_is_valid(options->kind))
                return error_set(error,
                                 "Invalid kind '%.48s'. Use a lowercase letter, followed by up to %d lowercase letters, "
                                 "digits and dashes.",
                                 options->kind, JOB_KIND_MAX - 1);
        request->kind = options->kind;
        r = session_check(error);
        if (r < 0)
                return r;
        request->session = session_here();
        if (options->label) {
                request->label = strdup(options->label);
                if (!request->label)
                        return -ENOMEM;
        }
        request->runtime_max_usec = options->runtime_max_usec;
        request->output_max = options->output_max;
        request->memory_max = options->memory_max;
        request->tasks_max = options->tasks_max;
        request->cpu_weight = options->cpu_weight;
        request->stall_usec = options->stall_usec;
        request->read_only = options->read_only;
        request->merge_output = options->merge_output;
        request_set_umask(request);

        r = request_set_directory(request, options->directory, error);
        if (r < 0)
                return r;
        if (options->read_only && (has_path(request->directory, "/tmp") || has_path(request->directory, "/var/tmp")))
                return error_set(error,
                                 "Directory '%s' is hidden by the private /tmp and /var/tmp of a read-only job. Choose "
                                 "another one with --cwd.",
                                 request->directory);
        return request_again_from_options(options, request, error);
}
