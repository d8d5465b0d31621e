/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The output of verbs: results of finished jobs and hints about others, as text or JSON, and exit statuses after
 * failures. */

#include "excerpt.h"
#include "jobs.h"
#include "next.h"
#include "render-json.h"

/* ---- Finished jobs ---- */

/* Text: writes the stdout of the job to ours, within bounds. For a job that did not complete, how it finished, the
 * last lines of its stderr and the next command are shown on stderr. Returns 0, or a negative errno with error set. */
int answer_result(Client *c, const JobRecord *record, const Bounds *bounds, sd_bus_error *error);

/* How the job finished, and the command that shows more. For jobs whose output was passed on already. */
int answer_end(Client *c, const JobRecord *record);

/* JSON: adds the output of the job to extra, within bounds and at most 1 MiB of each stream. */
int answer_read_output(Client *c, const JobRecord *record, const Bounds *bounds, JsonExtra *extra,
                       sd_bus_error *error);

/* ---- Unfinished jobs ---- */

/* Text: the activity of the job, on stderr. */
int answer_activity(const JobRecord *record);

/* Text: why queued jobs of the caller do not start, if known, on stderr. */
int answer_why_queued(Client *c, const JobRecord *const *records, size_t n, sd_bus_error *error);

/* Text: the command to reattach, on stderr. any: for the first of the jobs. */
int answer_await_command(Client *c, const char *text, const char *const *ids, size_t n, bool any);

/* ---- All jobs ---- */

/* JSON: writes the document, with suggested next commands and, if a job of the caller is queued, the queue.
 * extras: NULL, or one per job. Returns 0, or a negative errno with error set. */
int answer_json(Client *c, const JobRecord *const *records, const JsonExtra *extras, size_t n, bool single,
                NextKind kind, sd_bus_error *error);

/* The same for a reply that is complete except for the commands. */
int answer_json_reply(Client *c, const JsonReply *reply, NextKind kind, sd_bus_error *error);

/* ---- Failures ---- */

/* Reports a failure and returns the exit status: 128+n after a signal, else STATUS_OWN_FAILURE. Nothing is reported if
 * the reader went away, as after SIGPIPE. c: NULL without a connection. */
int answer_failure(Client *c, sd_bus_error *error, int r);

/* The same after a signal while jobs keep running. any: the wait was for the first of them. */
int answer_detached(Client *c, const char *const *ids, size_t n, bool any);
