/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The configuration of codex-jobs-notify: $XDG_CONFIG_HOME/codex-jobs/notify.conf, one section [Notify], in the
 * syntax of systemd.syntax(7). See codex-jobs-notify(1). */

#include "job-record.h"

#define SUMMARY_AFTER_MAX 100U

typedef struct Settings {
        uint64_t minimum_usec;  /* MinimumSec=: of those that completed, only what ran so long; default 0 */
        char **kinds;           /* Kinds=, NULL: all */
        unsigned states;        /* States=, bits 1 << JobState; default all three */
        uint64_t summary_after; /* SummaryAfter=, 0 to 100, default 3 */
        uint64_t summary_usec;  /* SummarySec=, 1 s to 1 h, default 10 s */
        int32_t timeout_msec;   /* TimeoutSec=, 0: never; default -1: the server decides */
        char **opener;          /* Opener=, default xdg-open; the path of a file is appended */
} Settings;

/* Reads path over the defaults; NULL or a file that is missing leaves these. What is not understood is told and
 * passed over. On a negative errno settings are as they were. */
int settings_load(Settings *settings, const char *path);
void settings_clear(Settings *settings);

/* Where the file of this user is; NULL when memory is short or there is no home. The caller frees it. */
char *settings_path(void);

/* Whether the end of this job is told of. */
bool settings_want(const Settings *settings, const JobRecord *record);
