/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "job-id.h"
#include "request-options.h"
#include "say.h"
#include "since.h"
#include "time-util.h"
#include "utf8.h"

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

static int time_option(const Verb *verb, const JobLimit *l, uint64_t *ret) {
        char range[64];
        int r;

        r = option_timespan(verb, l->option, ret);
        if (r < 0 || (*ret >= l->min && *ret <= l->max))
                return r;
        (void) snprintf(range, sizeof(range), "from %jus to %jud", (uintmax_t) (l->min / USEC_PER_SEC),
                        (uintmax_t) (l->max / USEC_PER_SEC / (24 * 3600)));
        return out_of_range(verb, l->option, range);
}

static int size_option(const Verb *verb, const JobLimit *l, uint64_t *ret) {
        bool is_mega = l->min >= 1 << 20;
        char range[64];
        int r;

        r = option_size(verb, l->option, ret);
        if (r < 0 || (*ret >= l->min && *ret <= l->max))
                return r;
        (void) snprintf(range, sizeof(range), "at least %ju%s", (uintmax_t) (is_mega ? l->min >> 20 : l->min),
                        is_mega ? "M" : "");
        return out_of_range(verb, l->option, range);
}

static int mask_option(const Verb *verb, const JobLimit *l, uint64_t *ret) {
        size_t n = strlen(optarg);
        unsigned long mask = strtoul(optarg, NULL, 8);

        if (n == 0 || n > 4 || strspn(optarg, "01234567") != n || mask > l->max)
                return out_of_range(verb, l->option, "octal, from 000 to 777");
        *ret = JOB_MASK_GIVEN | mask;
        return 0;
}

/* The range is that which the service accepts: its errors do not name our options. */
static int limit_option(const Verb *verb, const JobLimit *l, JobLimits *limits) {
        uint64_t *ret = job_limit_of(limits, l);

        switch (l->kind) {
        case LIMIT_TIME:
                return time_option(verb, l, ret);
        case LIMIT_SIZE:
                return size_option(verb, l, ret);
        case LIMIT_NUMBER:
                return option_number(verb, l->option, l->min, l->max, ret);
        case LIMIT_MASK:
                return mask_option(verb, l, ret);
        default:
                *ret = true;
                return 0;
        }
}

static int text_option(const Verb *verb, const JobOption *o, char **ret) {
        size_t n = strlen(optarg);

        if (o->min > 0 && (n < o->min || n > o->max || !utf8_is_valid(optarg, n))) {
                (void) usage_error(verb, "Invalid value for --%s: must be %zu to %zu bytes of UTF-8", o->option, o->min,
                                   o->max);
                return -EINVAL;
        }
        if (n > o->max) {
                (void) usage_error(verb, "Invalid value for --%s: must be at most %zu bytes", o->option, o->max);
                return -EINVAL;
        }
        *ret = optarg;
        return 0;
}

static int kind_option(const Verb *verb, Spec *given) {
        if (!job_kind_is_valid(optarg)) {
                (void) usage_error(verb,
                                   "Invalid kind '%.48s'. Use a lowercase letter, followed by up to %d lowercase "
                                   "letters, digits and dashes", optarg, JOB_KIND_MAX - 1);
                return -EINVAL;
        }
        (void) strcpy(given->kind, optarg); /* it fits */
        return 0;
}

static int notify_option(const Verb *verb, RequestOptions *options, bool notify) {
        if (options->notify_given && options->given.notify != notify) {
                (void) usage_error(verb, "--notify and --no-notify cannot be combined");
                return -EINVAL;
        }
        options->given.notify = notify;
        options->notify_given = true;
        return 0;
}

static const char *resource_syntax(const ResourceLimit *limit, char text[static 64]) {
        switch (limit->kind) {
        case RESOURCE_SIZE:
                return "a size such as 500M, or infinity";
        case RESOURCE_NUMBER:
                if (limit->max == INT64_MAX)
                        return "a number, or infinity";
                (void) snprintf(text, 64, "a number from 0 to %ju, or infinity", (uintmax_t) limit->max);
                return text;
        default:
                return "a duration such as 90s, or infinity";
        }
}

/* In the unit of setrlimit(2); a part of a second counts as one. */
static int parse_resource(const ResourceLimit *limit, const char *text, uint64_t *ret) {
        int r;

        if (streq(text, "infinity")) {
                *ret = RESOURCE_INFINITY;
                return 0;
        }
        if (limit->kind == RESOURCE_NUMBER)
                r = parse_u64(text, ret);
        else if (limit->kind == RESOURCE_SIZE)
                r = parse_size(text, ret);
        else
                r = parse_timespan(text, ret);
        if (r >= 0 && limit->kind == RESOURCE_SECONDS)
                *ret = *ret / USEC_PER_SEC + (*ret % USEC_PER_SEC > 0);
        return r < 0 || *ret > limit->max ? -EINVAL : 0;
}

static int resource_option(const Verb *verb, ResourceValues *values) {
        size_t n = strcspn(optarg, "=");
        const ResourceLimit *limit = resource_limit_find(optarg, n);
        char names[RESOURCE_NAMES_MAX], text[64];
        uint64_t value;

        if (!limit || !optarg[n]) {
                (void) usage_error(verb, "Invalid value '%.64s' for --limit: must be NAME=VALUE, with one of the names %s",
                                   optarg, resource_limit_names(names));
                return -EINVAL;
        }
        if (parse_resource(limit, optarg + n + 1, &value) < 0) {
                (void) usage_error(verb, "Invalid value '%.64s' for --limit: %s must be %s", optarg, limit->name,
                                   resource_syntax(limit, text));
                return -EINVAL;
        }
        resource_values_set(values, limit, value);
        return 0;
}

static int priority_option(const Verb *verb, const JobOption *o, RequestOptions *options) {
        char *end;
        long value;

        errno = 0;
        value = strtol(optarg, &end, 10);
        if (errno != 0 || end == optarg || *end || value < -(long) o->max || value > (long) o->max) {
                (void) usage_error(verb, "Invalid value '%.64s' for --%s: must be a number from -%zu to %zu", optarg, o->option,
                                   o->max, o->max);
                return -EINVAL;
        }
        options->given.priority = (int32_t) value;
        options->priority_given = true;
        return 0;
}

/* ID or ID:CONDITION. */
static int after_option(const Verb *verb, const JobOption *o, RequestOptions *options) {
        const char *colon = strchr(optarg, ':');
        _cleanup_free_ char *id = strndup(optarg, colon ? (size_t) (colon - optarg) : strlen(optarg));
        JobCondition condition = colon ? job_condition_from_string(colon + 1) : JOB_AFTER_OK;
        int r;

        if (!id)
                return -ENOMEM;
        if (!job_id_prefix_is_valid(id) || condition < 0) {
                (void) usage_error(verb, "Invalid value '%.64s' for --%s: must be a job ID, and optionally :ok, :any or :failed",
                                   optarg, o->option);
                return -EINVAL;
        }
        if (job_after_count(options->given.after) >= o->max) {
                (void) usage_error(verb, "--%s can be given at most %zu times", o->option, o->max);
                return -EINVAL;
        }
        r = job_after_append(&options->given.after, id, condition);
        if (r != -EEXIST)
                return r;
        (void) usage_error(verb, "--%s names job '%.48s' more than once", o->option, id);
        return -EINVAL;
}

/* REASON,… */
static int retry_on_option(const Verb *verb, const JobOption *o, RequestOptions *options) {
        _cleanup_free_ char *words = strdup(optarg);
        char *rest = words, *word;
        int r = words ? 0 : -ENOMEM;

        while (r >= 0 && (word = strsep(&rest, ","))) {
                JobReason reason = job_retry_reason(word);

                if (reason >= 0) {
                        r = job_retry_on_append(&options->given.retry_on, reason);
                        r = r == -EEXIST ? 0 : r;
                        continue;
                }
                (void) usage_error(verb, "Invalid value '%.64s' for --%s: must be " JOB_RETRY_WORDS ", or several of these separated by ','",
                                   word, o->option);
                return -EINVAL;
        }
        return r;
}

static int retries_option(const Verb *verb, const JobOption *o, RequestOptions *options) {
        uint64_t number;
        int r;

        r = option_number(verb, o->option, o->min, o->max, &number);
        if (r >= 0) {
                options->given.retries = (uint32_t) number;
                options->retries_given = true;
        }
        return r;
}

static int retry_delay_option(const Verb *verb, const JobOption *o, RequestOptions *options) {
        int r;

        r = option_timespan(verb, o->option, &options->given.retry_delay_usec);
        if (r >= 0 && options->given.retry_delay_usec > JOB_RETRY_DELAY_MAX)
                return out_of_range(verb, o->option, "at most 24h");
        options->retry_delay_given = r >= 0;
        return r;
}

static int once(const Verb *verb, const RequestOptions *options) {
        if (options->given.not_before_usec == 0)
                return 0;
        (void) usage_error(verb, "--at and --delay can be given only once, and cannot be combined");
        return -EINVAL;
}

static int at_option(const Verb *verb, RequestOptions *options) {
        int r;

        r = once(verb, options);
        if (r < 0)
                return r;
        r = parse_until(optarg, now_realtime(), &options->given.not_before_usec);
        if (r == -ERANGE)
                (void) usage_error(verb, "Invalid time '%.64s' for --at: it is in the past", optarg);
        else if (r >= 0 && options->given.not_before_usec > JOB_MOMENT_MAX) {
                (void) usage_error(verb, "Invalid time '%.64s' for --at: it is after the year 9999 (UTC)", optarg);
                r = -ERANGE;
        } else if (r < 0)
                (void) usage_error(verb,
                                   "Invalid time '%.64s' for --at. Use a time of day such as 18:30, a date such as 2030-12-31, "
                                   "or both", optarg);
        return r < 0 ? -EINVAL : 0;
}

static int delay_option(const Verb *verb, RequestOptions *options) {
        uint64_t now = now_realtime(), usec;
        int r;

        r = once(verb, options);
        if (r >= 0)
                r = option_timespan(verb, "delay", &usec);
        if (r < 0)
                return r;
        if (usec > JOB_MOMENT_MAX - now) {
                (void) usage_error(verb, "Invalid value '%.64s' for --delay: too long", optarg);
                return -EINVAL;
        }
        options->given.not_before_usec = now + usec;
        return 0;
}

static int option_of_table(const Verb *verb, const JobOption *o, RequestOptions *options) {
        switch (o->kind) {
        case OPTION_ENVIRONMENT:
                return add_environment(options, optarg);
        case OPTION_DIRECTORY:
                options->given.directory = optarg;
                return 0;
        case OPTION_MEMFD:
                options->stdin_path = optarg;
                return 0;
        case OPTION_WORD:
                return kind_option(verb, &options->given);
        case OPTION_CHOICE:
                return notify_option(verb, options, true);
        case OPTION_RESOURCES:
                return resource_option(verb, &options->resources);
        case OPTION_SWITCH:
                *(int *) ((char *) &options->given + o->offset) = true;
                return 0;
        case OPTION_INTEGER:
                return priority_option(verb, o, options);
        case OPTION_COUNT:
                return retries_option(verb, o, options);
        case OPTION_SPAN:
                return retry_delay_option(verb, o, options);
        case OPTION_REASONS:
                return retry_on_option(verb, o, options);
        case OPTION_MOMENT:
                return at_option(verb, options);
        case OPTION_DEPENDENCIES:
                return after_option(verb, o, options);
        default:
                if (o->offset == offsetof(Spec, queue) && check_queue_name(verb, optarg) != 0)
                        return -EINVAL;
                return text_option(verb, o, job_option_text(&options->given, o));
        }
}

static const JobOption *find_option(int option) {
        for (size_t i = 0; i < JOB_OPTIONS_N; i++)
                if (option == (job_options[i].letter ?: OPTION_BEFORE_REQUEST + 1 + JOB_LIMITS_N + (int) i))
                        return &job_options[i];
        return NULL;
}

int request_option(const Verb *verb, RequestOptions *options, int option) {
        const JobOption *o = find_option(option);

        if (o)
                return option_of_table(verb, o, options);
        if (option == OPTION_DELAY)
                return delay_option(verb, options);
        if (option == OPTION_NO_NOTIFY)
                return notify_option(verb, options, false);
        if (option != OPTION_CLEAN_ENV)
                return limit_option(verb, &job_limits[option - OPTION_BEFORE_REQUEST - 1], &options->given.limits);
        options->clean_environment = true;
        return 0;
}

static bool has_path(const char *directory, const char *path) {
        const char *rest = startswith(directory, path);

        return rest && (*rest == '/' || !*rest);
}

/* Those that Retry takes, or the others. */
static int copy_texts(const Spec *given, Spec *request, bool of_retry) {
        for (const JobOption *o = job_options; o < job_options + JOB_OPTIONS_N; o++) {
                const char *text = o->kind == OPTION_TEXT ? *job_option_text((Spec *) given, o) : NULL;

                if (!text || o->is_for_retry != of_retry)
                        continue;
                *job_option_text(request, o) = strdup(text);
                if (!*job_option_text(request, o))
                        return -ENOMEM;
        }
        return 0;
}

int request_again_from_options(const RequestOptions *options, Spec *request, sd_bus_error *error) {
        int r;

        r = copy_texts(&options->given, request, true);
        if (r < 0)
                return r;
        request->notify = options->notify_given ? options->given.notify : -1;
        request->hold = options->given.hold;
        request->detach = options->given.detach;
        r = remote_name(&options->remote) ? 0 : request_set_parent(request);
        if (r < 0)
                return r;
        request->priority = options->priority_given ? options->given.priority : JOB_PRIORITY_NONE;
        request->retries = options->retries_given ? options->given.retries : JOB_RETRIES_NONE;
        request->retry_delay_usec = options->retry_delay_given ? options->given.retry_delay_usec : JOB_RETRY_DELAY_NONE;
        request->not_before_usec = options->given.not_before_usec;
        if (options->given.retry_on) {
                request->retry_on = strdup(options->given.retry_on);
                if (!request->retry_on)
                        return -ENOMEM;
        }
        if (options->given.after) {
                request->after = strdup(options->given.after);
                if (!request->after)
                        return -ENOMEM;
        }
        if (options->remote.host && options->stdin_path) /* before it is read */
                return request_no_stdin(options->remote.host, error);
        r = request_set_environment(request, options->clean_environment || remote_name(&options->remote),
                                    options->environment, options->n_environment,
                                    error);
        if (r < 0)
                return r;
        return options->stdin_path ? request_set_stdin(request, options->stdin_path, error) : 0;
}

static int set_directory(const RequestOptions *options, Spec *request, sd_bus_error *error) {
        const char *path = options->given.directory;

        if (!remote_name(&options->remote))
                return request_set_directory(request, path, error);
        if (path && *path != '/')
                return error_set(error, "Directory '%s' is not an absolute path on %s. Choose one there with --cwd.", path,
                                 remote_name(&options->remote));
        request->directory = path ? strdup(path) : NULL;
        return path && !request->directory ? -ENOMEM : 0;
}

int request_from_options(const RequestOptions *options, Spec *request, sd_bus_error *error) {
        const Spec *given = &options->given;
        int r;

        r = session_check(error);
        if (r < 0)
                return r;
        if (!options->retries_given && (options->retry_delay_given || given->retry_on))
                return error_set(error, "--%s requires --retries.", given->retry_on ? "retry-on" : "retry-delay");
        (void) strcpy(request->kind, given->kind);
        request->limits = given->limits;
        request->session = session_here() ? strdup(session_here()) : NULL;
        if (session_here() && !request->session)
                return -ENOMEM;
        r = copy_texts(given, request, false);
        if (r >= 0)
                r = resource_values_format(&options->resources, &request->resource_limits);
        if (r < 0)
                return r;
        if (request->limits.umask == 0 && !remote_name(&options->remote))
                request_set_umask(request);

        r = set_directory(options, request, error);
        if (r < 0)
                return r;
        if (given->limits.read_only && request->directory && (has_path(request->directory, "/tmp") || has_path(request->directory, "/var/tmp")))
                return error_set(error,
                                 "Directory '%s' is hidden by the private /tmp and /var/tmp of a read-only job. Choose "
                                 "another one with --cwd.",
                                 request->directory);
        return request_again_from_options(options, request, error);
}
