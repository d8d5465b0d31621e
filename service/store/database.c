/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The file of the database: creating, opening and closing it. */

#include <fcntl.h>

#include "statement.h"

static int read_pragma(Database *db, const char *sql, int *ret) {
        sqlite3_stmt *s = NULL;
        int r;

        r = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);
        if (r == SQLITE_OK) {
                r = sqlite3_step(s);
                if (r == SQLITE_ROW)
                        *ret = sqlite3_column_int(s, 0);
        }
        (void) sqlite3_finalize(s);
        return database_errno(r);
}

/* EXCLUSIVE locks out a second service, and avoids the shared-memory file. */
static int configure(Database *db) {
        int r, version = 0;

        if (sqlite3_db_readonly(db->sqlite, "main") == 1) /* locks would fail first, with a less specific error */
                return -EROFS;
        r = database_execute(db, "PRAGMA locking_mode = EXCLUSIVE");
        if (r >= 0)
                r = read_pragma(db, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        if (version > schema_version)
                return -EPROTONOSUPPORT;
        if (version == 0) /* a new one gets its version before its name: this one was emptied */
                return -EBADMSG;
        r = database_execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; "
                        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE; COMMIT");
        if (r < 0)
                return r;
        return version < schema_version ? schema_migrate(db, version) : 0;
}

const char *database_explain(int r) {
        switch (r) {
        case -EBUSY:
                return "in use by another codex-jobsd";
        case -EPROTONOSUPPORT:
                return "written by a newer version of codex-jobsd";
        case -EBADMSG:
                return "database is corrupt";
        case -ENOSPC:
                return "disk is full";
        case -EROFS:
                return "database is read-only";
        default:
                return strerror(-r);
        }
}

int database_path(const char *directory, const char *suffix, char ret[static PATH_MAX]) {
        return snprintf(ret, PATH_MAX, "%s/jobs.sqlite%s", directory, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void database_flag_damaged(const char *directory) {
        char path[PATH_MAX];

        if (database_path(directory, ".is-damaged", path) >= 0)
                (void) close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int is_flagged(const char *directory) {
        char path[PATH_MAX];
        int r;

        r = database_path(directory, ".is-damaged", path);
        return r < 0 ? r : access(path, F_OK) == 0;
}

static int open_path(Database **ret, const char *path, int flags) {
        _cleanup_(database_closep) Database *db = NULL;
        int r;

        db = calloc(1, sizeof(*db));
        if (!db)
                return -ENOMEM;
        db->prepared = calloc((size_t) (__stop_statements - __start_statements), sizeof(sqlite3_stmt *));
        if (!db->prepared)
                return -ENOMEM;
        r = database_errno(sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

/* Without writable_schema SQLite reads nothing from a truncated file. Nothing is written: neither shared memory, for
 * which a full disk has no room, nor the log into the file, which must stay unchanged. */
int database_open_aside(Database **ret, const char *path) {
        _cleanup_(database_closep) Database *db = NULL;
        int r;

        r = open_path(&db, path, 0);
        if (r >= 0)
                r = database_errno(sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
        if (r >= 0)
                r = database_execute(db, "PRAGMA writable_schema = ON; PRAGMA locking_mode = EXCLUSIVE");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

static int sync_directory(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

/* Uses another name until it is complete: a file with the final name that is empty is corrupt. */
static int make_store(const char *directory, const char *path) {
        _cleanup_(database_closep) Database *db = NULL;
        char new[PATH_MAX];
        int r;

        r = database_path(directory, ".new", new);
        if (r < 0)
                return r;
        (void) unlink(new);
        r = open_path(&db, new, SQLITE_OPEN_CREATE);
        if (r >= 0)
                r = database_execute(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL");
        if (r >= 0)
                r = schema_migrate(db, 0);
        db = database_close(db);
        if (r < 0)
                return r;
        return rename(new, path) < 0 ? -errno : sync_directory(directory);
}

/* Whether there has never been a database, or none since one was moved aside. A log without a database means that
 * the database was lost. */
static bool is_missing(const char *directory, const char *path) {
        char wal[PATH_MAX];

        return access(path, F_OK) < 0 && errno == ENOENT && database_path(directory, "-wal", wal) >= 0 &&
                access(wal, F_OK) < 0;
}

int database_open_new(Database **ret, const char *directory) {
        _cleanup_(database_closep) Database *db = NULL;
        char path[PATH_MAX];
        int r;

        r = database_path(directory, "", path);
        if (r >= 0 && is_missing(directory, path))
                r = make_store(directory, path);
        if (r < 0)
                return r;
        r = open_path(&db, path, 0);
        if (r < 0)
                return access(path, F_OK) < 0 ? -EBADMSG : r;
        r = configure(db);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

int database_open(Database **ret, const char *directory) {
        int r;

        r = is_flagged(directory);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        return database_open_new(ret, directory);
}

Database *database_close(Database *db) {
        if (!db)
                return NULL;

        for (const Statement *s = __start_statements; db->prepared && s < __stop_statements; s++)
                (void) sqlite3_finalize(db->prepared[s - __start_statements]);
        free(db->prepared);
        (void) sqlite3_close(db->sqlite);
        free(db);
        return NULL;
}

/* --- transactions ----------------------------------------------------------------------------------- */

STATEMENT(begin, "BEGIN IMMEDIATE");
STATEMENT(commit, "COMMIT");
STATEMENT(rollback, "ROLLBACK");

int database_begin(Database *db) {
        return statement_run(db, &begin, "");
}

int database_commit(Database *db) {
        return statement_run(db, &commit, "");
}

int database_checkpoint(Database *db) {
        return database_errno(sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

/* SQLite has already rolled back if the disk is full or fails. */
void database_rollback(Database *db) {
        if (!sqlite3_get_autocommit(db->sqlite))
                (void) statement_run(db, &rollback, "");
}
