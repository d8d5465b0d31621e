/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* What an exchange waits for: a call of the service, jobs, or their output. A method that cannot answer at once keeps
 * an object of its own, which begins with this.
 *
 * What comes of a wait is passed to a step. It returns 0, or a negative errno if it has not ended the exchange, which
 * then fails with that. Behind a step that has ended the exchange, the object is gone. */

#include "hold.h"
#include "report.h"

typedef struct Work Work;

typedef int (*work_reply_t)(Work *work, sd_bus_message *reply);
typedef int (*work_step_t)(Work *work);
typedef json_object *(*work_result_t)(Work *work,
                                      json_object *structured /* taken; NULL: there was no memory for it */);

struct Work {
        Exchange *exchange;     /* not owned */
        json_object *arguments; /* owned, for what points into them; NULL: none */
        void (*refused)(Work *work, const sd_bus_error *error); /* ends the exchange; NULL: as a tool does */
        void (*clear)(Work *work); /* frees what the object has beside this; NULL: nothing */

        Call *call; /* one at a time; likewise the others. For work.c. */
        Hold *hold;
        Report *report;
        work_reply_t replied;
        work_step_t over;
        work_result_t made;
};

/* Makes it, which malloc(3) returned, the work of its exchange. */
void work_set(Work *work);

/* These return 0 or a negative errno. */
int work_call(Work *work, CallMode mode, const char *method, call_append_t append, void *arguments,
              work_reply_t replied);
int work_hold(Work *work, const char *const *ids, size_t n, bool any, uint64_t usec, work_step_t over);

/* Answers with jobs: with the result that made() returns, NULL: there was no memory for it; without made, with that of
 * a tool. */
int work_report(Work *work, const JobRecord *const *records, size_t n, const ReportOptions *options,
                work_result_t made);

/* The jobs that were held, and what became of the wait. */
int work_report_held(Work *work, uint64_t bytes, const char *note /* if not all have ended */);
