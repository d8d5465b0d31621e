/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Lists of jobs as trees: which job submitted which. */

#include "jobs.h"

/* Moves each job behind its parent, if that is in the list, and behind older ones of the same parent; the others keep their
 * order. *ret_depths: of each job, 0 for one without a parent in the list; the caller frees it. Returns 0 or -ENOMEM. */
int job_list_to_tree(JobList *list, unsigned **ret_depths);
