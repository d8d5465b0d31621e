/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <ini.h>

#include "job-id.h"
#include "say.h"
#include "settings.h"
#include "text-new.h"
#include "time-util.h"

#define STATES_ALL (1U << JOB_COMPLETED | 1U << JOB_FAILED | 1U << JOB_CANCELLED)

/* ---- Lists of words ---- */

static char **words_free(char **words) {
        for (char **word = words; word && *word; word++)
                free(*word);
        free(words);
        return NULL;
}
DEFINE_CLEANUP(char **, words_free);

/* Returns NULL with 0 for no word at all. */
static int words_split(const char *text, char ***ret) {
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_(words_freep) char **words = NULL;
        char *rest = copy, *word;
        size_t n = 0;

        if (!copy)
                return -ENOMEM;
        while ((word = strsep(&rest, " \t"))) {
                char **longer;

                if (!*word)
                        continue;
                longer = reallocarray(words, n + 2, sizeof(char *));
                if (!longer)
                        return -ENOMEM;
                words = longer;
                words[n + 1] = NULL;
                words[n] = strdup(word);
                if (!words[n++])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* ---- Settings ---- */

/* Each returns 0, -EINVAL for a value that is not valid, -ENOMEM. */

static int set_time(const char *text, uint64_t min, uint64_t max, uint64_t *target) {
        uint64_t usec;

        if (parse_timespan(text, &usec) < 0 || usec < min || usec > max)
                return -EINVAL;
        *target = usec;
        return 0;
}

static int set_minimum(Settings *s, const char *text) {
        return set_time(text, 0, INT64_MAX, &s->minimum_usec);
}

static int set_summary_usec(Settings *s, const char *text) {
        return set_time(text, USEC_PER_SEC, 3600 * USEC_PER_SEC, &s->summary_usec);
}

static int set_summary_after(Settings *s, const char *text) {
        uint64_t n;

        if (parse_u64(text, &n) < 0 || n > SUMMARY_AFTER_MAX)
                return -EINVAL;
        s->summary_after = n;
        return 0;
}

static int set_timeout(Settings *s, const char *text) {
        uint64_t usec;

        if (parse_timespan(text, &usec) < 0)
                return -EINVAL;
        if (usec == USEC_INFINITY) {
                s->timeout_msec = 0;
                return 0;
        }
        if (usec < USEC_PER_SEC || usec > 24 * 3600 * USEC_PER_SEC)
                return -EINVAL;
        s->timeout_msec = (int32_t) (usec / USEC_PER_MSEC);
        return 0;
}

static int set_states(Settings *s, const char *text) {
        _cleanup_(words_freep) char **words = NULL;
        unsigned states = 0;
        int r;

        r = words_split(text, &words);
        if (r < 0)
                return r;
        for (char **word = words; word && *word; word++) {
                JobState state = job_state_from_string(*word);

                if (state < 0 || !job_state_is_terminal(state))
                        return -EINVAL;
                states |= 1U << state;
        }
        s->states = states > 0 ? states : STATES_ALL;
        return 0;
}

static int set_kinds(Settings *s, const char *text) {
        _cleanup_(words_freep) char **words = NULL;
        int r;

        r = words_split(text, &words);
        if (r < 0)
                return r;
        for (char **word = words; word && *word; word++)
                if (!job_kind_is_valid(*word))
                        return -EINVAL;
        (void) words_free(s->kinds);
        s->kinds = TAKE_PTR(words);
        return 0;
}

static int set_opener(Settings *s, const char *text) {
        char **words = NULL;
        int r;

        r = words_split(text, &words);
        if (r < 0)
                return r;
        if (!words)
                return -EINVAL;
        (void) words_free(s->opener);
        s->opener = words;
        return 0;
}

static const struct {
        const char *name;
        int (*set)(Settings *s, const char *text);
} settings_table[] = {
        { "MinimumSec", set_minimum },        { "Kinds", set_kinds },     { "States", set_states },
        { "SummaryAfter", set_summary_after }, { "SummarySec", set_summary_usec },
        { "TimeoutSec", set_timeout },        { "Opener", set_opener },
};

typedef struct Reading {
        Settings settings;
        int r;
} Reading;

/* Called by libinih for each line NAME=VALUE; returns 0 for one that is not understood. */
static int on_line(void *userdata, const char *section, const char *name, const char *value) {
        Reading *reading = userdata;
        int r;

        if (!streq(section, "Notify")) {
                say("Configuration: unknown section [%s], ignoring. Use [Notify].", section);
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(settings_table); i++)
                if (streq(settings_table[i].name, name)) {
                        r = settings_table[i].set(&reading->settings, value);
                        if (r == -EINVAL)
                                say("Configuration: invalid value %s=%s, ignoring. See codex-jobs-notify(1).", name,
                                    value);
                        else if (r < 0)
                                reading->r = r;
                        return 1;
                }
        say("Configuration: unknown setting %s=, ignoring. See codex-jobs-notify(1).", name);
        return 1;
}

void settings_clear(Settings *settings) {
        (void) words_free(settings->kinds);
        (void) words_free(settings->opener);
        *settings = (Settings) {};
}

static int settings_read(Reading *reading, const char *path) {
        _cleanup_fclose_ FILE *f = NULL;
        int line;

        f = path ? fopen(path, "re") : NULL;
        if (!f)
                return !path || errno == ENOENT ? 0 : -errno;
        line = ini_parse_file(f, on_line, reading);
        if (line > 0)
                say("Configuration: line %d of %s is not NAME=VALUE, ignoring.", line, path);
        return line < 0 ? -EIO : reading->r;
}

int settings_load(Settings *settings, const char *path) {
        Reading reading = {
                .settings = {
                        .states = STATES_ALL,
                        .summary_after = 3,
                        .summary_usec = 10 * USEC_PER_SEC,
                        .timeout_msec = -1,
                },
        };
        int r;

        r = set_opener(&reading.settings, "xdg-open");
        if (r >= 0)
                r = settings_read(&reading, path);
        if (r < 0) {
                settings_clear(&reading.settings);
                return r;
        }
        settings_clear(settings);
        *settings = reading.settings;
        return 0;
}

char *settings_path(void) {
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

        if (!isempty(config) && config[0] == '/')
                return text_new("%s/codex-jobs/notify.conf", config);
        return isempty(home) ? NULL : text_new("%s/.config/codex-jobs/notify.conf", home);
}

static bool kind_is_wanted(const Settings *settings, const char *kind) {
        if (!settings->kinds)
                return true;
        for (char **word = settings->kinds; *word; word++)
                if (streq(*word, strempty(kind)))
                        return true;
        return false;
}

bool settings_want(const Settings *settings, const JobRecord *record) {
        uint64_t ran = record->finished_usec > record->started_usec ? record->finished_usec - record->started_usec : 0;

        if (!record->notify || !(settings->states & 1U << record->state) || !kind_is_wanted(settings, record->kind))
                return false;
        return record->state != JOB_COMPLETED || ran >= settings->minimum_usec;
}
