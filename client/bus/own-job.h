/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The job that we are part of, if any, and jobs that cannot end before it. */

#include <systemd/sd-bus.h>

#include "job-record.h"

/* $CODEX_JOB_ID. NULL: none, or not an ID. */
const char *own_job_id(void);

/* Whether waiting for a job would never end: it is our own, or starts after that; and it is not being cancelled. */
bool own_job_blocks(const JobRecord *record);

/* If it would, sets the error and returns a negative errno, else 0. */
int own_job_check(const JobRecord *record, sd_bus_error *error);

/* The same for a job that is not submitted yet, which depends on these, see job-after.h; NULL: on none. */
int own_job_check_after(const char *after, sd_bus_error *error);
