/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Waits for jobs and answers with them. */

#include "exchange.h"

typedef struct AwaitOptions {
        bool any;
        uint64_t usec;
        uint64_t bytes; /* of the output of each job */
        bool may_be_task; /* a single job that has not ended then becomes a task */
        bool is_task;     /* it becomes one in any case */
} AwaitOptions;

/* Becomes the work of the exchange, and answers it. What was its work before is freed first: the IDs must not be of
 * that. Returns 0 or a negative errno. */
int await_jobs(Exchange *x, const char *const *ids, size_t n, const AwaitOptions *options);

/* The time until an answer, from an argument in milliseconds. */
uint64_t await_usec(const Mcp *mcp, json_object *arguments, const char *name);
