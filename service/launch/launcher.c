/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <inttypes.h>
#include <stdlib.h>

#include "build-config.h"
#include "launcher.h"
#include "macro.h"
#include "string-list.h"
#include "text-new.h"
#include "utf8.h"

#define LOCAL "local"
#define OPTIONS_MAX 1000
#define OPTIONS_WORDS_MAX 64
#define PATH_SIZE_MAX 400

static const Launcher launchers[] = { { "slurm", SLURM_PATH }, { LAUNCHER_HOST, HOST_PATH } };

const Launcher *launcher_find(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(launchers); i++)
                if (streq(launchers[i].name, name))
                        return &launchers[i];
        return NULL;
}

bool launcher_is_valid(const char *name) {
        return streq(name, LOCAL) || launcher_find(name);
}

/* The service manager refuses others in an environment. */
static bool is_clean(const char *text, size_t max) {
        size_t n = strlen(text);

        for (const char *p = text; *p; p++)
                if (((unsigned char) *p < ' ' && *p != '\t') || *p == 0x7f)
                        return false;
        return n <= max && utf8_is_valid(text, n);
}

bool launcher_accepts_options(const char *options) {
        const char *p = options + strspn(options, " \t");
        size_t n = 0;

        for (; *p; n++) {
                p += strcspn(p, " \t");
                p += strspn(p, " \t");
        }
        return n <= OPTIONS_WORDS_MAX && is_clean(options, OPTIONS_MAX);
}

bool launcher_accepts_path(const char *path) {
        return *path == '/' && is_clean(path, PATH_SIZE_MAX);
}

const char *launcher_program(const Launcher *launcher) {
        return launcher ? launcher->program : WORKER_PATH;
}

/* The others are passed along: those that a worker keeps, and MemoryMax. */
const char *launcher_refuses(const Launcher *launcher, const JobLimits *limits) {
        if (!launcher)
                return NULL;
        if (limits->tasks_max > 0)
                return "TasksMax";
        if (limits->cpu_weight > 0)
                return "CPUWeight";
        return limits->read_only > 0 ? "ReadOnly" : NULL;
}

char **launcher_environment(const LauncherSettings *settings, const JobLimits *limits) {
        char **list = calloc(6, sizeof(char *));
        size_t n = 0, expected = 0;

        if (!list)
                return NULL;
        if (settings->options && ++expected && (list[n] = text_new("CODEX_JOBS_LAUNCHER_OPTIONS=%s", settings->options)))
                n++;
        if (settings->slurm_conf && ++expected && (list[n] = text_new("SLURM_CONF=%s", settings->slurm_conf)))
                n++;
        if (settings->host && ++expected && (list[n] = text_new("CODEX_JOBS_HOST=%s", settings->host)))
                n++;
        if (settings->attempt > 1 && ++expected && (list[n] = text_new("CODEX_JOBS_ATTEMPT=%" PRIu64, settings->attempt)))
                n++;
        if (limits->memory_max > 0 && ++expected && (list[n] = text_new("CODEX_JOBS_MEMORY_MAX=%" PRIu64, limits->memory_max)))
                n++;
        if (n == expected)
                return list;
        string_list_free(list);
        return NULL;
}
