/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The SQL of the store: one SQLite database, used by one thread at a time. Synchronous. All functions
 * return 0 or a negative errno: -ENOSPC when the disk is full, -EIO when SQLite reports anything else that
 * no caller can mend. Writes belong between database_begin() and database_commit(). */

#include "store.h"

typedef struct Database Database;

/* Opens or makes the store in a directory and brings an older schema up to date. Does not log. -EBUSY,
 * -EPROTONOSUPPORT, -EBADMSG as in store_new(). */
int database_open(Database **ret, const char *directory);

/* Why database_open() failed, for people, with what to do. Static. */
const char *database_explain(int r);

/* Remembers across restarts that the store was found damaged, so that the next database_open() fails. */
void database_flag_damaged(const char *directory);

/* --- database-salvage.c --- */

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

Database *database_close(Database *db);
DEFINE_CLEANUP(Database *, database_close);

/* For database-salvage.c. A store that was set aside, as it is; statements; one value, of a statement whose parameter,
 * if it has one, is number (-ENOENT: none, or NULL); and the rows of a query, each inserted into another store by a
 * statement with a parameter for each column: returns how many, without those that cannot be read or break a rule of
 * the table, or a negative errno where the other store cannot be written or there is no memory. */
int database_open_aside(Database **ret, const char *path);
int database_open_new(Database **ret, const char *directory); /* though it is flagged as damaged */
int database_execute(Database *db, const char *sql);
int database_query_number(Database *db, const char *sql, uint64_t number, uint64_t *ret);
int database_query_text(Database *db, const char *sql, uint64_t number, char **ret);
int database_copy_rows(Database *from, const char *select, uint64_t number, Database *to, const char *insert);

int database_begin(Database *db);
int database_commit(Database *db);

/* Moves the write-ahead log into the database and empties it, with what was erased. Outside of a transaction. */
int database_checkpoint(Database *db);
void database_rollback(Database *db);

/* command_size: how much of the spec is kept when the job has ended, 0: nothing. */
int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size);
int database_set_key(Database *db, const char *id, const char *key, uint64_t digest);
int database_find_key(Database *db, uint32_t uid, const char *key, char **ret_id, uint64_t *ret_digest); /* -ENOENT */
/* -EDQUOT: a new consumer, and the user has as many as one may have. */
int database_acknowledge(Database *db, uint32_t uid, const char *consumer, uint64_t sequence);
int database_read_consumer(Database *db, uint32_t uid, const char *consumer, uint64_t *ret_sequence); /* -ENOENT */

/* Where a walk over the users, and from the oldest job of each on, stands, which may take several transactions; at
 * first 0. */
typedef struct ExpireWalk {
        uint64_t uid;
        uint64_t sequence;   /* the last of that user's jobs that it has looked at */
        uint64_t kept_bytes; /* of output of those that it has left */
} ExpireWalk;

/* Forgets terminal jobs that ended before a time; and the oldest of each user of whom all together have more than
 * bytes_max of output. ids has room for limit ids, which become the caller's; the first *n are there already. */
int database_expire_old(Database *db, uint64_t before_usec, size_t limit, char **ids, size_t *n);
int database_expire_large(Database *db, uint64_t bytes_max, ExpireWalk *walk, size_t limit, char **ids, size_t *n);

int database_mark_begun(Database *db, const char *id, const char *instance, const char *secret);
int database_mark_started(Database *db, const char *id, uint64_t started_usec);
int database_mark_stopped(Database *db, const char *id, JobReason reason, uint32_t uid);

/* Erases the environment and the standard input from its spec unless keep_input. -ESTALE when the job is
 * terminal or gone. */
int database_finish(Database *db, const JobRecord *record, const JobOutcome *outcome, bool keep_input, uint64_t *ret_sequence);

/* -ENOENT, or -EBUSY when it is not terminal. */
int database_remove(Database *db, const char *id);

/* Calls write with the stored spec, which is valid for the call. -ENOENT when there is none. */
int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata), void *userdata);

/* See StoreLookup: -ENOENT, -EMLINK with candidates. */
int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates);
int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n);
/* -ENOENT; -ESTALE when it is forgotten, and database_forget() was not called yet. */
int database_get_state(Database *db, const char *id, JobState *ret);
int database_forget(Database *db, const char *id);
int database_load_discarded(Database *db, int (*found)(const char *id, void *userdata), void *userdata);
int database_read_stored(Database *db, const char *id, StoredJob *ret); /* -ENOENT */
int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata);
/* The users whose queue is paused. */
int database_set_paused(Database *db, uint32_t uid, bool paused);
int database_load_paused(Database *db, int (*found)(uint32_t uid, void *userdata), void *userdata);
/* What is stored of a user: jobs, and bytes of output of those that ended and of specs. */
int database_count_user(Database *db, uint32_t uid, uint64_t *ret_jobs, uint64_t *ret_bytes);
int database_count(Database *db, uint64_t *ret_finished, uint64_t *ret_last_sequence);
