/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <limits.h>

#include "database-internal.h"

#define SCHEMA_VERSION 9
#define APPLICATION_ID 0x434a6f62 /* "CJob", for file(1) */

/* Each entry brings the schema from version i to i + 1. Entries are only ever added. */
static const char *const migrations[SCHEMA_VERSION] = {
        "CREATE TABLE jobs ("
        "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  id TEXT NOT NULL UNIQUE,"
        "  token TEXT NOT NULL UNIQUE,"
        "  kind TEXT NOT NULL, label TEXT NOT NULL,"
        "  state TEXT NOT NULL, reason TEXT NOT NULL,"
        "  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, uid INTEGER NOT NULL,"
        "  queue TEXT NOT NULL, directory TEXT, workspace TEXT, session TEXT,"
        "  created_usec INTEGER NOT NULL, started_usec INTEGER NOT NULL, finished_usec INTEGER NOT NULL,"
        "  sequence INTEGER UNIQUE,"
        "  progress TEXT, stdout_bytes INTEGER NOT NULL, stderr_bytes INTEGER NOT NULL, result TEXT,"
        "  stopped_by INTEGER, stop_reason TEXT NOT NULL DEFAULT '', instance TEXT,"
        "  runtime_max_usec INTEGER NOT NULL, output_max INTEGER NOT NULL, memory_max INTEGER NOT NULL,"
        "  tasks_max INTEGER NOT NULL, cpu_weight INTEGER NOT NULL) STRICT;"
        "CREATE INDEX jobs_by_uid ON jobs (uid, number);"
        "CREATE INDEX jobs_live ON jobs (number) WHERE sequence IS NULL;"
        "CREATE TABLE specs (id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,"
        "  spec BLOB NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "INSERT INTO counters VALUES ('sequence', 0);",

        "ALTER TABLE jobs ADD COLUMN stall_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN key TEXT;"
        "ALTER TABLE jobs ADD COLUMN digest INTEGER;"
        "CREATE UNIQUE INDEX jobs_by_key ON jobs (uid, key) WHERE key IS NOT NULL;"
        "CREATE TABLE consumers (uid INTEGER NOT NULL, name TEXT NOT NULL, sequence INTEGER NOT NULL,"
        "  PRIMARY KEY (uid, name)) STRICT, WITHOUT ROWID;",

        /* What each user has stored, kept by triggers, so that a limit costs one look-up. */
        "CREATE TABLE users (uid INTEGER PRIMARY KEY, jobs INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
        "INSERT INTO users SELECT uid, count(*), sum(stdout_bytes + stderr_bytes) FROM jobs GROUP BY uid;"
        "CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN "
        "  INSERT INTO users VALUES (new.uid, 1, new.stdout_bytes + new.stderr_bytes) ON CONFLICT DO UPDATE "
        "    SET jobs = jobs + 1, bytes = bytes + excluded.bytes; END;"
        "CREATE TRIGGER jobs_changed AFTER UPDATE OF stdout_bytes, stderr_bytes ON jobs BEGIN "
        "  UPDATE users SET bytes = bytes + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes WHERE uid = new.uid; END;"
        "CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN "
        "  UPDATE users SET jobs = jobs - 1, bytes = bytes - old.stdout_bytes - old.stderr_bytes "
        "    WHERE uid = old.uid; END;",

        "ALTER TABLE jobs ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;",

        /* Jobs that are forgotten, until their files are deleted. */
        "CREATE TABLE discarded (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
        "CREATE TRIGGER jobs_discarded AFTER DELETE ON jobs BEGIN "
        "  INSERT OR IGNORE INTO discarded VALUES (old.id); END;",

        /* command_bytes: of the spec, what is kept of an ended job, so that it can be done again. */
        "ALTER TABLE jobs ADD COLUMN notify INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE jobs ADD COLUMN retry_of TEXT;"
        "ALTER TABLE jobs ADD COLUMN cpu_usage_usec INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN memory_peak INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN command_bytes INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE paused (uid INTEGER PRIMARY KEY) STRICT;",

        /* What waits to be executed, or is kept, is stored too. With a job its spec goes first, while it is known
         * whose it is. */
        "UPDATE users SET bytes = bytes + (SELECT coalesce(sum(length(specs.spec)), 0) FROM specs JOIN jobs USING (id) "
        "  WHERE jobs.uid = users.uid);"
        "CREATE TRIGGER specs_added AFTER INSERT ON specs BEGIN "
        "  UPDATE users SET bytes = bytes + length(new.spec) WHERE uid = (SELECT uid FROM jobs WHERE id = new.id); END;"
        "CREATE TRIGGER specs_changed AFTER UPDATE OF spec ON specs BEGIN "
        "  UPDATE users SET bytes = bytes + length(new.spec) - length(old.spec) "
        "    WHERE uid = (SELECT uid FROM jobs WHERE id = new.id); END;"
        "CREATE TRIGGER specs_removed AFTER DELETE ON specs BEGIN "
        "  UPDATE users SET bytes = bytes - length(old.spec) WHERE uid = (SELECT uid FROM jobs WHERE id = old.id); END;"
        "CREATE TRIGGER jobs_left_specs BEFORE DELETE ON jobs BEGIN DELETE FROM specs WHERE id = old.id; END;",

        /* One user's jobs are found without a look at another's: by the beginning of their ids, in a list, in an
         * inbox. jobs_by_state has the kind so that a list by it reads nothing else of the jobs that it leaves out.
         * output: what is stored of those that ended, without specs. */
        "DROP INDEX jobs_by_uid;"
        "CREATE INDEX jobs_by_id ON jobs (uid, id);"
        "CREATE INDEX jobs_by_token ON jobs (uid, token);"
        "CREATE INDEX jobs_by_state ON jobs (uid, state, number, kind);"
        "CREATE INDEX jobs_by_session ON jobs (uid, session, number) WHERE session IS NOT NULL;"
        "CREATE INDEX jobs_by_workspace ON jobs (uid, workspace, number) WHERE workspace IS NOT NULL;"
        "CREATE INDEX jobs_by_end ON jobs (uid, sequence, state, kind) WHERE sequence IS NOT NULL;"
        "CREATE INDEX jobs_by_age ON jobs (finished_usec) WHERE sequence IS NOT NULL;"
        "ALTER TABLE users ADD COLUMN output INTEGER NOT NULL DEFAULT 0;"
        "UPDATE users SET output = (SELECT coalesce(sum(stdout_bytes + stderr_bytes), 0) FROM jobs "
        "  WHERE jobs.uid = users.uid);"
        "DROP TRIGGER jobs_added; DROP TRIGGER jobs_changed; DROP TRIGGER jobs_removed;"
        "CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN "
        "  INSERT INTO users VALUES (new.uid, 1, new.stdout_bytes + new.stderr_bytes, "
        "    new.stdout_bytes + new.stderr_bytes) ON CONFLICT DO UPDATE "
        "    SET jobs = jobs + 1, bytes = bytes + excluded.bytes, output = output + excluded.output; END;"
        "CREATE TRIGGER jobs_changed AFTER UPDATE OF stdout_bytes, stderr_bytes ON jobs BEGIN "
        "  UPDATE users SET bytes = bytes + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes, output = output + new.stdout_bytes + new.stderr_bytes - old.stdout_bytes - "
        "    old.stderr_bytes WHERE uid = new.uid; END;"
        "CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN "
        "  UPDATE users SET jobs = jobs - 1, bytes = bytes - old.stdout_bytes - old.stderr_bytes, "
        "    output = output - old.stdout_bytes - old.stderr_bytes WHERE uid = old.uid; END;",

        /* umask: 0 for that of a unit, else 01000 and the mask. */
        "ALTER TABLE jobs ADD COLUMN merge_output INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN umask INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE jobs ADD COLUMN result_error TEXT;"
        "ALTER TABLE jobs ADD COLUMN left_behind TEXT;"
        "ALTER TABLE jobs ADD COLUMN end_source TEXT;"
        "ALTER TABLE jobs ADD COLUMN secret TEXT;",
};

static void statement_finalizep(sqlite3_stmt **s) {
        (void) sqlite3_finalize(*s);
}

int database_execute(Database *db, const char *sql) {
        return database_errno(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

/* Prepares a statement, with a number for its parameter if it has one. *ret is to be finalized. */
static int prepare_with(Database *db, const char *sql, uint64_t number, sqlite3_stmt **ret) {
        int r = sqlite3_prepare_v2(db->sqlite, sql, -1, ret, NULL);

        if (r == SQLITE_OK && sqlite3_bind_parameter_count(*ret) > 0)
                r = sqlite3_bind_int64(*ret, 1, (int64_t) number);
        return database_errno(r);
}

static int insert_row(sqlite3_stmt *row, sqlite3_stmt *insert) {
        int r = SQLITE_OK;

        for (int i = 0; i < sqlite3_column_count(row) && r == SQLITE_OK; i++) {
                sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(row, i));

                r = value ? sqlite3_bind_value(insert, i + 1, value) : SQLITE_NOMEM;
                sqlite3_value_free(value);
        }
        if (r == SQLITE_OK)
                r = sqlite3_step(insert);
        (void) sqlite3_reset(insert);
        return database_errno(r);
}

/* What the target has said of the row, not of its disk. */
static bool is_unfit(int r) {
        return r == -EEXIST;
}

/* A page that is damaged fails in many ways, want of memory is none of them. */
static int next_readable(sqlite3_stmt *rows) {
        int r = statement_next(rows);

        return r < 0 && r != -ENOMEM ? 0 : r;
}

int database_copy_rows(Database *from, const char *select, uint64_t number, Database *to, const char *insert) {
        _cleanup_(statement_finalizep) sqlite3_stmt *rows = NULL, *one = NULL;
        int r, n = 0;

        r = prepare_with(from, select, number, &rows);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = prepare_with(to, insert, 0, &one);
        if (r < 0)
                return r;
        while ((r = next_readable(rows)) > 0) {
                r = insert_row(rows, one);
                if (r < 0 && !is_unfit(r))
                        return r;
                n += r >= 0;
        }
        return r < 0 ? r : n;
}

int database_query_number(Database *db, const char *sql, uint64_t number, uint64_t *ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        int r;

        r = prepare_with(db, sql, number, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW)
                return r == SQLITE_DONE ? -ENOENT : database_errno(r);
        if (sqlite3_column_type(s, 0) != SQLITE_INTEGER)
                return -ENOENT;
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

int database_query_text(Database *db, const char *sql, uint64_t number, char **ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        const char *text;
        int r;

        r = prepare_with(db, sql, number, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        text = r == SQLITE_ROW ? (const char *) sqlite3_column_text(s, 0) : NULL;
        if (!text)
                return r == SQLITE_ROW || r == SQLITE_DONE ? -ENOENT : database_errno(r);
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

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

static int migrate(Database *db, int version) {
        char sql[128];
        int r;

        r = database_execute(db, "BEGIN IMMEDIATE");
        for (; r >= 0 && version < SCHEMA_VERSION; version++)
                r = database_execute(db, migrations[version]);
        if (r < 0)
                return r;
        (void) snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                        APPLICATION_ID, SCHEMA_VERSION);
        return database_execute(db, sql);
}

/* EXCLUSIVE keeps a second service off the same store, and spares the shared-memory file. */
static int configure(Database *db) {
        int r, version = 0;

        if (sqlite3_db_readonly(db->sqlite, "main") == 1) /* locks would fail first, by an error that says less */
                return -EROFS;
        r = database_execute(db, "PRAGMA locking_mode = EXCLUSIVE");
        if (r >= 0)
                r = read_pragma(db, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        if (version > SCHEMA_VERSION)
                return -EPROTONOSUPPORT;
        if (version == 0) /* a new one is given its version before its name: this one was emptied */
                return -EBADMSG;
        r = database_execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; "
                        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE; COMMIT");
        if (r < 0)
                return r;
        return version < SCHEMA_VERSION ? migrate(db, version) : 0;
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

static int make_path(const char *directory, const char *suffix, char ret[static PATH_MAX]) {
        int n = snprintf(ret, PATH_MAX, "%s/jobs.sqlite%s", directory, suffix);

        return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void database_flag_damaged(const char *directory) {
        char path[PATH_MAX];

        if (make_path(directory, ".is-damaged", path) >= 0)
                (void) close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int is_flagged(const char *directory) {
        char path[PATH_MAX];
        int r;

        r = make_path(directory, ".is-damaged", path);
        return r < 0 ? r : access(path, F_OK) == 0;
}

static int open_path(Database **ret, const char *path, int flags) {
        _cleanup_(database_closep) Database *db = NULL;
        int r;

        db = calloc(1, sizeof(*db));
        if (!db)
                return -ENOMEM;
        r = database_errno(sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

/* Without writable_schema SQLite reads nothing of a file that was cut off. Nothing is written: neither what would share
 * memory with others, for which a full disk has no room, nor the log into the file, which is to stay as it was found. */
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

/* Under another name until it is whole: what has the name of the store and is empty was damaged. */
static int make_store(const char *directory, const char *path) {
        _cleanup_(database_closep) Database *db = NULL;
        char new[PATH_MAX];
        int r;

        r = make_path(directory, ".new", new);
        if (r < 0)
                return r;
        (void) unlink(new);
        r = open_path(&db, new, SQLITE_OPEN_CREATE);
        if (r >= 0)
                r = database_execute(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL");
        if (r >= 0)
                r = migrate(db, 0);
        db = database_close(db);
        if (r < 0)
                return r;
        return rename(new, path) < 0 ? -errno : sync_directory(directory);
}

/* Whether there has never been a store, or none since one was set aside. A log without a store is one that lost it. */
static bool is_missing(const char *directory, const char *path) {
        char wal[PATH_MAX];

        return access(path, F_OK) < 0 && errno == ENOENT && make_path(directory, "-wal", wal) >= 0 &&
                access(wal, F_OK) < 0;
}

int database_open_new(Database **ret, const char *directory) {
        _cleanup_(database_closep) Database *db = NULL;
        char path[PATH_MAX];
        int r;

        r = make_path(directory, "", path);
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

        for (size_t i = 0; i < _SQL_MAX; i++)
                (void) sqlite3_finalize(db->prepared[i]);
        (void) sqlite3_close(db->sqlite);
        free(db);
        return NULL;
}
