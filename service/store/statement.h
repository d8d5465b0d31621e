/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the files of the store say something to SQLite: statements, which stand where they are used, and values that go in
 * and come out by a format. A letter of it is one column, but for those of the tables of job-record.h and job-limits.h:
 *
 *   s  text (NULL: null)                           R  a JobRecord: RECORD_COLUMNS
 *   t  unsigned 64 (in: at most INT64_MAX)         E  what of it comes with the end: END_COLUMNS (in only)
 *   u  unsigned 32 (in: UINT32_MAX is null)        L  JobLimits: LIMIT_COLUMNS
 *   x  64 bits as they are (in only)               S  a JobState (out only), r a JobReason (out only): its word
 *   b  blob and its size_t (in only)               >  between what goes in and what comes out */

#include <sqlite3.h>

#include "database.h"

typedef struct Statement {
        const char *name;
        const char *sql;
} Statement;

/* The linker puts them one behind the other: each has a number, for those that are prepared, and a test finds all. */
#define STATEMENT(identifier, text)                                                                             \
        static const Statement identifier __attribute__((section("statements"), aligned(sizeof(void *)))) = { \
                #identifier, text                                                                               \
        }
extern const Statement __start_statements[], __stop_statements[];

struct Database {
        sqlite3 *sqlite;
        sqlite3_stmt **prepared; /* by the numbers of the statements */
};

/* Each ends in a comma: something follows. */
#define RECORD_COLUMN(name, kind, member, ...) #member ", "
#define RECORD_MARK(...) "?, "
#define RECORD_COLUMNS JOB_FIELDS(RECORD_COLUMN)
#define RECORD_MARKS JOB_FIELDS(RECORD_MARK)
#define END_COLUMN_ENQUEUED(member)
#define END_COLUMN_ENDED(member) #member " = ?, "
#define END_COLUMN(name, kind, member, none, presence, stored, told, json) END_COLUMN_##stored(member)
#define END_COLUMNS JOB_FIELDS(END_COLUMN)
#define LIMIT_COLUMN(name, member, ...) #member ", "
#define LIMIT_COLUMNS JOB_LIMITS(LIMIT_COLUMN)
#define LIMIT_MARKS JOB_LIMITS(RECORD_MARK)

/* 0 or a negative errno for a result of SQLite's. */
int database_errno(int r);

/* A statement with its values, to be reset by the caller. Texts and blobs stay the caller's until then. */
int statement_open(Database *db, const Statement *which, sqlite3_stmt **ret, const char *format, ...);
void statement_reset(sqlite3_stmt **s);
#define _cleanup_reset_ _cleanup_(statement_reset)

/* Goes to the next row. Returns 1; 0 when there is none; or a negative errno. */
int statement_next(sqlite3_stmt *s);

/* The row of a statement that has one at most: -ENOENT where there is none. "su>t": a text and a user, then where the
 * number goes. Texts are copies, as below. */
int statement_one(Database *db, const Statement *which, const char *format, ...);

/* Reads the row, from its first column on. Texts, and those of a record, are copies that the caller owns, also on
 * failure. -EBADMSG: what is there makes no sense. */
int statement_read(sqlite3_stmt *s, const char *format, ...);

/* Runs a statement that returns no row. */
int statement_run(Database *db, const Statement *which, const char *format, ...);

/* How many rows the last statement has changed. */
int database_changes(Database *db);

/* SQL that is not prepared. */
int database_execute(Database *db, const char *sql);

/* --- schema.c --- */

extern const int schema_version;

/* Brings what is of an older version, 0: nothing, up to date. */
int schema_migrate(Database *db, int version);
