/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "database-internal.h"
#include "job-id.h"

int database_begin(Database *db) {
        return statement_run_simple(db, SQL_BEGIN);
}

int database_commit(Database *db) {
        return statement_run_simple(db, SQL_COMMIT);
}

int database_checkpoint(Database *db) {
        return database_errno(sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* SQLite has rolled back by itself where the disk is full or fails. */
void database_rollback(Database *db) {
        if (!sqlite3_get_autocommit(db->sqlite))
                (void) statement_run_simple(db, SQL_ROLLBACK);
}

static int insert_spec(Database *db, const char *id, const void *spec, size_t size) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_INSERT_SPEC, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "s", id);
        if (r < 0)
                return r;
        r = database_errno(sqlite3_bind_blob64(s, 2, spec, size, SQLITE_STATIC));
        if (r < 0)
                return r;
        return statement_run(s);
}

int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_INSERT, &s);
        if (r < 0)
                return r;
        /* What is null comes with the end. */
        r = statement_bind(s, "sssssiiussssttt--ii--isttstttttttt", record->id, record->kind, record->label,
                           job_state_to_string(record->state), job_reason_to_string(record->reason),
                           record->exit_code, record->signal, record->uid, record->queue, record->directory,
                           record->workspace, record->session, record->created_usec, record->started_usec,
                           record->finished_usec, 0, 0, record->notify, record->retry_of, record->cpu_usage_usec,
                           record->memory_peak, job_id_token(record->id), limits->runtime_max_usec, limits->output_max,
                           limits->memory_max, limits->tasks_max, limits->cpu_weight, limits->stall_usec,
                           limits->read_only, (uint64_t) command_size);
        if (r >= 0)
                r = statement_run(s);
        return r < 0 ? r : insert_spec(db, record->id, spec, spec_size);
}

int database_set_key(Database *db, const char *id, const char *key, uint64_t digest) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_SET_KEY, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ss", id, key);
        if (r < 0)
                return r;
        r = database_errno(sqlite3_bind_int64(s, 3, (int64_t) digest));
        return r < 0 ? r : statement_run(s);
}

int database_mark_begun(Database *db, const char *id, const char *instance) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_MARK_BEGUN, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ss", id, instance);
        return r < 0 ? r : statement_run(s);
}

int database_mark_started(Database *db, const char *id, uint64_t started_usec) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_MARK_STARTED, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "st", id, started_usec);
        return r < 0 ? r : statement_run(s);
}

int database_mark_stopped(Database *db, const char *id, JobReason reason, uint32_t uid) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_MARK_STOPPED, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ssu", id, job_reason_to_string(reason), uid);
        return r < 0 ? r : statement_run(s);
}

static int next_sequence(Database *db, uint64_t *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_NEXT_SEQUENCE, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW)
                return r == SQLITE_DONE ? -EBADMSG : database_errno(r);
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

static int update_finished(Database *db, const JobRecord *record, const JobOutcome *outcome, uint64_t sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_FINISH, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "sssiittsttstutt", record->id, job_state_to_string(outcome->state),
                           job_reason_to_string(outcome->reason), outcome->exit_code, outcome->signal,
                           outcome->started_usec, outcome->finished_usec, record->progress, record->stdout_bytes,
                           record->stderr_bytes, record->result, sequence, record->stopped_by,
                           record->cpu_usage_usec, record->memory_peak);
        if (r < 0)
                return r;
        r = statement_run(s);
        if (r < 0)
                return r;
        return sqlite3_changes(db->sqlite) == 1 ? 0 : -ESTALE;
}

/* Without its environment and standard input; without a trace of it where its command is not kept either. */
static int erase_input(Database *db, const char *id) {
        int r;

        r = statement_run_on_id(db, SQL_ERASE_INPUT, id);
        return r < 0 ? r : statement_run_on_id(db, SQL_ERASE_SPEC, id);
}

int database_finish(Database *db, const JobRecord *record, const JobOutcome *outcome, bool keep_input, uint64_t *ret_sequence) {
        uint64_t sequence = 0;
        int r;

        r = next_sequence(db, &sequence);
        if (r < 0)
                return r;
        r = update_finished(db, record, outcome, sequence);
        if (r < 0)
                return r;
        r = keep_input ? 0 : erase_input(db, record->id);
        if (r < 0)
                return r;
        *ret_sequence = sequence;
        return 0;
}

int database_remove(Database *db, const char *id) {
        JobState state;
        int r;

        r = statement_run_on_id(db, SQL_REMOVE, id);
        if (r < 0)
                return r;
        if (sqlite3_changes(db->sqlite) == 1)
                return 0;
        r = database_get_state(db, id, &state);
        return r == -ESTALE ? -ENOENT : r < 0 ? r : -EBUSY;
}

int database_forget(Database *db, const char *id) {
        return statement_run_on_id(db, SQL_FORGET, id);
}

int database_acknowledge(Database *db, uint32_t uid, const char *consumer, uint64_t sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_ACKNOWLEDGE, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ustt", uid, consumer, sequence, (uint64_t) JOB_CONSUMERS_MAX);
        if (r >= 0)
                r = statement_run(s);
        if (r >= 0 && sqlite3_changes(db->sqlite) == 0)
                r = -EDQUOT;
        return r;
}

int database_set_paused(Database *db, uint32_t uid, bool paused) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, paused ? SQL_PAUSE : SQL_RESUME, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "u", uid);
        return r < 0 ? r : statement_run(s);
}

/* --- retention ------------------------------------------------------------------------------------- */

/* Deletes up to limit rows by a statement that takes a number first, and hands the id of each out. */
static int expire(Database *db, int which, uint64_t bound, size_t limit, char **ids, size_t *n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r, step;

        r = statement_get(db, which, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "tt", bound, (uint64_t) (limit - *n));
        if (r < 0)
                return r;
        while ((step = sqlite3_step(s)) == SQLITE_ROW && *n < limit) {
                r = column_string(s, 0, &ids[*n]);
                if (r < 0)
                        return r;
                (*n)++;
        }
        return step == SQLITE_DONE ? 0 : database_errno(step);
}

int database_expire(Database *db, uint64_t before_usec, uint64_t bytes_max, size_t limit, char **ids, size_t *ret_n) {
        int r = 0;

        *ret_n = 0;
        if (before_usec > 0)
                r = expire(db, SQL_EXPIRE_OLD, before_usec, limit, ids, ret_n);
        if (r >= 0 && bytes_max > 0 && *ret_n < limit)
                r = expire(db, SQL_EXPIRE_LARGE, bytes_max, limit, ids, ret_n);
        return r;
}
