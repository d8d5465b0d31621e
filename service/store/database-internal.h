/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the database share: its statements, prepared once, and how values go in and out.
 *
 *   database.c             opening, the schema and its versions
 *   database-statements.c  the SQL
 *   database-write.c       jobs and what happens to them
 *   database-read.c        looking up and listing
 *   database-salvage.c     what to do with a damaged one */

#include <sqlite3.h>

#include "database.h"

/* The columns of a JobRecord, in the order of read_record(), and those of its JobLimits. */
#define RECORD_COLUMNS                                                                                  \
        "id, kind, label, state, reason, exit_code, signal, uid, queue, directory, workspace, session, " \
        "created_usec, started_usec, finished_usec, sequence, progress, stdout_bytes, stderr_bytes, "    \
        "result, stopped_by, notify, retry_of, cpu_usage_usec, memory_peak, result_error, left_behind, end_source"
#define LIMIT_COLUMNS                                                                                       \
        "runtime_max_usec, output_max, memory_max, tasks_max, cpu_weight, stall_usec, read_only, merge_output, " \
        "umask"

enum {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_INSERT,
        SQL_INSERT_SPEC,
        SQL_SET_KEY,
        SQL_FIND_KEY,
        SQL_MARK_BEGUN,
        SQL_MARK_STARTED,
        SQL_MARK_STOPPED,
        SQL_NEXT_SEQUENCE,
        SQL_FINISH,
        SQL_ERASE_INPUT,
        SQL_ERASE_SPEC,
        SQL_REMOVE,
        SQL_READ_SPEC,
        SQL_FIND,
        SQL_FIND_NUMBER,
        SQL_FIND_PREFIX,
        SQL_FIND_PREFIX_OF_USER,
        SQL_LIST,
        SQL_LIST_LIVE,
        SQL_LIST_OF_USER,
        SQL_LIST_OF_SESSION,
        SQL_LIST_OF_WORKSPACE,
        SQL_LIST_FINISHED,
        SQL_LIST_FINISHED_OF_USER,
        SQL_GET_STATE,
        SQL_IS_DISCARDED,
        SQL_LOAD_DISCARDED,
        SQL_FORGET,
        SQL_LOAD_LIVE,
        SQL_READ_STORED,
        SQL_LOAD_PAUSED,
        SQL_PAUSE,
        SQL_RESUME,
        SQL_COUNT,
        SQL_COUNT_USER,
        SQL_ACKNOWLEDGE,
        SQL_READ_CONSUMER,
        SQL_FIND_OLD,
        SQL_NEXT_LARGE_USER,
        SQL_WALK_ENDED,
        _SQL_MAX,
};

struct Database {
        sqlite3 *sqlite;
        sqlite3_stmt *prepared[_SQL_MAX];
};

/* The text of the statement of that number, for a test of how it is executed. */
const char *database_statement(int which);

/* 0 or a negative errno for a result of SQLite's. */
int database_errno(int r);

/* The statement of that number with its values, to be reset by the caller. Values are bound in the order of a format:
 * s text (NULL: null), b blob and its size_t, t unsigned 64 (at most INT64_MAX), x signed 64, i int, u unsigned 32
 * (UINT32_MAX: null), - null. Texts and blobs stay the caller's until the statement is reset. */
int statement_open(Database *db, int which, sqlite3_stmt **ret, const char *format, ...);
void statement_reset(sqlite3_stmt **s);
#define _cleanup_reset_ _cleanup_(statement_reset)

/* Goes to the next row. Returns 1; 0 when there is none; or a negative errno. */
int statement_next(sqlite3_stmt *s);

/* Runs a statement that returns no row. */
int statement_run(Database *db, int which, const char *format, ...);

/* A copy of a text that the caller owns; NULL stays as it was. */
int column_string(sqlite3_stmt *s, int column, char **ret);
