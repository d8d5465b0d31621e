/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enqueueing a job and staying with it, as run, task and task --await do. */

#include "options.h"
#include "request.h"

/* Enqueues, passes on what the job writes as it writes it, and returns the exit status of codex-jobs. */
int run_in_foreground(const Common *common, Request *request, uint64_t timeout_usec);

/* Enqueues, says how to come back, tells of progress, and shows the result at the end. Returns the exit status. */
int run_and_await(const Common *common, Request *request, uint64_t timeout_usec, uint64_t poll_usec);

/* Enqueues and shows the id; with hint also, on stdout, the command that awaits it. Returns the exit status. */
int run_in_background(const Common *common, Request *request, bool hint);
