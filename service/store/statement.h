/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* How the files of the store use SQLite: statements, defined where they are used, and values that are bound and read
 * according to a format. Each letter is one column, except those of the tables of job-record.h and job-limits.h:
 *
 *   s  text (NULL: null)                           R  a JobRecord: RECORD_COLUMNS
 *   t  unsigned 64 (in: at most INT64_MAX)         E  the fields of it stored at its end: END_COLUMNS (in only)
 *   u  unsigned 32 (in: UINT32_MAX is null)        L  JobLimits: LIMIT_COLUMNS
 *   x  64 bits as they are (in only)               S  a JobState (out only), r a JobReason (out only): its word
 *   b  blob and its size_t (in only)               >  separates input from output */

#include <sqlite3.h>

#include "database.h"

typedef struct Statement {
        const char *name;
        const char *sql;
} Statement;

/* The linker places them in an array: their index identifies prepared statements, and a test finds all of them. None is
 * left out because a program, optimized as a whole, does not use it. */
#define STATEMENT(identifier, text)                                                                                  \
        static const Statement identifier __attribute__((section("statements"), used, aligned(sizeof(void *)))) = {   \
                #identifier, text                                                                                    \
        }
extern const Statement __start_statements[], __stop_statements[];

struct Database {
        sqlite3 *sqlite;
        sqlite3_stmt **prepared; /* by the index of the statement */
};

/* Each ends in a comma: more columns follow. */
#define COLUMN_ENQUEUED(text) text
#define COLUMN_ENDED(text) text
#define COLUMN_UNSTORED(text)
#define RECORD_COLUMN(name, kind, member, none, presence, stored, ...) COLUMN_##stored(#member ", ")
#define RECORD_MARK(name, kind, member, none, presence, stored, ...) COLUMN_##stored("?, ")
#define RECORD_COLUMNS JOB_FIELDS(RECORD_COLUMN)
#define RECORD_MARKS JOB_FIELDS(RECORD_MARK)
#define END_COLUMN_ENQUEUED(member)
#define END_COLUMN_UNSTORED(member)
#define END_COLUMN_ENDED(member) #member " = ?, "
#define END_COLUMN(name, kind, member, none, presence, stored, changes, json) END_COLUMN_##stored(member)
#define END_COLUMNS JOB_FIELDS(END_COLUMN)
#define LIMIT_COLUMN(name, member, ...) #member ", "
#define LIMIT_COLUMNS JOB_LIMITS(LIMIT_COLUMN)
#define LIMIT_MARK(...) "?, "
#define LIMIT_MARKS JOB_LIMITS(LIMIT_MARK)

/* 0 or a negative errno for a result code of SQLite. */
int database_errno(int r);

/* Opens a statement with its values; the caller resets it. Texts and blobs stay owned by the caller until then. */
int statement_open(Database *db, const Statement *which, sqlite3_stmt **ret, const char *format, ...);
void statement_reset(sqlite3_stmt **s);
#define _cleanup_reset_ _cleanup_(statement_reset)

/* Steps to the next row. Returns 1; 0 if there is none; or a negative errno. */
int statement_next(sqlite3_stmt *s);

/* Reads the row of a statement that returns at most one: -ENOENT if there is none. "su>t": a text and a user, then a
 * pointer for the number. Texts are copies, as below. */
int statement_one(Database *db, const Statement *which, const char *format, ...);

/* Reads the row, from its first column on. Texts, including those of a record, are copies that the caller owns, even
 * on failure. -EBADMSG: the data is invalid. */
int statement_read(sqlite3_stmt *s, const char *format, ...);

/* Runs a statement that returns no row. */
int statement_run(Database *db, const Statement *which, const char *format, ...);

/* Number of rows that the last statement has changed. */
int database_changes(Database *db);

/* SQL that is not prepared. */
int database_execute(Database *db, const char *sql);

/* --- schema.c --- */

extern const int schema_version;

/* Migrates from an older version (0: empty). */
int schema_migrate(Database *db, int version);
