/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <grp.h>
#include <ini.h>
#include <systemd/sd-journal.h>

#include "bus-names.h"
#include "config.h"
#include "job-id.h"
#include "launcher.h"
#include "macro.h"
#include "remote.h"
#include "text-new.h"
#include "time-util.h"
#include "utf8.h"

#define SHOWN_MAX 100 /* bytes of an invalid line */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct Setting {
        const char *name;
        int (*parse)(const char *text, uint64_t *ret);
        size_t offset;
        size_t size;
        uint64_t min, max;
        bool infinity; /* "infinity" is allowed and stored as 0 */
} Setting;

#define SETTING_OF(type, name, parse, member, ...) \
        { name, parse, offsetof(type, member), sizeof(((type *) NULL)->member), __VA_ARGS__ }
#define SETTING(...) SETTING_OF(Config, __VA_ARGS__)
#define QUEUE_SETTING(...) SETTING_OF(ConfigQueue, __VA_ARGS__)

static int parse_size_or_infinity(const char *text, uint64_t *ret) {
        if (streq(text, "infinity")) {
                *ret = USEC_INFINITY;
                return 0;
        }
        return parse_size(text, ret);
}

static int parse_keep_input(const char *text, uint64_t *ret) {
        static const char *const names[_KEEP_INPUT_MAX] = {
                [KEEP_INPUT_NO] = "no", [KEEP_INPUT_FAILED] = "failed", [KEEP_INPUT_YES] = "yes",
        };

        for (uint64_t i = 0; i < _KEEP_INPUT_MAX; i++)
                if (streq(text, names[i])) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

static const Setting settings[] = {
        SETTING("MaxRunning", parse_u64, max_running, 1, 100000, false),
        SETTING("StopTimeoutSec", parse_timespan, stop_timeout_usec, 0, 3600 * USEC_PER_SEC, false),
        SETTING("RuntimeMaxSec", parse_timespan, runtime_max_usec, USEC_PER_SEC, INT64_MAX, true),
        SETTING("OutputMax", parse_size_or_infinity, output_max, 1, INT64_MAX, true),
        SETTING("MaxRunningPerUser", parse_u64, max_running_user, 1, 100000, false),
        SETTING("MaxQueuedPerUser", parse_u64, max_queued_user, 1, 10000000, false),
        SETTING("MaxQueued", parse_u64, max_queued, 1, 10000000, false),
        SETTING("MaxAwaitsPerUser", parse_u64, max_awaits_user, 1, 1000000, false),
        SETTING("MaxStoredPerUser", parse_u64, max_stored_user, 1, 10000000, false),
        SETTING("MaxStoredBytesPerUser", parse_size_or_infinity, max_stored_bytes_user, 1, INT64_MAX, true),
        SETTING("RetentionMaxAgeSec", parse_timespan, retention_max_age_usec, USEC_PER_SEC, INT64_MAX, true),
        SETTING("KeepInput", parse_keep_input, keep_input, 0, _KEEP_INPUT_MAX, false),
        SETTING("RetentionMaxBytes", parse_size_or_infinity, retention_max_bytes, 1, INT64_MAX, true),
};

static const Setting queue_settings[] = {
        QUEUE_SETTING("MaxRunning", parse_u64, max_running, 1, JOB_QUEUE_RUNNING_MAX, false),
        QUEUE_SETTING("MaxRunningPerUser", parse_u64, max_running_user, 1, JOB_QUEUE_RUNNING_MAX, false),
        QUEUE_SETTING("RuntimeMaxSec", parse_timespan, runtime_max_usec, USEC_PER_SEC, INT64_MAX, true),
        QUEUE_SETTING("OutputMax", parse_size_or_infinity, output_max, 1, INT64_MAX, true),
};

static void clear_groups(ConfigQueue *queue) {
        free(TAKE_PTR(queue->groups));
        free(TAKE_PTR(queue->gids));
        queue->n_gids = 0;
}

static void clear_queue(ConfigQueue *queue) {
        clear_groups(queue);
        free(queue->options);
        free(queue->slurm_conf);
        free(queue->host);
        free(queue->problem);
}

void config_clear(Config *config) {
        for (size_t i = 0; i < config->n_queues; i++)
                clear_queue(&config->queues[i]);
        free(config->queues);
        config_init(config);
}

void config_init(Config *config) {
        *config = (Config) {
                .max_running = 16,
                .stop_timeout_usec = 10 * USEC_PER_SEC,
                .output_max = UINT64_C(1) << 30,
                .max_queued_user = 10000,
                .max_queued = 100000,
                .max_awaits_user = 4096,
                .max_stored_user = 100000,
                .max_stored_bytes_user = UINT64_C(20) << 30,
                .retention_max_age_usec = UINT64_C(30) * 24 * 3600 * USEC_PER_SEC,
                .retention_max_bytes = UINT64_C(10) << 30,
        };
}

static bool setting_apply(const Setting *s, const char *text, void *object) {
        void *target = (char *) object + s->offset;
        uint64_t value;

        if (s->parse(text, &value) < 0)
                return false;
        if (s->infinity && value == USEC_INFINITY)
                value = 0;
        else if (value < s->min || value > s->max)
                return false;
        if (s->size == sizeof(uint32_t))
                *(uint32_t *) target = (uint32_t) value;
        else
                *(uint64_t *) target = value;
        return true;
}

/* Returns -ENOENT if there is no such setting, -EINVAL if the value is invalid. */
static int apply(const Setting *all, size_t n, const char *name, const char *value, void *object) {
        for (size_t i = 0; i < n; i++)
                if (streq(all[i].name, name))
                        return setting_apply(&all[i], value, object) ? 0 : -EINVAL;
        return -ENOENT;
}

/* --- queues ----------------------------------------------------------------------------------------- */

/* Something else than what is configured could be what was meant: a limit, or where the jobs run. */
static void close_queue(ConfigQueue *queue, const char *line) {
        if (queue->is_closed)
                return;
        queue->is_closed = true;
        free(queue->problem);
        queue->problem = utf8_make_shown(line, SHOWN_MAX);
        sd_journal_print(LOG_WARNING, "Queue %s starts no jobs, a line of its configuration is invalid: %s", queue->name,
                         strempty(queue->problem));
}

static void close_for_setting(ConfigQueue *queue, const char *name, const char *value) {
        _cleanup_free_ char *line = text_new("%s=%s", name, value);

        close_queue(queue, line ?: name);
}

/* Not by getgrnam(3), which may ask other hosts: the service would not answer meanwhile. */
static bool find_group(const char *name, uint32_t *ret) {
        _cleanup_fclose_ FILE *f = NULL;
        const struct group *group;
        uint64_t number;

        if (parse_u64(name, &number) >= 0 && number < UINT32_MAX) {
                *ret = (uint32_t) number;
                return true;
        }
        f = fopen("/etc/group", "re");
        while (f && (group = fgetgrent(f)))
                if (streq(group->gr_name, name)) {
                        *ret = group->gr_gid;
                        return true;
                }
        return false;
}

/* Nobody is in it, which opens the queue to nobody. */
static void report_group(ConfigQueue *queue, const char *name) {
        _cleanup_free_ char *line = text_new("AllowGroups=%s", name);

        sd_journal_print(LOG_WARNING, "Group %s of queue %s is not in /etc/group; groups of other sources have to be "
                         "given by number.", name, queue->name);
        if (!queue->problem && line)
                queue->problem = utf8_make_shown(line, SHOWN_MAX);
}

static int add_group(ConfigQueue *queue, const char *name) {
        char *groups = text_new("%s%s%s", strempty(queue->groups), queue->groups ? " " : "", name);
        uint32_t *gids;

        if (!groups)
                return -ENOMEM;
        free(queue->groups);
        queue->groups = groups;
        gids = reallocarray(queue->gids, queue->n_gids + 1, sizeof(*gids));
        if (!gids)
                return -ENOMEM;
        queue->gids = gids;
        if (find_group(name, &gids[queue->n_gids]))
                queue->n_gids++;
        else
                report_group(queue, name);
        return 0;
}

/* An empty list removes what was given before, as in units of systemd. */
static int set_groups(ConfigQueue *queue, const char *value) {
        const char *p = value + strspn(value, " \t");
        int r = 0;

        if (!*p)
                clear_groups(queue);
        while (*p && r >= 0) {
                size_t n = strcspn(p, " \t");
                _cleanup_free_ char *name = strndup(p, n);

                r = name ? add_group(queue, name) : -ENOMEM;
                p += n;
                p += strspn(p, " \t");
        }
        return r;
}

/* The file, while it is read. */
typedef struct Reading {
        Config config;
        FILE *f;
        int error; /* out of memory */
        char name[CONFIG_QUEUE_MAX + 1]; /* of the queue whose section is read; empty: another section */
        bool has_setting;                /* of that section, which the next line may continue */
} Reading;

/* The name of a queue in that of its section; NULL: of another section. */
static const char *name_of_queue(const char *section) {
        return strncmp(section, "Queue ", 6) == 0 ? section + 6 + strspn(section + 6, " ") : NULL;
}

static bool is_valid_name(const char *name) {
        return job_queue_is_valid(name) && strlen(name) <= CONFIG_QUEUE_MAX && !streq(name, JOB_QUEUE_DEFAULT);
}

const ConfigQueue *config_find_queue(const Config *config, const char *name) {
        for (size_t i = 0; i < config->n_queues; i++)
                if (streq(config->queues[i].name, name))
                        return &config->queues[i];
        return NULL;
}

static ConfigQueue *get_queue(Reading *reading, const char *name) {
        Config *config = &reading->config;
        ConfigQueue *queue = (ConfigQueue *) config_find_queue(config, name), *bigger;

        if (queue)
                return queue;
        if (config->n_queues >= CONFIG_QUEUES_MAX) {
                sd_journal_print(LOG_WARNING, "More than %u queues in the configuration, ignoring [Queue %s].", CONFIG_QUEUES_MAX, name);
                return NULL;
        }
        bigger = reallocarray(config->queues, config->n_queues + 1, sizeof(ConfigQueue));
        if (!bigger) {
                reading->error = -ENOMEM;
                return NULL;
        }
        config->queues = bigger;
        queue = &bigger[config->n_queues++];
        *queue = (ConfigQueue) {};
        (void) strcpy(queue->name, name); /* it fits */
        return queue;
}

bool config_queue_allows(const ConfigQueue *queue, const uint32_t *gids, size_t n) {
        if (!queue->groups)
                return true;
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < queue->n_gids; j++)
                        if (gids[i] == queue->gids[j])
                                return true;
        return false;
}

static int set_launcher(ConfigQueue *queue, const char *value) {
        const Launcher *launcher = launcher_find(value);

        if (!launcher_is_valid(value))
                return -EINVAL;
        queue->launcher = launcher ? launcher->name : NULL;
        queue->has_launcher = true;
        return 0;
}

/* Several lines together; an empty one removes what was given before. */
static int add_options(char **options, const char *value) {
        char *joined = isempty(value) ? NULL : text_new("%s%s%s", strempty(*options), *options ? " " : "", value);

        if (!isempty(value) && !joined)
                return -ENOMEM;
        free(*options);
        *options = joined;
        return joined && !launcher_accepts_options(joined) ? -EINVAL : 0;
}

static int set_path(char **path, const char *value) {
        if (!isempty(value) && !launcher_accepts_path(value))
                return -EINVAL;
        free(*path);
        *path = isempty(value) ? NULL : strdup(value);
        return *path || isempty(value) ? 0 : -ENOMEM;
}

static int set_host(char **host, const char *value) {
        if (!isempty(value) && !remote_is_valid(value))
                return -EINVAL;
        free(*host);
        *host = isempty(value) ? NULL : strdup(value);
        return *host || isempty(value) ? 0 : -ENOMEM;
}

/* Returns whether there is such a setting. */
static bool set_text(Reading *reading, ConfigQueue *queue, const char *name, const char *value) {
        int r;

        if (streq(name, "AllowGroups"))
                r = set_groups(queue, value);
        else if (streq(name, "Launcher"))
                r = set_launcher(queue, value);
        else if (streq(name, "Options"))
                r = add_options(&queue->options, value);
        else if (streq(name, "SlurmConf"))
                r = set_path(&queue->slurm_conf, value);
        else if (streq(name, "Host"))
                r = set_host(&queue->host, value);
        else
                return false;
        if (r == -EINVAL)
                close_for_setting(queue, name, value);
        else if (r < 0)
                reading->error = r;
        return true;
}

static void apply_to_queue(Reading *reading, ConfigQueue *queue, const char *name, const char *value) {
        if (!set_text(reading, queue, name, value) &&
            apply(queue_settings, ELEMENTSOF(queue_settings), name, value, queue) < 0)
                close_for_setting(queue, name, value);
}

/* What only makes sense for jobs that run elsewhere shows that these should. */
static void check_queue(ConfigQueue *queue) {
        bool is_on_host = streq(strempty(queue->launcher), LAUNCHER_HOST);

        if (!queue->has_launcher && (queue->options || queue->slurm_conf || queue->host))
                close_queue(queue, queue->options ? "Options= without Launcher=" :
                                    queue->host ? "Host= without Launcher=" : "SlurmConf= without Launcher=");
        else if (is_on_host && !queue->host)
                close_queue(queue, "Launcher=host without Host=");
        else if (is_on_host && !streq(queue->options ?: LAUNCHER_HOST_OPTIONS, LAUNCHER_HOST_OPTIONS))
                close_for_setting(queue, "Options", queue->options);
}

/* --- the file --------------------------------------------------------------------------------------- */

/* Whether libinih reports the line, or rightly ignores it: "NAME=VALUE" or "NAME: VALUE" before a comment, the header of a section,
 * the continuation of a value, a comment. */
static bool is_understood(const Reading *reading, const char *line, const char *p, size_t size) {
        if (strlen(line) + 1 >= size && !strchr(line, '\n')) /* too long, and cut */
                return false;
        if (!*p || *p == ';' || *p == '#' || (p > line && reading->has_setting))
                return true;
        if (*p == '[')
                return strchr(p, ']');
        for (; *p; p++)
                if (*p == '=' || *p == ':')
                        return true;
                else if (*p == ';' && strchr(" \t", p[-1]))
                        return false;
        return false;
}

/* The section that begins with this line. */
static void enter(Reading *reading, const char *section) {
        const char *name = name_of_queue(section);

        reading->has_setting = false;
        *reading->name = 0;
        if (name && is_valid_name(name)) {
                if (get_queue(reading, name))
                        (void) strcpy(reading->name, name); /* it fits */
        } else if (name)
                sd_journal_print(LOG_WARNING, "Invalid name of a queue in the configuration, ignoring [%s].", section);
}

/* libinih does not report sections without settings, nor the section of a line that it does not understand. */
static char *read_line(char *text, int size, void *userdata) {
        Reading *reading = userdata;
        char *line = fgets(text, size, reading->f), section[256];
        const char *start, *p;

        if (!line)
                return NULL;
        start = strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0 ? line + strlen(BYTE_ORDER_MARK) : line;
        p = start + strspn(start, " \t\r\n");
        if (!is_understood(reading, start, p, (size_t) size)) {
                ConfigQueue *queue = (ConfigQueue *) config_find_queue(&reading->config, reading->name);
                _cleanup_free_ char *shown = queue ? strndup(p, strcspn(p, "\r\n")) : NULL;

                if (queue)
                        close_queue(queue, shown ?: "[Queue]");
        } else if ((p == start || !reading->has_setting) && sscanf(p, "[%255[^]\n]]", section) == 1)
                enter(reading, section);
        return line;
}

/* Called by libinih for each line NAME=VALUE; returns 0 for an invalid one. */
static int on_line(void *userdata, const char *section, const char *name, const char *value) {
        Reading *reading = userdata;
        const char *queue_name = name_of_queue(section);
        ConfigQueue *queue;
        int r;

        reading->has_setting = true;
        if (queue_name) {
                queue = is_valid_name(queue_name) ? get_queue(reading, queue_name) : NULL;
                if (queue)
                        apply_to_queue(reading, queue, name, value);
                return 1;
        }
        if (!streq(section, "Jobs")) {
                sd_journal_print(LOG_WARNING, "Unknown section [%s] in the configuration, ignoring.", section);
                return 1;
        }
        r = apply(settings, ELEMENTSOF(settings), name, value, &reading->config);
        if (r == -ENOENT)
                sd_journal_print(LOG_WARNING, "Unknown setting %s= in the configuration, ignoring.", name);
        else if (r < 0)
                sd_journal_print(LOG_WARNING, "Invalid or out-of-range setting in the configuration, ignoring: %s=%s", name, value);
        return 1;
}

uint32_t config_running_per_user(const Config *config, bool system_scope) {
        if (config->max_running_user > 0)
                return MIN(config->max_running_user, config->max_running);
        return config->max_running - (system_scope ? config->max_running / 4 : 0);
}

int config_load(Config *config, const char *path) {
        _cleanup_fclose_ FILE *f = NULL;
        Reading reading = {};
        int line;

        config_init(&reading.config);
        f = reading.f = fopen(path, "re");
        if (!f && errno != ENOENT)
                return -errno;
        line = f ? ini_parse_stream(read_line, &reading, on_line, &reading) : 0;
        if (line < 0 || (f && ferror(f)))
                reading.error = -EIO;
        if (reading.error < 0) {
                config_clear(&reading.config);
                return reading.error;
        }
        if (line > 0)
                sd_journal_print(LOG_WARNING, "%s:%d: Expected NAME=VALUE, ignoring line.", path, line);
        for (size_t i = 0; i < reading.config.n_queues; i++)
                check_queue(&reading.config.queues[i]);
        config_clear(config);
        *config = reading.config;
        return 0;
}
