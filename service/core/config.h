/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The configuration file, codex-jobs.conf(5): a section [Jobs], and one [Queue NAME] for each queue of the administrator, in
 * the syntax of systemd.syntax(7). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Jobs whose environment and standard input are kept after their end. */
typedef enum KeepInput {
        KEEP_INPUT_NO,
        KEEP_INPUT_FAILED, /* all that did not complete */
        KEEP_INPUT_YES,
        _KEEP_INPUT_MAX,
} KeepInput;

#define CONFIG_QUEUE_MAX 40 /* bytes of the name of such a queue; libinih shortens those of sections */
#define CONFIG_QUEUES_MAX 100U

/* A section [Queue NAME]. Numbers: 0, the default, is no limit. */
typedef struct ConfigQueue {
        char name[CONFIG_QUEUE_MAX + 1];
        uint32_t max_running;      /* MaxRunning=, of all users, 1 to 65535 */
        uint32_t max_running_user; /* MaxRunningPerUser=, likewise */
        uint64_t runtime_max_usec; /* RuntimeMaxSec=, default and maximum for its jobs, like the next one */
        uint64_t output_max;       /* OutputMax= */
        const char *launcher;      /* Launcher=, static; NULL: local, the default */
        char *options;             /* Options= of the launcher, separated by blanks; NULL: none */
        char *slurm_conf;          /* SlurmConf=; NULL: not given */
        char *host;                /* Host=, likewise */
        char *groups;              /* AllowGroups=, separated by blanks; NULL: none is required */
        uint32_t *gids;            /* those that exist */
        size_t n_gids;
        bool has_launcher;         /* Launcher= is given */
        bool is_closed;            /* a line of it is invalid: none of its jobs starts, since it is not known how it was meant */
        char *problem;             /* that line, or one without this effect; NULL: none */
} ConfigQueue;

typedef struct Config {
        uint32_t max_running;       /* MaxRunning=, 1 to 100000, default 16 */
        uint64_t stop_timeout_usec; /* StopTimeoutSec=, SIGTERM to SIGKILL, 0 to 1 h, default 10 s */
        uint64_t runtime_max_usec;  /* RuntimeMaxSec=, default for jobs; 0: no limit, the default */
        uint64_t output_max;        /* OutputMax=, default for jobs; 0: no limit; default 1 GiB */
        uint64_t retention_max_age_usec; /* RetentionMaxAgeSec=, 0: no limit; default 30 d */
        uint64_t retention_max_bytes;    /* RetentionMaxBytes=, output of one user, 0: no limit; default 10 GiB */

        KeepInput keep_input; /* KeepInput=, default no */

        /* Limits of one user, for fairness between users. */
        uint32_t max_running_user;      /* MaxRunningPerUser=; 0, the default: see config_running_per_user() */
        uint32_t max_queued_user;       /* MaxQueuedPerUser=, default 10000 */
        uint32_t max_queued;            /* MaxQueued=, of all users, default 100000 */
        uint32_t max_awaits_user;       /* MaxAwaitsPerUser=, pending calls, default 4096 */
        uint32_t max_stored_user;       /* MaxStoredPerUser=, jobs, default 100000 */
        uint64_t max_stored_bytes_user; /* MaxStoredBytesPerUser=, of output, 0: no limit; default 20 GiB */

        ConfigQueue *queues; /* owned */
        size_t n_queues;
} Config;

/* Limit of running jobs of one user, at most max_running. The default in the system scope reserves a quarter of the
 * slots, rounded down, for other users. */
uint32_t config_running_per_user(const Config *config, bool system_scope);

/* Sets the defaults. config_clear() frees what it owns, and sets them again. */
void config_init(Config *config);
void config_clear(Config *config);

/* The queue with that name, NULL: none. */
const ConfigQueue *config_find_queue(const Config *config, const char *name);

/* Whether a process with these groups may submit jobs to it. */
bool config_queue_allows(const ConfigQueue *queue, const uint32_t *gids, size_t n);

/* Reads path over the defaults into config, which is initialised; the file is optional. Invalid lines are logged and never keep
 * the service from starting: those of [Jobs] are ignored, those of a queue close it. Returns 0, or a negative errno if the file cannot be read; config is then unchanged. */
int config_load(Config *config, const char *path);
