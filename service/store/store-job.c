/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Changes of a job: begun, started, stopped, finished. */

#include "store-internal.h"

/* --- begin ----------------------------------------------------------------------------------------- */

typedef struct Begin {
        StoreOp op; /* first */
        StoreSpecCallback callback;
        char *instance;
        char *secret;
        char *launcher;
        uint64_t attempt;
        int32_t slot;
        int spec_fd; /* out */
} Begin;

STATEMENT(mark_begun, "UPDATE jobs SET instance = ?, secret = ?, attempt = ?, slot = coalesce(?, -1), launcher = ?, next_attempt_usec = 0, "
                      "place = NULL, place_id = NULL "
                      "WHERE id = ? AND state = 'queued'");

int database_mark_begun(Database *db, const char *id, const char *instance, const char *secret, uint64_t attempt,
                        int32_t slot, const char *launcher) {
        return statement_run(db, &mark_begun, "sstuss", instance, secret, attempt, (uint32_t) slot, launcher, id);
}

static int execute_begin(Database *db, StoreOp *op) {
        Begin *begin = (Begin *) op;
        int r;

        r = database_mark_begun(db, op->id, begin->instance, begin->secret, begin->attempt, begin->slot, begin->launcher);
        return r < 0 ? r : database_read_spec(db, op->id, store_write_memfd, &begin->spec_fd);
}

static void finish_begin(StoreOp *op) {
        Begin *begin = (Begin *) op;

        if (begin->callback)
                begin->callback(op->result, op->result < 0 ? -EBADF : TAKE_FD(begin->spec_fd), op->userdata);
}

static void clear_begin(StoreOp *op) {
        Begin *begin = (Begin *) op;

        free(begin->instance);
        free(begin->secret);
        free(begin->launcher);
        closep(&begin->spec_fd);
}

static const StoreOpType begin_type = { "begin", sizeof(Begin), execute_begin, finish_begin, clear_begin };

int store_begin(Store *store, const char *id, const char *instance, const char *secret, uint64_t attempt, int32_t slot,
                const char *launcher, StoreSpecCallback callback, void *userdata) {
        _cleanup_op_ Begin *begin = store_op_new(store, &begin_type, id, userdata);

        if (!begin)
                return -ENOMEM;
        begin->callback = callback;
        begin->attempt = attempt;
        begin->slot = slot;
        begin->spec_fd = -EBADF;
        begin->instance = instance ? strdup(instance) : NULL;
        begin->secret = secret ? strdup(secret) : NULL;
        begin->launcher = launcher ? strdup(launcher) : NULL;
        if ((instance && !begin->instance) || (secret && !begin->secret) || (launcher && !begin->launcher))
                return -ENOMEM;
        return store_submit(TAKE_PTR(begin));
}

/* --- reap ------------------------------------------------------------------------------------------ */

typedef struct Reap {
        StoreOp op; /* first */
        char *instance;
        StoreCallback callback;
} Reap;

STATEMENT(mark_reaped, "UPDATE jobs SET instance = ?, secret = NULL, state = 'running' WHERE id = ? AND sequence IS NULL");

static int execute_reap(Database *db, StoreOp *op) {
        return statement_run(db, &mark_reaped, "ss", ((Reap *) op)->instance, op->id);
}

static void finish_reap(StoreOp *op) {
        ((Reap *) op)->callback(op->result, op->userdata);
}

static void clear_reap(StoreOp *op) {
        free(((Reap *) op)->instance);
}

static const StoreOpType reap_type = { "begin", sizeof(Reap), execute_reap, finish_reap, clear_reap };

int store_reap(Store *store, const char *id, const char *instance, StoreCallback callback, void *userdata) {
        _cleanup_op_ Reap *reap = store_op_new(store, &reap_type, id, userdata);

        if (!reap)
                return -ENOMEM;
        reap->callback = callback;
        reap->instance = strdup(instance);
        return reap->instance ? store_submit(TAKE_PTR(reap)) : -ENOMEM;
}

/* --- started --------------------------------------------------------------------------------------- */

typedef struct Started {
        StoreOp op; /* first */
        uint64_t usec;
} Started;

STATEMENT(mark_started, "UPDATE jobs SET state = 'running', started_usec = ? WHERE id = ? AND state = 'queued'");

static int execute_started(Database *db, StoreOp *op) {
        return statement_run(db, &mark_started, "ts", ((Started *) op)->usec, op->id);
}

static const StoreOpType started_type = { "started", sizeof(Started), execute_started, store_finish_plain, NULL };

int store_started(Store *store, const char *id, uint64_t started_usec) {
        Started *started = store_op_new(store, &started_type, id, NULL);

        if (!started)
                return -ENOMEM;
        started->usec = started_usec;
        return store_submit(started);
}

/* --- stop ------------------------------------------------------------------------------------------ */

typedef struct Stop {
        StoreOp op; /* first */
        JobReason reason;
        uint32_t uid;
} Stop;

STATEMENT(mark_stopped, "UPDATE jobs SET stop_reason = ?, stopped_by = ? WHERE id = ? AND sequence IS NULL");

/* Jobs that were submitted by it or by each other, unless they are detached or are being stopped already. For the plus see
 * fail_dependents. */
STATEMENT(mark_tree_stopped, "WITH RECURSIVE tree (id) AS (VALUES (?3) UNION "
                             "  SELECT jobs.id FROM tree JOIN jobs INDEXED BY jobs_by_parent ON jobs.parent = tree.id "
                             "    WHERE jobs.sequence IS NULL AND NOT jobs.detached) "
                             "UPDATE jobs SET stop_reason = ?1, stopped_by = ?2 "
                             "WHERE id IN (SELECT id FROM tree WHERE id <> ?3) AND +sequence IS NULL AND stop_reason = ''");

static int execute_stop(Database *db, StoreOp *op) {
        Stop *stop = (Stop *) op;
        const char *reason = job_reason_to_string(stop->reason);
        int r;

        r = statement_run(db, &mark_stopped, "sus", reason, stop->uid, op->id);
        if (r >= 0 && stop->reason == JOB_REASON_USER)
                r = statement_run(db, &mark_tree_stopped, "sus", reason, stop->uid, op->id);
        return r;
}

static const StoreOpType stop_type = { "stop", sizeof(Stop), execute_stop, store_finish_plain, NULL };

int store_stop(Store *store, const char *id, JobReason reason, uint32_t uid, StoreCallback callback, void *userdata) {
        Stop *stop = store_op_new(store, &stop_type, id, userdata);

        if (!stop)
                return -ENOMEM;
        stop->op.callback = callback;
        stop->reason = reason;
        stop->uid = uid;
        return store_submit(stop);
}

/* --- retry ----------------------------------------------------------------------------------------- */

typedef struct Retry {
        StoreOp op; /* first */
        JobRecord record;
} Retry;

/* Its worker does not come back, and a stop was that of the attempt. */
STATEMENT(wait_again, "UPDATE jobs SET state = 'queued', started_usec = 0, progress = NULL, attempts = ?, next_attempt_usec = ?, "
                      "stdout_bytes = ?, stderr_bytes = ?, stop_reason = '', stopped_by = NULL, instance = NULL, secret = NULL "
                      "WHERE id = ? AND sequence IS NULL");

static int execute_retry(Database *db, StoreOp *op) {
        const JobRecord *record = &((Retry *) op)->record;
        int r;

        r = statement_run(db, &wait_again, "sttts", record->attempts, record->next_attempt_usec, record->stdout_bytes,
                          record->stderr_bytes, record->id);
        return r < 0 ? r : database_changes(db) == 1 ? 0 : -EINVAL;
}

static void clear_retry(StoreOp *op) {
        job_record_clear(&((Retry *) op)->record);
}

static const StoreOpType retry_type = { "retry", sizeof(Retry), execute_retry, store_finish_plain, clear_retry };

int store_retry(Store *store, const JobRecord *record, StoreCallback callback, void *userdata) {
        _cleanup_op_ Retry *retry = store_op_new(store, &retry_type, NULL, userdata);
        int r;

        if (!retry)
                return -ENOMEM;
        retry->op.callback = callback;
        r = job_record_copy(record, &retry->record);
        return r < 0 ? r : store_submit(TAKE_PTR(retry));
}

/* --- finish ---------------------------------------------------------------------------------------- */

typedef struct Finish {
        StoreOp op; /* first */
        StoreFinishCallback callback;
        JobRecord record; /* with its outcome, and, out, its sequence */
        bool keep_input;
} Finish;

STATEMENT(next_sequence, "UPDATE counters SET value = value + 1 WHERE name = 'sequence' RETURNING value");

/* The worker does not come back. */
STATEMENT(set_finished, "UPDATE jobs SET " END_COLUMNS "secret = NULL WHERE id = ? AND sequence IS NULL");

STATEMENT(erase_input, "UPDATE specs SET spec = substr(spec, 1, (SELECT command_bytes FROM jobs WHERE id = ?1)) "
                       "WHERE id = ?1");

/* Erases the spec completely if the command is not kept either. */
STATEMENT(erase_spec, "DELETE FROM specs WHERE id = ? AND length(spec) = 0");

static int execute_finish(Database *db, StoreOp *op) {
        Finish *finish = (Finish *) op;
        JobRecord *record = &finish->record;
        int r;

        r = statement_one(db, &next_sequence, ">t", &record->sequence);
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        r = statement_run(db, &set_finished, "Es", record, record->id);
        if (r < 0)
                return r;
        if (database_changes(db) != 1)
                return -EINVAL; /* it is terminal, or removed */
        r = database_resolve_dependencies(db, record->id, record->state);
        if (r >= 0 && !finish->keep_input)
                r = statement_run(db, &erase_input, "s", record->id);
        if (r >= 0 && !finish->keep_input)
                r = statement_run(db, &erase_spec, "s", record->id);
        return r;
}

static void finish_finish(StoreOp *op) {
        Finish *finish = (Finish *) op;

        if (op->result >= 0) {
                op->store->finished++;
                op->store->last_sequence = finish->record.sequence;
                store_checkpoint_soon(op->store);
        }
        finish->callback(op->result, finish->record.sequence, op->userdata);
}

static void clear_finish(StoreOp *op) {
        job_record_clear(&((Finish *) op)->record);
}

static const StoreOpType finish_type = { "finish", sizeof(Finish), execute_finish, finish_finish, clear_finish };

int store_finish(Store *store, const JobRecord *record, const JobOutcome *outcome, bool keep_input,
                 StoreFinishCallback callback, void *userdata) {
        _cleanup_op_ Finish *finish = store_op_new(store, &finish_type, NULL, userdata);
        int r;

        if (!finish)
                return -ENOMEM;
        finish->callback = callback;
        finish->keep_input = keep_input;
        r = job_record_copy(record, &finish->record);
        if (r < 0)
                return r;
        job_outcome_apply(outcome, &finish->record);
        return store_submit(TAKE_PTR(finish));
}
