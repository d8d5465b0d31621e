/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What runs the jobs of a queue: the program that is the main process of their units. That of jobs on this host is
 * codex-jobs-worker. The others have the command run elsewhere and speak to the service as a worker does, see
 * worker-protocol.h: the same description and files, the same messages. When the unit is dead, they have reaped what they
 * left there: the program is executed once more, with --reap, after each end that it did not choose. */

#include <stdbool.h>
#include <stdint.h>

#include "job-limits.h"

#define LAUNCHER_HOST "host"
#define LAUNCHER_HOST_OPTIONS "--user" /* the only ones that it can have */

typedef struct Launcher {
        const char *name;    /* Launcher= of a queue */
        const char *program; /* its path */
} Launcher;

/* What is configured for it. */
typedef struct LauncherSettings {
        const char *options;    /* Options=; NULL: none */
        const char *slurm_conf; /* SlurmConf=; NULL: that of Slurm */
        const char *host;       /* Host=; NULL: none */
        uint64_t attempt;       /* of the job */
} LauncherSettings;

/* NULL: there is no such launcher, or it is that of jobs on this host. */
const Launcher *launcher_find(const char *name);
bool launcher_is_valid(const char *name);

/* Whether the program gets all of Options= or SlurmConf= through its environment, and can use it: at most 1000 bytes, and 64
 * words; an absolute path of at most 400 bytes; valid UTF-8 without control characters. */
bool launcher_accepts_options(const char *options);
bool launcher_accepts_path(const char *path);

/* The path of the main process, also for NULL. */
const char *launcher_program(const Launcher *launcher);

/* The name of a limit that is given and cannot be kept where the command runs; NULL: none. */
const char *launcher_refuses(const Launcher *launcher, const JobLimits *limits);

/* The environment of the program, NULL-terminated, which the caller frees with string_list_free(). NULL: out of memory. */
char **launcher_environment(const LauncherSettings *settings, const JobLimits *limits);
