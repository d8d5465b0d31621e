/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "database-internal.h"
#include "job-id.h"

int database_begin(Database *db) {
        return statement_run(db, SQL_BEGIN, "");
}

int database_commit(Database *db) {
        return statement_run(db, SQL_COMMIT, "");
}

int database_checkpoint(Database *db) {
        return database_errno(sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* SQLite has rolled back by itself where the disk is full or fails. */
void database_rollback(Database *db) {
        if (!sqlite3_get_autocommit(db->sqlite))
                (void) statement_run(db, SQL_ROLLBACK, "");
}

int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size) {
        int r;

        /* What is null comes with the end. */
        r = statement_run(db, SQL_INSERT, "sssssiiussssttt--ii--istt---stttttttttt", record->id, record->kind, record->label,
                          job_state_to_string(record->state), job_reason_to_string(record->reason),
                          record->exit_code, record->signal, record->uid, record->queue, record->directory,
                          record->workspace, record->session, record->created_usec, record->started_usec,
                          record->finished_usec, 0, 0, record->notify, record->retry_of, record->cpu_usage_usec,
                          record->memory_peak, job_id_token(record->id), limits->runtime_max_usec, limits->output_max,
                          limits->memory_max, limits->tasks_max, limits->cpu_weight, limits->stall_usec,
                          limits->read_only, limits->merge_output, limits->umask, (uint64_t) command_size);
        return r < 0 ? r : statement_run(db, SQL_INSERT_SPEC, "sb", record->id, spec, spec_size);
}

int database_set_key(Database *db, const char *id, const char *key, uint64_t digest) {
        return statement_run(db, SQL_SET_KEY, "ssx", id, key, (int64_t) digest);
}

int database_mark_begun(Database *db, const char *id, const char *instance, const char *secret) {
        return statement_run(db, SQL_MARK_BEGUN, "sss", id, instance, secret);
}

int database_mark_started(Database *db, const char *id, uint64_t started_usec) {
        return statement_run(db, SQL_MARK_STARTED, "st", id, started_usec);
}

int database_mark_stopped(Database *db, const char *id, JobReason reason, uint32_t uid) {
        return statement_run(db, SQL_MARK_STOPPED, "ssu", id, job_reason_to_string(reason), uid);
}

static int next_sequence(Database *db, uint64_t *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_NEXT_SEQUENCE, &s, "");
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

static int update_finished(Database *db, const JobRecord *record, const JobOutcome *outcome, uint64_t sequence) {
        int r;

        r = statement_run(db, SQL_FINISH, "sssiittsttstuttsss", record->id, job_state_to_string(outcome->state),
                          job_reason_to_string(outcome->reason), outcome->exit_code, outcome->signal,
                          outcome->started_usec, outcome->finished_usec, record->progress, record->stdout_bytes,
                          record->stderr_bytes, record->result, sequence, record->stopped_by,
                          record->cpu_usage_usec, record->memory_peak, record->result_error, record->left_behind,
                          record->end_source);
        if (r < 0)
                return r;
        return sqlite3_changes(db->sqlite) == 1 ? 0 : -ESTALE;
}

/* Without its environment and standard input; without a trace of it where its command is not kept either. */
static int erase_input(Database *db, const char *id) {
        int r;

        r = statement_run(db, SQL_ERASE_INPUT, "s", id);
        return r < 0 ? r : statement_run(db, SQL_ERASE_SPEC, "s", id);
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

        r = statement_run(db, SQL_REMOVE, "s", id);
        if (r < 0)
                return r;
        if (sqlite3_changes(db->sqlite) == 1)
                return 0;
        r = database_get_state(db, id, &state);
        return r == -ESTALE ? -ENOENT : r < 0 ? r : -EBUSY;
}

int database_forget(Database *db, const char *id) {
        return statement_run(db, SQL_FORGET, "s", id);
}

int database_acknowledge(Database *db, uint32_t uid, const char *consumer, uint64_t sequence) {
        int r;

        r = statement_run(db, SQL_ACKNOWLEDGE, "ustt", uid, consumer, sequence, (uint64_t) JOB_CONSUMERS_MAX);
        if (r < 0)
                return r;
        return sqlite3_changes(db->sqlite) > 0 ? 0 : -EDQUOT;
}

int database_set_paused(Database *db, uint32_t uid, bool paused) {
        return statement_run(db, paused ? SQL_PAUSE : SQL_RESUME, "u", uid);
}

/* --- retention ------------------------------------------------------------------------------------- */

/* Jobs are chosen first and deleted then: no statement walks through what it changes. */
static int remove_all(Database *db, char *const *ids, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = statement_run(db, SQL_REMOVE, "s", ids[i]);
        return r;
}

static int find_old(Database *db, uint64_t before_usec, size_t limit, char **ids, size_t *n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_FIND_OLD, &s, "tt", before_usec, (uint64_t) limit);
        if (r < 0)
                return r;
        while (*n < limit && (r = statement_next(s)) > 0) {
                r = column_string(s, 0, &ids[*n]);
                if (r < 0)
                        return r;
                (*n)++;
        }
        return MIN(r, 0);
}

/* The user at whom the walk stands, or the next one, with more than bytes_max. Returns 1; 0 when there is none. */
static int next_large_user(Database *db, uint64_t bytes_max, ExpireWalk *walk, uint64_t *ret_bytes) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint64_t uid;
        int r;

        r = statement_open(db, SQL_NEXT_LARGE_USER, &s, "tt", walk->uid, bytes_max);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r;
        uid = (uint64_t) sqlite3_column_int64(s, 0);
        if (uid != walk->uid)
                *walk = (ExpireWalk) { .uid = uid };
        *ret_bytes = (uint64_t) sqlite3_column_int64(s, 1);
        return 1;
}

/* Oldest first, as long as those that are older have less than has to go. What is awaited in an inbox stays, and makes
 * no younger one go in its place. */
static int find_large(Database *db, uint64_t excess, ExpireWalk *walk, size_t limit, char **ids, size_t *n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint64_t older = walk->kept_bytes;
        int r;

        r = statement_open(db, SQL_WALK_ENDED, &s, "tt", walk->uid, walk->sequence);
        if (r < 0)
                return r;
        while (*n < limit && older < excess && (r = statement_next(s)) > 0) {
                uint64_t bytes = (uint64_t) MAX(sqlite3_column_int64(s, 2), 0);

                walk->sequence = (uint64_t) sqlite3_column_int64(s, 1);
                older += bytes;
                if (sqlite3_column_int(s, 3) != 0) {
                        walk->kept_bytes += bytes;
                        continue;
                }
                r = column_string(s, 0, &ids[*n]);
                if (r < 0)
                        return r;
                (*n)++;
        }
        return MIN(r, 0);
}

int database_expire_old(Database *db, uint64_t before_usec, size_t limit, char **ids, size_t *n) {
        size_t first = *n;
        int r;

        r = find_old(db, before_usec, limit, ids, n);
        return r < 0 ? r : remove_all(db, ids + first, *n - first);
}

int database_expire_large(Database *db, uint64_t bytes_max, ExpireWalk *walk, size_t limit, char **ids, size_t *n) {
        size_t first = *n;
        uint64_t bytes;
        int r;

        while ((r = next_large_user(db, bytes_max, walk, &bytes)) > 0) {
                r = find_large(db, bytes - bytes_max, walk, limit, ids, n);
                if (r < 0 || *n == limit)
                        break;
                *walk = (ExpireWalk) { .uid = walk->uid + 1 };
        }
        return r < 0 ? r : remove_all(db, ids + first, *n - first);
}
