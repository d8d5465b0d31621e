/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Jobs as tasks of the protocol. The ID of a task is that of its job, so that any server of the same user answers for
 * it. */

#include "exchange.h"
#include "job-record.h"

/* Adds the members of a task. is_new: it was just created, and is working whatever the job is. Returns 0 or -ENOMEM. */
int task_object_fill(json_object *o, const JobRecord *record, bool modern, bool is_new);

/* The result of a request that became a task. NULL: there was no memory for it. */
json_object *task_object_created(const JobRecord *record, bool modern);
