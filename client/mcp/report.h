/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Jobs as the structured content of a tool: their states, and the last of the output of those that have ended. */

#include "exchange.h"
#include "job-record.h"

#define REPORT_BYTES 6000       /* of the output of a job, by default */
#define REPORT_NOTE "Not ended yet; it keeps running. Do not run it again, call next."

typedef struct Report Report;

typedef struct ReportOptions {
        bool done;        /* what was asked for has come */
        uint64_t bytes;   /* of the output of each job; 0: none */
        const char *note; /* copied; NULL: none */
} ReportOptions;

/* Called once with what was made, which is taken; NULL: there was no memory for it. The report may be freed inside. */
typedef void (*report_done_t)(json_object *structured, void *userdata);

/* Copies the records. made() is called inside if there is no output to read. */
int report_new(Mcp *mcp, const JobRecord *const *records, size_t n, const ReportOptions *options, report_done_t made,
               void *userdata, Report **ret);
Report *report_free(Report *r);
DEFINE_CLEANUP(Report *, report_free);

/* The result of a tool with that content, as structure and as text. Takes it; NULL: there was no memory for it. */
json_object *report_result(json_object *structured);

/* The same as part of a task of 2026-07-28, which has all that a result of that version must have. */
json_object *report_result_of_task(json_object *structured);
