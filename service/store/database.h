/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The SQLite database of the store, used by one thread at a time. Synchronous. All functions return 0 or a negative
 * errno: -ENOSPC when the disk is full, -EIO when SQLite reports anything else that no caller can mend. Writes belong
 * between database_begin() and database_commit().
 *
 *   schema.c      what is in it, and its versions
 *   database.c    its file
 *   statement.c   how a statement is used
 *   salvage.c     what to do with a damaged one
 *   store-*.c     the statements, each beside what is bound to it and read from it */

#include <limits.h>

#include "store.h"

typedef struct Database Database;

/* Opens or makes the store in a directory and brings an older schema up to date. Does not log. -EBUSY,
 * -EPROTONOSUPPORT, -EBADMSG as in store_new(). */
int database_open(Database **ret, const char *directory);

/* Why database_open() failed, for people, with what to do. Static. */
const char *database_explain(int r);

/* The path of one of its files. */
int database_path(const char *directory, const char *suffix, char ret[static PATH_MAX]);

/* Remembers across restarts that the store was found damaged, so that the next database_open() fails. */
void database_flag_damaged(const char *directory);

Database *database_close(Database *db);
DEFINE_CLEANUP(Database *, database_close);

int database_begin(Database *db);
int database_commit(Database *db);
void database_rollback(Database *db);

/* Moves the write-ahead log into the database and empties it, with what was erased. Outside of a transaction. */
int database_checkpoint(Database *db);

/* --- salvage.c --- */

/* Moves a damaged store out of the way, under a name that says so and when. The caller frees *ret_path. Until
 * database_salvaged() the store stays flagged as damaged: if the service dies in between, this continues with the
 * store that was set aside, and what was made in its place is deleted. */
int database_set_aside(const char *directory, char **ret_path);
int database_salvaged(const char *directory);

/* What became of the jobs of a store that was set aside. */
typedef struct Salvaged {
        uint64_t taken_over;
        uint64_t left_out; /* those that were seen, and made no sense */
} Salvaged;

/* Copies what can still be read from a store that was set aside into db, which is new. That something cannot be read
 * is no failure; it is one that something could not be written: then the whole is to be done again. */
int database_salvage(Database *db, const char *path, Salvaged *ret);

/* Deletes the oldest of the stores that were set aside, and returns how many: 5 are kept. */
unsigned database_delete_old_aside(const char *directory);

/* A store that was set aside, as it is; and a new one although it is flagged as damaged. */
int database_open_aside(Database **ret, const char *path);
int database_open_new(Database **ret, const char *directory);

/* --- what more than one subject uses --- */

/* command_size: how much of the spec is kept when the job has ended, 0: nothing. */
int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size);

/* Of the job that is begun under that instance of the service manager; NULL: it is not after all. */
int database_mark_begun(Database *db, const char *id, const char *instance, const char *secret);

/* Calls write with the stored spec, which is valid for the call. -ENOENT when there is none. */
int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata), void *userdata);

/* See StoreLookup: -ENOENT, -EMLINK with candidates. */
int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates);
int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n);

/* -ENOENT; -ESTALE when it is forgotten, and its files are not deleted yet. */
int database_get_state(Database *db, const char *id, JobState *ret);

int database_read_stored(Database *db, const char *id, StoredJob *ret); /* -ENOENT */
int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata);
