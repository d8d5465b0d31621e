/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Changes of queued jobs by Edit: one operation, and so all of them or none. */

#include "job-error.h"
#include "store-internal.h"

typedef struct Edit {
        StoreOp op; /* first */
        const Spec *changes;
        StoreEditCallback callback;
        char *failed;
        char *missing;
} Edit;

#define SET_LIMIT(name, member, ...) #member " = ?, "

STATEMENT(find_editable, "SELECT " LIMIT_COLUMNS "uid FROM jobs WHERE id = ? AND state = 'queued' AND instance IS NULL "
                         "AND failed_dependency IS NULL");
STATEMENT(edit_limits, "UPDATE jobs SET " JOB_LIMITS(SET_LIMIT) "label = ifnull(?, label), queue = ifnull(?, queue) WHERE id = ?");
STATEMENT(edit_priority, "UPDATE jobs SET priority = ? WHERE id = ?");
STATEMENT(edit_not_before, "UPDATE jobs SET not_before_usec = ? WHERE id = ?");
STATEMENT(edit_after, "UPDATE jobs SET after = ?, failed_dependency = ? WHERE id = ?");

static int edit_dependencies(Database *db, Edit *edit, uint32_t uid) {
        const char *after = edit->changes->after;
        JobRecord record = { .id = edit->op.id, .uid = uid, .after = edit->changes->after };
        int r;

        r = database_replace_dependencies(db, &record, &edit->failed, &edit->missing);
        return r < 0 ? r : statement_run(db, &edit_after, "sss", *after ? after : NULL, edit->failed, edit->op.id);
}

static void clear_edit(StoreOp *op) {
        Edit *edit = (Edit *) op;

        free(edit->failed);
        free(edit->missing);
        edit->failed = edit->missing = NULL;
}

static int execute_edit(Database *db, StoreOp *op) {
        const Spec *changes = ((Edit *) op)->changes;
        JobLimits limits = {};
        uint32_t uid = 0;
        int r;

        clear_edit(op); /* of a batch that was rolled back */
        r = statement_one(db, &find_editable, "s>Lu", op->id, &limits, &uid);
        if (r == -ENOENT) {
                op->answer = -JOB_ERROR_NOT_EDITABLE;
                return 0;
        }
        if (r >= 0 && changes->after) /* which may be refused */
                r = edit_dependencies(db, (Edit *) op, uid);
        if (r == -ENOENT) {
                op->answer = -JOB_ERROR_NO_DEPENDENCY;
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

static void finish_edit(StoreOp *op) {
        Edit *edit = (Edit *) op;
        int r = store_op_result(op);

        edit->callback(r, r < 0 ? edit->missing : edit->failed, op->userdata);
}

static const StoreOpType edit_type = { "edit", sizeof(Edit), execute_edit, finish_edit, clear_edit };

int store_edit(Store *store, const char *id, const Spec *changes, StoreEditCallback callback, void *userdata) {
        Edit *edit = store_op_new(store, &edit_type, id, userdata);

        if (!edit)
                return -ENOMEM;
        edit->callback = callback;
        edit->changes = changes;
        return store_submit(edit);
}
