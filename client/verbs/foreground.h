/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Submitting a job and waiting for it, as run, task and task --await do. Each function returns the exit status of
 * codex-jobs, or a negative errno. */

#include "stay.h"

/* Fills in the request of a verb whose arguments are a command. */
int read_command(Invocation *in, RequestOptions *options, Spec *request);

/* Submits the job, passes on its output, and exits with its status. */
int run_in_foreground(Invocation *in, Spec *request, uint64_t timeout_usec);

/* Submits the job, shows its progress, and then its result. */
int run_and_await(Invocation *in, Spec *request, const Stay *stay);

/* Submits the job and prints its ID; with hint also the command that waits, on stdout. */
int run_in_background(Invocation *in, Spec *request, bool hint);

/* One of these, depending on the options; in the foreground by default. */
int run_as_asked(Invocation *in, Spec *request, const Stay *stay);
