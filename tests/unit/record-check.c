/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "record-check.h"
#include "test.h"

void check_record(const JobRecord *a, const JobRecord *b) {
        check_string(a->id, b->id);
        check_string(a->kind, b->kind);
        check_string(a->label, b->label);
        check_int(a->state, b->state);
        check_int(a->reason, b->reason);
        check_int(a->exit_code, b->exit_code);
        check_int(a->signal, b->signal);
        check_int(a->uid, b->uid);
        check_string(a->queue, b->queue);
        check_string(a->directory, b->directory);
        check_string(a->workspace, b->workspace);
        check_string(a->session, b->session);
        check_int(a->created_usec, b->created_usec);
        check_int(a->started_usec, b->started_usec);
        check_int(a->finished_usec, b->finished_usec);
        check_int(a->sequence, b->sequence);
        check_string(a->progress, b->progress);
        check_int(a->stdout_bytes, b->stdout_bytes);
        check_int(a->stderr_bytes, b->stderr_bytes);
        check_string(a->result, b->result);
        check_int(a->stopped_by, b->stopped_by);
        check_string(a->result_error, b->result_error);
        check_string(a->left_behind, b->left_behind);
        check_string(a->end_source, b->end_source);
        check_string(a->resource_limits, b->resource_limits);
}
