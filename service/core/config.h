/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The configuration file, codex-jobs.conf(5): one section, [Jobs], in the syntax of systemd.syntax(7). */

#include <stdbool.h>
#include <stdint.h>

/* Of which jobs the environment and the standard input are kept when they have ended. */
typedef enum KeepInput {
        KEEP_INPUT_NO,
        KEEP_INPUT_FAILED, /* of those that did not complete */
        KEEP_INPUT_YES,
        _KEEP_INPUT_MAX,
} KeepInput;

typedef struct Config {
        uint32_t max_running;       /* MaxRunning=, 1 to 100000, default 16 */
        uint64_t stop_timeout_usec; /* StopTimeoutSec=, SIGTERM to SIGKILL, 0 to 1 h, default 10 s */
        uint64_t runtime_max_usec;  /* RuntimeMaxSec= of a job that names none; 0: none, the default */
        uint64_t output_max;        /* OutputMax= of a job that names none; 0: none; default 1 GiB */
        uint64_t retention_max_age_usec; /* RetentionMaxAgeSec=, 0: for ever; default 30 d */
        uint64_t retention_max_bytes;    /* RetentionMaxBytes= of output of a user, 0: any; default 10 GiB */

        KeepInput keep_input; /* KeepInput=, default no */

        /* Limits of one user, so that he costs the others nothing. */
        uint32_t max_running_user;      /* MaxRunningPerUser=; 0, the default: see config_running_per_user() */
        uint32_t max_queued_user;       /* MaxQueuedPerUser=, default 10000 */
        uint32_t max_queued;            /* MaxQueued=, of all users, default 100000 */
        uint32_t max_awaits_user;       /* MaxAwaitsPerUser=, calls that wait at a time, default 4096 */
        uint32_t max_stored_user;       /* MaxStoredPerUser=, jobs, default 100000 */
        uint64_t max_stored_bytes_user; /* MaxStoredBytesPerUser=, of output, 0: any; default 20 GiB */
} Config;

/* How many jobs of a user may run at a time, at most max_running. By default a quarter of the places, rounded down, is left to
 * the others, where there are others. */
uint32_t config_running_per_user(const Config *config, bool system_scope);

/* The values that hold without a file. */
void config_init(Config *config);

/* Reads path over the defaults. A missing file is none. Logs and passes over a line that it cannot read,
 * so that a slip never keeps the service from starting. Returns 0, or a negative errno where the file cannot be
 * read: then config stays as it is. */
int config_load(Config *config, const char *path);
