/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Log messages about one job, for journalctl CODEX_JOB_ID=ID. */

#include <systemd/sd-journal.h>

#define log_job(job, priority, format, ...)                                                                   \
        (void) sd_journal_send("MESSAGE=%s: " format, (job)->record.id, __VA_ARGS__, "PRIORITY=%i", priority, \
                               "CODEX_JOB_ID=%s", (job)->record.id, NULL)
