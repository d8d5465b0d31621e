/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ini.h>
#include <systemd/sd-journal.h>

#include "config.h"
#include "macro.h"
#include "time-util.h"

typedef struct Setting {
        const char *name;
        int (*parse)(const char *text, uint64_t *ret);
        size_t offset;
        size_t size;
        uint64_t min, max;
        bool infinity; /* "infinity" is allowed and stored as 0 */
} Setting;

#define SETTING(name, parse, member, ...) \
        { name, parse, offsetof(Config, member), sizeof(((Config *) NULL)->member), __VA_ARGS__ }

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

static bool setting_apply(const Setting *s, const char *text, Config *config) {
        void *target = (char *) config + s->offset;
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

/* Called by libinih for each line NAME=VALUE; returns 0 for an invalid one. */
static int on_line(void *userdata, const char *section, const char *name, const char *value) {
        if (!streq(section, "Jobs")) {
                sd_journal_print(LOG_WARNING, "Unknown section [%s] in the configuration, ignoring.", section);
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(settings); i++)
                if (streq(settings[i].name, name)) {
                        if (!setting_apply(&settings[i], value, userdata))
                                sd_journal_print(LOG_WARNING, "Invalid or out-of-range setting in the configuration, "
                                                 "ignoring: %s=%s", name, value);
                        return 1;
                }
        sd_journal_print(LOG_WARNING, "Unknown setting %s= in the configuration, ignoring.", name);
        return 1;
}

uint32_t config_running_per_user(const Config *config, bool system_scope) {
        if (config->max_running_user > 0)
                return MIN(config->max_running_user, config->max_running);
        return config->max_running - (system_scope ? config->max_running / 4 : 0);
}

int config_load(Config *config, const char *path) {
        _cleanup_fclose_ FILE *f = NULL;
        Config read;
        int line;

        config_init(&read);
        f = fopen(path, "re");
        if (!f && errno != ENOENT)
                return -errno;
        line = f ? ini_parse_file(f, on_line, &read) : 0;
        if (line < 0 || (f && ferror(f)))
                return -EIO;
        if (line > 0)
                sd_journal_print(LOG_WARNING, "%s:%d: Expected NAME=VALUE, ignoring line.", path, line);
        *config = read;
        return 0;
}
