/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The SQLite database of the store, used by one thread at a time. Synchronous. All functions return 0 or a negative
 * errno: -ENOSPC if the disk is full, -EIO for other errors of SQLite that callers cannot fix. Writes are made between
 * database_begin() and database_commit().
 *
 *   schema.c      the schema and its versions
 *   database.c    the file
 *   statement.c   statements and their values
 *   salvage.c     recovery of a corrupt database
 *   store-*.c     the statements, next to the code that binds and reads them */

#include <limits.h>

#include "store.h"

typedef struct Database Database;

/* Opens or creates the database in a directory and migrates an older schema. Does not log. -EBUSY, -EPROTONOSUPPORT,
 * -EBADMSG as in store_new(). */
int database_open(Database **ret, const char *directory);

/* Why database_open() failed, for people. Static. */
const char *database_explain(int r);

/* The path of one of its files. */
int database_path(const char *directory, const char *suffix, char ret[static PATH_MAX]);

/* Remembers across restarts that the database is corrupt, so that the next database_open() fails. */
void database_flag_damaged(const char *directory);

Database *database_close(Database *db);
DEFINE_CLEANUP(Database *, database_close);

int database_begin(Database *db);
int database_commit(Database *db);
void database_rollback(Database *db);

/* Moves the write-ahead log, with everything that was erased, into the database and truncates it. Not in a
 * transaction. */
int database_checkpoint(Database *db);

/* --- salvage.c --- */

/* Moves a corrupt database aside, under a name with the time. The caller frees *ret_path. Until database_salvaged()
 * it stays flagged as corrupt: if the service dies in between, this function continues with the file that was moved
 * aside, and deletes the new one. */
int database_set_aside(const char *directory, char **ret_path);
int database_salvaged(const char *directory);

/* Result of recovering a corrupt database. */
typedef struct Salvaged {
        uint64_t recovered;
        uint64_t left_out; /* found, but invalid */
} Salvaged;

/* Copies all readable records from a database that was moved aside into db, which is new. Unreadable records are not
 * an error; failure to write is, and the recovery must then be repeated. */
int database_salvage(Database *db, const char *path, Salvaged *ret);

/* Deletes the oldest corrupt databases that were moved aside, and returns their number: 5 are kept. */
unsigned database_delete_old_aside(const char *directory);

/* Opens a database that was moved aside, as it is; and a new one although it is flagged as corrupt. */
int database_open_aside(Database **ret, const char *path);
int database_open_new(Database **ret, const char *directory);

/* --- operations used by several subjects  */

/* command_size: bytes of the spec that are kept after the end of the job, 0: none. */
int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size);

/* Records that the job begins under that instance of the service manager; NULL: it does not after all. */
int database_mark_begun(Database *db, const char *id, const char *instance, const char *secret, uint64_t attempt,
                        int32_t slot, const char *launcher);

/* Calls write with the stored spec, which is valid during the call. -ENOENT if there is none. */
int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata),
                       void *userdata);

/* See StoreLookup: -ENOENT, -JOB_ERROR_AMBIGUOUS_ID with candidates. */
int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates);
int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n);

/* Registers a consumer, forgetting the one that was not seen for the longest time if there are too many; records what
 * it has acknowledged, and that it was seen. */
int database_advance_consumer(Database *db, uint32_t uid, const char *consumer, uint64_t sequence, uint64_t now_usec);

/* Removes the oldest finished jobs of a user that no inbox needs, in order to have so many fewer jobs and bytes. Their
 * number is limited: a limit that was lowered by far is reached in several calls. Returns 1 and the IDs, a list that
 * the caller frees, or 0 if that is not possible, and nothing was removed. */
typedef struct Excess {
        uint64_t jobs;
        uint64_t bytes;
} Excess;
int database_make_room(Database *db, uint32_t uid, const Excess *excess, char ***ret_ids, size_t *ret_n);

/* The IDs of the finished jobs of a user that have the most output, separated by ", "; NULL if there is none. */
int database_find_largest(Database *db, uint32_t uid, char **ret);

/* -ENOENT; -JOB_ERROR_GONE if it is removed, and its files are not deleted yet. */
int database_get_state(Database *db, const char *id, JobState *ret);

/* Records the dependencies of a new job on others that have not ended. *ret_failed: one that has ended otherwise than
 * required, NULL: none. -ENOENT and *ret_missing if one does not exist, or is of another user. The caller frees both. */
int database_add_dependencies(Database *db, const JobRecord *record, char **ret_failed, char **ret_missing);
int database_drop_dependencies(Database *db, const char *id);

/* The same for a job that may have others, which these replace. If one does not exist, nothing is changed. */
int database_replace_dependencies(Database *db, const JobRecord *record, char **ret_failed, char **ret_missing);

/* A job has ended: what depends on it no longer does, or never starts. */
int database_resolve_dependencies(Database *db, const char *id, JobState state);

int database_read_stored(Database *db, const char *id, StoredJob *ret); /* -ENOENT */
int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata);
