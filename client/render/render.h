/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Jobs as text. Strings from jobs are shown on one line and are safe for terminals. */

#include <stdio.h>

#include "job-record.h"
#include "unit-limits.h"

#define DURATION_MAX 32

/* "850ms", "12s", "3min 20s", "2h 5min", "4d 3h". Returns ret. */
const char *format_duration(uint64_t usec, char ret[static DURATION_MAX]);

#define TIME_TEXT_MAX 64

/* "2026-11-30 04:05:49": local time. Returns ret, or NULL if it cannot be expressed. */
const char *format_time(uint64_t usec, char ret[static TIME_TEXT_MAX]);

#define SIZE_TEXT_MAX 44

/* "812B", "1.5K", "47.3M": bytes in powers of 1024. Returns ret. */
const char *format_size(uint64_t bytes, char ret[static SIZE_TEXT_MAX]);

/* These return a string that the caller frees; NULL: out of memory. */

/* The activity of an unfinished job: "running for 3min 20s: 3 of 8 files". */
char *render_activity(const JobRecord *record);

/* What an unfinished job reports, or what a queued one waits for, with times in local time; NULL: nothing. */
char *render_progress(const JobRecord *record);

/* How a job finished: "failed: exit code 3", "was cancelled by user 1000", with a remedy if there is one. */
char *render_end(const JobRecord *record);

/* The age of its state: "failed 2h 5min ago"; the activity of an unfinished job. */
char *render_age(const JobRecord *record);

/* Its activity, or how it finished, as a value: "cancelled by user 1000". */
char *render_state(const JobRecord *record);

/* A table of jobs, at most `width` columns wide. */
int render_table(FILE *f, const JobRecord *records, size_t n, size_t width);

/* The same with the times when jobs were submitted, in local time, instead of their ages. */
int render_history(FILE *f, const JobRecord *records, size_t n, size_t width);

/* Its result, or why that was rejected, and processes that it left running. */
int render_remains(FILE *f, const JobRecord *record);

/* The most important details of a job, one per line. */
int render_details(FILE *f, const JobRecord *record);

/* All details of a job, one per line. */
int render_story(FILE *f, const JobRecord *record, const JobLimits *limits);

/* One of these lines; nothing if the value is empty. */
int render_entry(FILE *f, const char *name, const char *value);

/* "alice", or the number of an unknown user. The caller frees it. */
char *render_user(uid_t uid);

/* The width of the terminal of stdout; SIZE_MAX if it is none. */
size_t terminal_width(void);
