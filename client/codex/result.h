/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The structured result of a job of Codex: one JSON object, for programs. Nothing is ever missing; what is not
 * known is null.
 *
 *   schema           1
 *   kind             task, review or adversarial-review
 *   thread_id        of the thread, which can be continued
 *   model            as it was asked for; null: what Codex is set to
 *   last_message     of Codex; the answer, if error is null. Cut at the end to fit
 *   last_message_bytes   all of it
 *   commands         [{command, exit_code}], the latest; exit_code is null for one that did not end
 *   commands_omitted how many earlier ones are left out
 *   files            [{path, kind}], kind is add, update or delete
 *   files_omitted
 *   usage            {input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens}, of the whole
 *                    thread; null for reviews, which do not report it
 *   target           what a review is about; null: of a task
 *   review           {verdict, summary, findings, findings_omitted, next_steps} of an adversarial review, the gravest
 *                    findings first: [{severity, title, body, file, in_repository, line_start, line_end, confidence,
 *                    recommendation}]; null: there is none
 *   review_error     why the final message of one is not that; null: it is, or there is none
 *   error            one line with the failure and what to do; null: done
 *   next             [COMMAND, …]
 *
 * Commands and files are those that Codex reports, which leaves out what its sandbox refused. */

#include "findings.h"
#include "turn.h"

#define RESULT_MAX (64U * 1024U) /* bytes of the document, less is written */

typedef struct Result {
        const char *kind; /* these are not owned */
        const char *model;
        const char *error;
        const char *next; /* a command before those that continue the thread */
        const Turn *turn;
        const char *target;
        const Findings *findings; /* NULL: none were asked for */
} Result;

/* Makes the document, with a newline at the end. The caller frees it; NULL when memory is short. */
char *result_format(const Result *result, size_t *ret_size);

/* Writes it over the file at path, in place. Returns 0 or a negative errno. */
int result_write(const Result *result, const char *path);
