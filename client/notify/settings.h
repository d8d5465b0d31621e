/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The configuration of codex-jobs-notify: $XDG_CONFIG_HOME/codex-jobs/notify.conf, one section [Notify], in the
 * syntax of systemd.syntax(7). See codex-jobs-notify(1). */

#include "job-record.h"

#define SUMMARY_AFTER_MAX 100U

typedef struct Settings {
        uint64_t minimum_usec;  /* MinimumSec=: minimum runtime of completed jobs; default 0 */
        char **kinds;           /* Kinds=, NULL: all */
        unsigned states;        /* States=, bits 1 << JobState; default all three */
        uint64_t summary_after; /* SummaryAfter=, 0 to 100, default 3 */
        uint64_t summary_usec;  /* SummarySec=, 1 s to 1 h, default 10 s */
        int32_t timeout_msec;   /* TimeoutSec=, 0: never; default -1: the server decides */
        char **opener;          /* Opener=, default xdg-open; the path of a file is appended */
} Settings;

/* Reads path on top of the defaults, which are kept if path is NULL or missing. Invalid lines are logged and ignored.
 * On failure, returns a negative errno with settings unchanged. */
int settings_load(Settings *settings, const char *path);
void settings_clear(Settings *settings);

/* Where the file of this user is; NULL when memory is short or there is no home. The caller frees it. */
char *settings_path(void);

/* Whether a finished job is shown. */
bool settings_want(const Settings *settings, const JobRecord *record);
