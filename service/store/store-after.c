/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What queued jobs wait for: other jobs, and their release. */

#include "job-error.h"
#include "store-internal.h"

/* --- dependencies ---------------------------------------------------------------------------------- */

STATEMENT(find_other, "SELECT state FROM jobs WHERE id = ? AND uid = ?");
STATEMENT(add_dependency, "INSERT INTO dependencies VALUES (?, ?, ?)");
STATEMENT(drop_dependencies, "DELETE FROM dependencies WHERE job = ?");

static int copy_id(const char *id, char **ret) {
        free(*ret);
        *ret = strdup(id);
        return *ret ? 0 : -ENOMEM;
}

/* Returns 1 if the other job has ended, and not as required. */
static int add_one(Database *db, const JobRecord *record, const char *other, JobCondition condition) {
        JobState state;
        int r;

        r = statement_one(db, &find_other, "su>S", other, record->uid, &state);
        if (r < 0)
                return r;
        if (job_state_is_terminal(state))
                return !job_condition_is_met(condition, state);
        return statement_run(db, &add_dependency, "sss", record->id, other, job_condition_to_string(condition));
}

int database_add_dependencies(Database *db, const JobRecord *record, char **ret_failed, char **ret_missing) {
        const char *p = strempty(record->after);
        char other[JOB_ID_MAX + 1];
        JobCondition condition;
        int r;

        while ((r = job_after_next(&p, other, &condition)) > 0) {
                r = add_one(db, record, other, condition);
                if (r < 0)
                        break;
                if (r > 0 && !*ret_failed && copy_id(other, ret_failed) < 0)
                        return -ENOMEM;
        }
        if (r == -ENOENT && copy_id(other, ret_missing) < 0)
                return -ENOMEM;
        return r;
}

/* Nothing is changed before all of them are found. */
int database_replace_dependencies(Database *db, const JobRecord *record, char **ret_failed, char **ret_missing) {
        const char *p = strempty(record->after);
        char other[JOB_ID_MAX + 1];
        JobCondition condition;
        JobState state;
        int r;

        while ((r = job_after_next(&p, other, &condition)) > 0) {
                r = statement_one(db, &find_other, "su>S", other, record->uid, &state);
                if (r == -ENOENT && copy_id(other, ret_missing) < 0)
                        return -ENOMEM;
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = database_drop_dependencies(db, record->id);
        return r < 0 ? r : database_add_dependencies(db, record, ret_failed, ret_missing);
}

int database_drop_dependencies(Database *db, const char *id) {
        return statement_run(db, &drop_dependencies, "s", id);
}

/* Of each condition at once: one job may have thousands of dependents. With the plus, SQLite does not look for them among all
 * jobs that have no sequence. */
STATEMENT(fail_dependents, "UPDATE jobs SET failed_dependency = ?1 WHERE +sequence IS NULL AND failed_dependency IS NULL AND "
                           "id IN (SELECT job FROM dependencies WHERE other = ?1 AND condition = ?2)");
STATEMENT(drop_dependents, "DELETE FROM dependencies WHERE other = ?");

int database_resolve_dependencies(Database *db, const char *id, JobState state) {
        int r = 0;

        for (JobCondition c = 0; c < _JOB_CONDITION_MAX && r >= 0; c++)
                if (!job_condition_is_met(c, state))
                        r = statement_run(db, &fail_dependents, "ss", id, job_condition_to_string(c));
        if (r >= 0)
                r = statement_run(db, &drop_dependents, "s", id);
        return r < 0 ? r : statement_run(db, &drop_dependencies, "s", id);
}

STATEMENT(load_dependencies, "SELECT job, other, condition FROM dependencies ORDER BY job, other");

int store_load_dependencies(Store *store, int (*found)(const char *id, const char *other, JobCondition condition, void *userdata),
                            void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(store->db, &load_dependencies, &s, "");
        while (r >= 0 && (r = statement_next(s)) > 0) {
                _cleanup_free_ char *id = NULL, *other = NULL, *word = NULL;
                JobCondition condition;

                r = statement_read(s, "sss", &id, &other, &word);
                condition = r < 0 ? _JOB_CONDITION_INVALID : job_condition_from_string(strempty(word));
                if (r >= 0 && condition < 0)
                        r = -EBADMSG;
                if (r >= 0)
                        r = found(strempty(id), strempty(other), condition, userdata);
        }
        return r;
}

/* --- hold ------------------------------------------------------------------------------------------ */

typedef struct Hold {
        StoreOp op; /* first */
        bool held;
} Hold;

STATEMENT(set_held, "UPDATE jobs SET held = ? WHERE id = ? AND state = 'queued' AND instance IS NULL");

static int execute_hold(Database *db, StoreOp *op) {
        int r;

        r = statement_run(db, &set_held, "ts", (uint64_t) ((Hold *) op)->held, op->id);
        if (r >= 0 && database_changes(db) != 1)
                op->answer = -JOB_ERROR_NOT_QUEUED;
        return r;
}

static const StoreOpType hold_type = { "hold", sizeof(Hold), execute_hold, store_finish_plain, NULL };

int store_hold(Store *store, const char *id, bool held, StoreCallback callback, void *userdata) {
        Hold *hold = store_op_new(store, &hold_type, id, userdata);

        if (!hold)
                return -ENOMEM;
        hold->op.callback = callback;
        hold->held = held;
        return store_submit(hold);
}
