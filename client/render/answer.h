/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a verb answers: the result of jobs that ended, what is left to do for those that did not, as text or as
 * JSON; and how it ends when it cannot. */

#include "excerpt.h"
#include "jobs.h"
#include "next.h"
#include "render-json.h"

/* ---- Jobs that ended ---- */

/* Text: what the job wrote to stdout goes to ours, within bounds; of one that did not complete, stderr tells how it
 * ended, the last lines of its stderr and the next command. Returns 0, or a negative errno with error set. */
int answer_result(Client *c, const JobRecord *record, const Bounds *bounds, sd_bus_error *error);

/* The line about how it ended, and the command that shows more. For one whose output was passed on already. */
int answer_end(Client *c, const JobRecord *record);

/* JSON: adds the job's output, within bounds and never more than 1 MiB each, to the extra. */
int answer_read_output(Client *c, const JobRecord *record, const Bounds *bounds, JsonExtra *extra,
                       sd_bus_error *error);

/* ---- Jobs that go on ---- */

/* Text: what the job is doing, on stderr. */
int answer_activity(const JobRecord *record);

/* Text: why jobs of the caller's that are queued do not begin, on stderr, where that can be said. */
int answer_why_queued(Client *c, const JobRecord *const *records, size_t n, sd_bus_error *error);

/* Text: the command that waits on, on stderr. any: for the first of them. */
int answer_await_command(Client *c, const char *text, const char *const *ids, size_t n, bool any);

/* ---- All of them ---- */

/* JSON: writes the document, with the commands that come next and, where a job of the caller's is queued, the queue.
 * extras: NULL, or one a job. Returns 0, or a negative errno with error set. */
int answer_json(Client *c, const JobRecord *const *records, const JsonExtra *extras, size_t n, bool single,
                NextKind kind, sd_bus_error *error);

/* The same for what is put together already, all but the commands. */
int answer_json_reply(Client *c, const JsonReply *reply, NextKind kind, sd_bus_error *error);

/* ---- The end of a verb that failed ---- */

/* Says why and returns the exit status: 128+n behind a signal, else STATUS_OWN_FAILURE. A reader that went away is
 * not worth a word, and as good as SIGPIPE. ids are the jobs that go on, none for n = 0. */
int answer_failure(Client *c, const sd_bus_error *error, int r, const char *const *ids, size_t n);

/* What it does behind a signal, where n > 0. any: the first of the jobs would have ended the wait. */
int answer_detached(Client *c, const char *const *ids, size_t n, bool any);
