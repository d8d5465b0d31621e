/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Jobs as text for people. What comes from a job is put on one line and can do nothing to a terminal. */

#include <stdio.h>

#include "job-record.h"
#include "unit-limits.h"

#define DURATION_MAX 32

/* "850ms", "12s", "3min 20s", "2h 5min", "4d 3h". Returns ret. */
const char *format_duration(uint64_t usec, char ret[static DURATION_MAX]);

#define SIZE_TEXT_MAX 32

/* "812B", "1.5K", "47.3M": bytes in powers of 1024. Returns ret. */
const char *format_size(uint64_t bytes, char ret[static SIZE_TEXT_MAX]);

/* These return a string that the caller frees, NULL when memory is short. */

/* What a job that has not ended does: "running for 3min 20s: 3 of 8 files". */
char *render_activity(const JobRecord *record);

/* How a job ended: "failed: exit code 3", "was cancelled by user 1000". Names the way out where there is one. */
char *render_end(const JobRecord *record);

/* Since when it is what it is: "failed 2h 5min ago", or what it does. */
char *render_age(const JobRecord *record);

/* What it does, or how it ended, behind a name for that: "cancelled by user 1000". */
char *render_state(const JobRecord *record);

/* A table of jobs, at most `width` columns wide. */
int render_table(FILE *f, const JobRecord *records, size_t n, size_t width);

/* The same for a look back: with the points in time at which they were handed over, in local time, in place of ages. */
int render_history(FILE *f, const JobRecord *records, size_t n, size_t width);

/* What it left as its result, or why that was not taken, and what was ended because it was left running. */
int render_remains(FILE *f, const JobRecord *record);

/* What matters about one job, a line an entry. */
int render_details(FILE *f, const JobRecord *record);

/* All that is known of one job, a line an entry. */
int render_story(FILE *f, const JobRecord *record, const JobLimits *limits);

/* One entry of these; nothing where the value is empty. */
int render_entry(FILE *f, const char *name, const char *value);

/* "alice", or the number of a user without a name. The caller frees it. */
char *render_user(uid_t uid);

/* The width of the terminal behind stdout; SIZE_MAX where it is none. */
size_t terminal_width(void);
