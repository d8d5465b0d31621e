/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Changes of queued jobs by Edit: one operation, and so all of them or none. */

#include "job-error.h"
#include "store-internal.h"

typedef struct Edit {
        StoreOp op; /* first */
        const Spec *changes;
} Edit;

#define SET_LIMIT(name, member, ...) #member " = ?, "

STATEMENT(find_editable, "SELECT " LIMIT_COLUMNS "id FROM jobs WHERE id = ? AND state = 'queued' AND instance IS NULL");
STATEMENT(edit_limits, "UPDATE jobs SET " JOB_LIMITS(SET_LIMIT) "label = ifnull(?, label), queue = ifnull(?, queue) WHERE id = ?");
STATEMENT(edit_priority, "UPDATE jobs SET priority = ? WHERE id = ?");
STATEMENT(edit_not_before, "UPDATE jobs SET not_before_usec = ? WHERE id = ?");

static int execute_edit(Database *db, StoreOp *op) {
        const Spec *changes = ((Edit *) op)->changes;
        _cleanup_free_ char *id = NULL;
        JobLimits limits = {};
        int r;

        r = statement_one(db, &find_editable, "s>Ls", op->id, &limits, &id);
        if (r == -ENOENT) {
                op->answer = -JOB_ERROR_NOT_EDITABLE;
                return 0;
        }
        if (r < 0)
                return r;
        job_limits_change(&limits, &changes->limits);
        r = statement_run(db, &edit_limits, "Lsss", &limits, changes->label, changes->queue, op->id);
        if (r >= 0 && changes->priority != JOB_PRIORITY_NONE)
                r = statement_run(db, &edit_priority, "xs", (uint64_t) (int64_t) changes->priority, op->id);
        if (r >= 0 && changes->not_before_usec != JOB_MOMENT_NONE)
                r = statement_run(db, &edit_not_before, "ts", changes->not_before_usec, op->id);
        return r;
}

static const StoreOpType edit_type = { "edit", sizeof(Edit), execute_edit, store_finish_plain, NULL };

int store_edit(Store *store, const char *id, const Spec *changes, StoreCallback callback, void *userdata) {
        Edit *edit = store_op_new(store, &edit_type, id, userdata);

        if (!edit)
                return -ENOMEM;
        edit->op.callback = callback;
        edit->changes = changes;
        return store_submit(edit);
}
