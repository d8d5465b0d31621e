/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "database.h"
#include "job-id.h"

#define SCHEMA_VERSION 5
#define APPLICATION_ID 0x434a6f62 /* "CJob", for file(1) */
#define CANDIDATES_MAX 5

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
};

#define RECORD_COLUMNS                                                                                  \
        "id, kind, label, state, reason, exit_code, signal, uid, queue, directory, workspace, session, " \
        "created_usec, started_usec, finished_usec, sequence, progress, stdout_bytes, stderr_bytes, "    \
        "result, stopped_by"

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
        SQL_ERASE_SPEC,
        SQL_REMOVE,
        SQL_READ_SPEC,
        SQL_FIND,
        SQL_FIND_PREFIX,
        SQL_LIST,
        SQL_LIST_FINISHED,
        SQL_GET_STATE,
        SQL_IS_DISCARDED,
        SQL_LOAD_DISCARDED,
        SQL_FORGET,
        SQL_LOAD_LIVE,
        SQL_COUNT,
        SQL_COUNT_USER,
        SQL_ACKNOWLEDGE,
        SQL_READ_CONSUMER,
        SQL_EXPIRE_OLD,
        SQL_EXPIRE_LARGE,
        _SQL_MAX,
};

#define LIST_CONDITIONS                                                                        \
        "(?1 = 0 OR (?1 >> CASE state WHEN 'queued' THEN 0 WHEN 'running' THEN 1 "              \
        "  WHEN 'completed' THEN 2 WHEN 'failed' THEN 3 ELSE 4 END) & 1) "                      \
        "AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR workspace = ?3) "                     \
        "AND (?4 IS NULL OR session = ?4) AND (?5 IS NULL OR uid = ?5) "                        \
        "AND (?6 IS NULL OR number < (SELECT number FROM jobs WHERE id = ?6 AND (?5 IS NULL OR uid = ?5))) "

static const char *const statements[_SQL_MAX] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_INSERT] = "INSERT INTO jobs (" RECORD_COLUMNS ", token, runtime_max_usec, output_max, "
                       "memory_max, tasks_max, cpu_weight, stall_usec, read_only) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
                       "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [SQL_SET_KEY] = "UPDATE jobs SET key = ?2, digest = ?3 WHERE id = ?1",
        [SQL_FIND_KEY] = "SELECT id, digest FROM jobs WHERE uid = ? AND key = ?",
        [SQL_INSERT_SPEC] = "INSERT INTO specs VALUES (?, ?)",
        [SQL_MARK_BEGUN] = "UPDATE jobs SET instance = ?2 WHERE id = ?1 AND state = 'queued'",
        [SQL_MARK_STARTED] = "UPDATE jobs SET state = 'running', started_usec = ?2 "
                             "WHERE id = ?1 AND state = 'queued'",
        [SQL_MARK_STOPPED] = "UPDATE jobs SET stop_reason = ?2, stopped_by = ?3 "
                             "WHERE id = ?1 AND sequence IS NULL",
        [SQL_NEXT_SEQUENCE] = "UPDATE counters SET value = value + 1 WHERE name = 'sequence' RETURNING value",
        [SQL_FINISH] = "UPDATE jobs SET state = ?2, reason = ?3, exit_code = ?4, signal = ?5, "
                       "started_usec = ?6, finished_usec = ?7, progress = ?8, stdout_bytes = ?9, "
                       "stderr_bytes = ?10, result = ?11, sequence = ?12, stopped_by = ?13 WHERE id = ?1 AND sequence IS NULL",
        [SQL_ERASE_SPEC] = "DELETE FROM specs WHERE id = ?",
        [SQL_REMOVE] = "DELETE FROM jobs WHERE id = ? AND sequence IS NOT NULL",
        [SQL_READ_SPEC] = "SELECT spec FROM specs WHERE id = ?",
        [SQL_FIND] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE id = ?1 AND (?2 IS NULL OR uid = ?2)",
        [SQL_FIND_PREFIX] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE number IN ("
                            "  SELECT number FROM jobs WHERE id >= ?1 AND id < ?2 AND (?3 IS NULL OR uid = ?3)"
                            "  UNION"
                            "  SELECT number FROM jobs WHERE token >= ?1 AND token < ?2 AND (?3 IS NULL OR uid = ?3)"
                            ") ORDER BY number DESC LIMIT ?4",
        [SQL_LIST] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE " LIST_CONDITIONS
                     "ORDER BY number DESC LIMIT ?7",
        [SQL_LIST_FINISHED] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE " LIST_CONDITIONS
                              "AND sequence > ?8 ORDER BY sequence LIMIT ?7",
        [SQL_GET_STATE] = "SELECT state FROM jobs WHERE id = ?",
        [SQL_IS_DISCARDED] = "SELECT 1 FROM discarded WHERE id = ?",
        [SQL_LOAD_DISCARDED] = "SELECT id FROM discarded",
        [SQL_FORGET] = "DELETE FROM discarded WHERE id = ?",
        [SQL_LOAD_LIVE] = "SELECT " RECORD_COLUMNS ", runtime_max_usec, output_max, memory_max, tasks_max, "
                          "cpu_weight, instance, stop_reason, stall_usec, read_only FROM jobs WHERE sequence IS NULL ORDER BY number",
        [SQL_COUNT] = "SELECT (SELECT count(*) FROM jobs WHERE sequence IS NOT NULL), "
                      "(SELECT value FROM counters WHERE name = 'sequence')",
        [SQL_COUNT_USER] = "SELECT jobs, bytes FROM users WHERE uid = ?",
        [SQL_ACKNOWLEDGE] = "INSERT INTO consumers VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE "
                            "SET sequence = max(sequence, excluded.sequence)",
        [SQL_READ_CONSUMER] = "SELECT sequence FROM consumers WHERE uid = ? AND name = ?",
        [SQL_EXPIRE_OLD] = "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs "
                           "WHERE sequence IS NOT NULL AND finished_usec < ?1 LIMIT ?2) RETURNING id",
        /* Oldest first, what lies beyond the bytes that the newest may take, and is not awaited in an inbox. */
        [SQL_EXPIRE_LARGE] = "DELETE FROM jobs WHERE number IN (SELECT number FROM ("
                             "  SELECT number, uid, sequence, sum(stdout_bytes + stderr_bytes) "
                             "    OVER (ORDER BY sequence DESC) AS total FROM jobs WHERE sequence IS NOT NULL) AS j "
                             "WHERE total > ?1 AND NOT EXISTS (SELECT 1 FROM consumers c "
                             "  WHERE c.uid = j.uid AND c.sequence < j.sequence) LIMIT ?2) RETURNING id",
};

struct Database {
        sqlite3 *sqlite;
        sqlite3_stmt *prepared[_SQL_MAX];
};

static int errno_from_sqlite(int r) {
        switch (r & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        default:
                return -EIO;
        }
}

/* --- statements ------------------------------------------------------------------------------------ */

static void statement_reset(sqlite3_stmt **s) {
        if (!*s)
                return;
        (void) sqlite3_reset(*s);
        (void) sqlite3_clear_bindings(*s);
}
#define _cleanup_reset_ _cleanup_(statement_reset)

static int statement_get(Database *db, int which, sqlite3_stmt **ret) {
        if (!db->prepared[which]) {
                int r = sqlite3_prepare_v3(db->sqlite, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                                           &db->prepared[which], NULL);

                if (r != SQLITE_OK)
                        return errno_from_sqlite(r);
        }
        *ret = db->prepared[which];
        return 0;
}

/* Values are bound in the order of a format: s text (NULL: null), t unsigned 64, i signed, u unsigned 32
 * (UINT32_MAX: null). The texts stay the caller's until the statement is reset. */
static int statement_bind(sqlite3_stmt *s, const char *format, ...) {
        int r = SQLITE_OK, column = 0;
        va_list ap;

        va_start(ap, format);
        for (const char *f = format; *f && r == SQLITE_OK; f++)
                switch (*f) {
                case 's':
                        r = sqlite3_bind_text(s, ++column, va_arg(ap, const char *), -1, SQLITE_STATIC);
                        break;
                case 't': {
                        uint64_t value = va_arg(ap, uint64_t);

                        r = sqlite3_bind_int64(s, ++column, (int64_t) MIN(value, (uint64_t) INT64_MAX));
                        break;
                }
                case 'i':
                        r = sqlite3_bind_int(s, ++column, va_arg(ap, int));
                        break;
                default: {
                        uint32_t value = va_arg(ap, uint32_t);

                        r = value == UINT32_MAX ? sqlite3_bind_null(s, ++column) :
                                                  sqlite3_bind_int64(s, ++column, value);
                }
                }
        va_end(ap);
        return errno_from_sqlite(r);
}

/* Runs a statement that returns no row. */
static int statement_run(sqlite3_stmt *s) {
        int r = sqlite3_step(s);

        return r == SQLITE_DONE ? 0 : r == SQLITE_ROW ? -EIO : errno_from_sqlite(r);
}

static int run_simple(Database *db, int which) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, which, &s);
        return r < 0 ? r : statement_run(s);
}

static void statement_finalizep(sqlite3_stmt **s) {
        (void) sqlite3_finalize(*s);
}

/* --- opening --------------------------------------------------------------------------------------- */

int database_execute(Database *db, const char *sql) {
        return errno_from_sqlite(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

/* Prepares a statement, with a number for its parameter if it has one. *ret is to be finalized. */
static int prepare_with(Database *db, const char *sql, uint64_t number, sqlite3_stmt **ret) {
        int r = sqlite3_prepare_v2(db->sqlite, sql, -1, ret, NULL);

        if (r == SQLITE_OK && sqlite3_bind_parameter_count(*ret) > 0)
                r = sqlite3_bind_int64(*ret, 1, (int64_t) number);
        return errno_from_sqlite(r);
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
        return errno_from_sqlite(r);
}

int database_copy_rows(Database *from, const char *select, uint64_t number, Database *to, const char *insert) {
        _cleanup_(statement_finalizep) sqlite3_stmt *rows = NULL, *one = NULL;
        int r, step, n = 0;

        r = prepare_with(from, select, number, &rows);
        if (r >= 0)
                r = prepare_with(to, insert, 0, &one);
        if (r < 0)
                return r;
        while ((step = sqlite3_step(rows)) == SQLITE_ROW) {
                r = insert_row(rows, one);
                if (r < 0)
                        return r;
                n++;
        }
        return step == SQLITE_DONE ? n : errno_from_sqlite(step);
}

int database_query_number(Database *db, const char *sql, uint64_t number, uint64_t *ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        int r;

        r = prepare_with(db, sql, number, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW)
                return r == SQLITE_DONE ? -ENOENT : errno_from_sqlite(r);
        if (sqlite3_column_type(s, 0) != SQLITE_INTEGER)
                return -ENOENT;
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

int database_query_text(Database *db, const char *sql, char **ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *s = NULL;
        const char *text;
        int r;

        r = prepare_with(db, sql, 0, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        text = r == SQLITE_ROW ? (const char *) sqlite3_column_text(s, 0) : NULL;
        if (!text)
                return r == SQLITE_ROW || r == SQLITE_DONE ? -ENOENT : errno_from_sqlite(r);
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
        return errno_from_sqlite(r);
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

        r = database_execute(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
                        "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; "
                        "PRAGMA trusted_schema = OFF; BEGIN EXCLUSIVE; COMMIT");
        if (r < 0)
                return r;
        r = read_pragma(db, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        if (version > SCHEMA_VERSION)
                return -EPROTONOSUPPORT;
        return version < SCHEMA_VERSION ? migrate(db, version) : 0;
}

const char *database_explain(int r) {
        switch (r) {
        case -EBUSY:
                return "another codex-jobsd uses it; stop that one first";
        case -EPROTONOSUPPORT:
                return "a newer version of codex-jobsd wrote it; install that version again";
        case -EBADMSG:
                return "it is damaged";
        case -ENOSPC:
                return "the disk is full; make room";
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

int database_open_aside(Database **ret, const char *path) {
        _cleanup_(database_closep) Database *db = NULL;
        int r;

        db = calloc(1, sizeof(*db));
        if (!db)
                return -ENOMEM;
        r = errno_from_sqlite(sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

int database_open_new(Database **ret, const char *directory) {
        _cleanup_(database_closep) Database *db = NULL;
        char path[PATH_MAX];
        int r;

        r = make_path(directory, "", path);
        if (r < 0)
                return r;
        db = calloc(1, sizeof(*db));
        if (!db)
                return -ENOMEM;
        r = errno_from_sqlite(sqlite3_open_v2(path, &db->sqlite,
                                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
        if (r >= 0)
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

/* --- writing --------------------------------------------------------------------------------------- */

int database_begin(Database *db) {
        return run_simple(db, SQL_BEGIN);
}

int database_commit(Database *db) {
        return run_simple(db, SQL_COMMIT);
}

/* SQLite has rolled back by itself where the disk is full or fails. */
void database_rollback(Database *db) {
        if (!sqlite3_get_autocommit(db->sqlite))
                (void) run_simple(db, SQL_ROLLBACK);
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
        r = errno_from_sqlite(sqlite3_bind_blob64(s, 2, spec, size, SQLITE_STATIC));
        if (r < 0)
                return r;
        return statement_run(s);
}

int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_INSERT, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "sssssiiussssttt", record->id, record->kind, record->label,
                           job_state_to_string(record->state), job_reason_to_string(record->reason),
                           record->exit_code, record->signal, record->uid, record->queue, record->directory,
                           record->workspace, record->session, record->created_usec, record->started_usec,
                           record->finished_usec);
        if (r < 0)
                return r;
        /* 16 to 21 (sequence, progress, sizes, result, stopped_by) come with the end. */
        r = errno_from_sqlite(sqlite3_bind_int(s, 18, 0) | sqlite3_bind_int(s, 19, 0) |
                              sqlite3_bind_text(s, 22, job_id_token(record->id), -1, SQLITE_STATIC) |
                              sqlite3_bind_int64(s, 23, (int64_t) limits->runtime_max_usec) |
                              sqlite3_bind_int64(s, 24, (int64_t) limits->output_max) |
                              sqlite3_bind_int64(s, 25, (int64_t) limits->memory_max) |
                              sqlite3_bind_int64(s, 26, (int64_t) limits->tasks_max) |
                              sqlite3_bind_int64(s, 27, (int64_t) limits->cpu_weight) |
                              sqlite3_bind_int64(s, 28, (int64_t) limits->stall_usec) |
                              sqlite3_bind_int64(s, 29, (int64_t) limits->read_only));
        if (r < 0)
                return r;
        r = statement_run(s);
        if (r < 0)
                return r;
        return insert_spec(db, record->id, spec, spec_size);
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
        r = errno_from_sqlite(sqlite3_bind_int64(s, 3, (int64_t) digest));
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

static int run_on_id(Database *db, int which, const char *id) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, which, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "s", id);
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
                return r == SQLITE_DONE ? -EBADMSG : errno_from_sqlite(r);
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

static int update_finished(Database *db, const JobRecord *record, const JobOutcome *outcome, uint64_t sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_FINISH, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "sssiittsttstu", record->id, job_state_to_string(outcome->state),
                           job_reason_to_string(outcome->reason), outcome->exit_code, outcome->signal,
                           outcome->started_usec, outcome->finished_usec, record->progress, record->stdout_bytes,
                           record->stderr_bytes, record->result, sequence, record->stopped_by);
        if (r < 0)
                return r;
        r = statement_run(s);
        if (r < 0)
                return r;
        return sqlite3_changes(db->sqlite) == 1 ? 0 : -ESTALE;
}

int database_finish(Database *db, const JobRecord *record, const JobOutcome *outcome, uint64_t *ret_sequence) {
        uint64_t sequence = 0;
        int r;

        r = next_sequence(db, &sequence);
        if (r < 0)
                return r;
        r = update_finished(db, record, outcome, sequence);
        if (r < 0)
                return r;
        r = run_on_id(db, SQL_ERASE_SPEC, record->id);
        if (r < 0)
                return r;
        *ret_sequence = sequence;
        return 0;
}

int database_remove(Database *db, const char *id) {
        JobState state;
        int r;

        r = run_on_id(db, SQL_REMOVE, id);
        if (r < 0)
                return r;
        if (sqlite3_changes(db->sqlite) == 1)
                return 0;
        r = database_get_state(db, id, &state);
        return r == -ESTALE ? -ENOENT : r < 0 ? r : -EBUSY;
}

/* --- reading --------------------------------------------------------------------------------------- */

static int column_string(sqlite3_stmt *s, int column, char **ret) {
        const char *text = (const char *) sqlite3_column_text(s, column);

        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* In the order of RECORD_COLUMNS. */
static int read_record(sqlite3_stmt *s, JobRecord *ret) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        char **const strings[] = {
                [0] = &record.id, [1] = &record.kind, [2] = &record.label, [8] = &record.queue,
                [9] = &record.directory, [10] = &record.workspace, [11] = &record.session,
                [16] = &record.progress, [19] = &record.result,
        };
        int r;

        for (int i = 0; i < (int) ELEMENTSOF(strings); i++)
                if (strings[i]) {
                        r = column_string(s, i, strings[i]);
                        if (r < 0)
                                return r;
                }
        record.state = job_state_from_string(strempty((const char *) sqlite3_column_text(s, 3)));
        record.reason = job_reason_from_string(strempty((const char *) sqlite3_column_text(s, 4)));
        if (!record.id || record.state < 0 || record.reason < 0)
                return -EBADMSG;
        record.exit_code = sqlite3_column_int(s, 5);
        record.signal = sqlite3_column_int(s, 6);
        record.uid = (uint32_t) sqlite3_column_int64(s, 7);
        record.created_usec = (uint64_t) sqlite3_column_int64(s, 12);
        record.started_usec = (uint64_t) sqlite3_column_int64(s, 13);
        record.finished_usec = (uint64_t) sqlite3_column_int64(s, 14);
        record.sequence = (uint64_t) sqlite3_column_int64(s, 15);
        record.stdout_bytes = (uint64_t) sqlite3_column_int64(s, 17);
        record.stderr_bytes = (uint64_t) sqlite3_column_int64(s, 18);
        if (sqlite3_column_type(s, 20) != SQLITE_NULL)
                record.stopped_by = (uint32_t) sqlite3_column_int64(s, 20);

        *ret = job_record_take(&record);
        return 0;
}

/* Steps through the rows of a list of records; on success they belong to the caller. */
static int read_records(sqlite3_stmt *s, JobRecord **ret, size_t *ret_n) {
        size_t n = 0, allocated = 0;
        JobRecord *records = NULL;
        int step, r = 0;

        while ((step = sqlite3_step(s)) == SQLITE_ROW && r >= 0) {
                if (n == allocated) {
                        JobRecord *bigger = reallocarray(records, MAX(2 * allocated, 4U), sizeof(JobRecord));

                        if (!bigger) {
                                r = -ENOMEM;
                                break;
                        }
                        records = bigger;
                        allocated = MAX(2 * allocated, 4U);
                }
                r = read_record(s, &records[n]);
                if (r >= 0)
                        n++;
        }
        if (r >= 0 && step != SQLITE_DONE)
                r = errno_from_sqlite(step);
        if (r < 0) {
                while (n > 0)
                        job_record_clear(&records[--n]);
                free(records);
                return r;
        }
        *ret = records;
        *ret_n = n;
        return 0;
}

int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_READ_SPEC, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "s", id);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r == SQLITE_DONE)
                return -ENOENT;
        if (r != SQLITE_ROW)
                return errno_from_sqlite(r);
        return write(sqlite3_column_blob(s, 0), (size_t) sqlite3_column_bytes(s, 0), userdata);
}

static int find_exact(Database *db, const char *id, uint32_t uid, JobRecord *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_FIND, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "su", id, uid);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r == SQLITE_DONE)
                return -ENOENT;
        return r == SQLITE_ROW ? read_record(s, ret) : errno_from_sqlite(r);
}

static int join_candidates(const JobRecord *records, size_t n, char **ret) {
        size_t size = 0;
        FILE *f;

        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < MIN(n, CANDIDATES_MAX); i++)
                (void) fprintf(f, "%s%s", i > 0 ? ", " : "", records[i].id);
        if (n > CANDIDATES_MAX)
                (void) fputs(", …", f);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int find_prefix(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        char end[JOB_ID_MAX + 2];
        JobRecord *records = NULL;
        size_t n = 0;
        int r;

        /* All characters of an id sort below '~'. */
        (void) snprintf(end, sizeof(end), "%s~", prefix);
        r = statement_get(db, SQL_FIND_PREFIX, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ssui", prefix, end, uid, CANDIDATES_MAX + 1);
        if (r < 0)
                return r;
        r = read_records(s, &records, &n);
        if (r < 0)
                return r;

        if (n == 1)
                *ret = job_record_take(&records[0]);
        else if (n > 1)
                r = join_candidates(records, n, ret_candidates);
        for (size_t i = 0; i < n; i++)
                job_record_clear(&records[i]);
        free(records);
        if (r < 0)
                return r;
        return n == 0 ? -ENOENT : n > 1 ? -EMLINK : 0;
}

int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        int r;

        if (!job_id_prefix_is_valid(prefix))
                return -ENOENT;
        if (job_id_is_valid(prefix)) {
                r = find_exact(db, prefix, uid, ret);
                if (r != -ENOENT)
                        return r;
        }
        return find_prefix(db, prefix, uid, ret, ret_candidates);
}

int database_find_key(Database *db, uint32_t uid, const char *key, char **ret_id, uint64_t *ret_digest) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_FIND_KEY, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "us", uid, key);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r == SQLITE_DONE)
                return -ENOENT;
        if (r != SQLITE_ROW)
                return errno_from_sqlite(r);
        *ret_digest = (uint64_t) sqlite3_column_int64(s, 1);
        return column_string(s, 0, ret_id);
}

int database_acknowledge(Database *db, uint32_t uid, const char *consumer, uint64_t sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_ACKNOWLEDGE, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "ust", uid, consumer, sequence);
        return r < 0 ? r : statement_run(s);
}

int database_read_consumer(Database *db, uint32_t uid, const char *consumer, uint64_t *ret_sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_READ_CONSUMER, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "us", uid, consumer);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r == SQLITE_DONE)
                return -ENOENT;
        if (r != SQLITE_ROW)
                return errno_from_sqlite(r);
        *ret_sequence = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

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
        return step == SQLITE_DONE ? 0 : errno_from_sqlite(step);
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

int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        bool finished = filter->after_sequence != UINT64_MAX;
        int r;

        r = statement_get(db, finished ? SQL_LIST_FINISHED : SQL_LIST, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, finished ? "isssusit" : "isssusi", (int) filter->states, filter->kind,
                           filter->workspace, filter->session, filter->uid, filter->before,
                           (int) filter->limit, filter->after_sequence);
        if (r < 0)
                return r;
        return read_records(s, ret, ret_n);
}

int database_forget(Database *db, const char *id) {
        return run_on_id(db, SQL_FORGET, id);
}

/* -ENOENT, or -ESTALE where it was recorded once and its files are not deleted yet. */
static int look_in_discarded(Database *db, const char *id) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_IS_DISCARDED, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "s", id);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        return r == SQLITE_ROW ? -ESTALE : r == SQLITE_DONE ? -ENOENT : errno_from_sqlite(r);
}

int database_load_discarded(Database *db, int (*found)(const char *id, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r, step;

        r = statement_get(db, SQL_LOAD_DISCARDED, &s);
        if (r < 0)
                return r;
        while ((step = sqlite3_step(s)) == SQLITE_ROW) {
                r = found(strempty((const char *) sqlite3_column_text(s, 0)), userdata);
                if (r < 0)
                        return r;
        }
        return errno_from_sqlite(step);
}

int database_get_state(Database *db, const char *id, JobState *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_GET_STATE, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "s", id);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r == SQLITE_DONE)
                return look_in_discarded(db, id);
        if (r != SQLITE_ROW)
                return errno_from_sqlite(r);
        *ret = job_state_from_string(strempty((const char *) sqlite3_column_text(s, 0)));
        return *ret < 0 ? -EBADMSG : 0;
}

/* The columns of SQL_LOAD_LIVE behind those of the record. */
static int read_stored(sqlite3_stmt *s, StoredJob *stored) {
        int r;

        stored->limits = (JobLimits) {
                .runtime_max_usec = (uint64_t) sqlite3_column_int64(s, 21),
                .output_max = (uint64_t) sqlite3_column_int64(s, 22),
                .memory_max = (uint64_t) sqlite3_column_int64(s, 23),
                .tasks_max = (uint64_t) sqlite3_column_int64(s, 24),
                .cpu_weight = (uint64_t) sqlite3_column_int64(s, 25),
                .stall_usec = (uint64_t) sqlite3_column_int64(s, 28),
                .read_only = (uint64_t) sqlite3_column_int64(s, 29),
        };
        stored->stop_reason = job_reason_from_string(strempty((const char *) sqlite3_column_text(s, 27)));
        if (stored->stop_reason < 0)
                return -EBADMSG;
        r = read_record(s, &stored->record);
        return r < 0 ? r : column_string(s, 26, &stored->instance);
}

int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r, step;

        r = statement_get(db, SQL_LOAD_LIVE, &s);
        if (r < 0)
                return r;
        while ((step = sqlite3_step(s)) == SQLITE_ROW) {
                StoredJob stored = { .record = JOB_RECORD_INIT };

                r = read_stored(s, &stored);
                if (r >= 0)
                        r = found(&stored, userdata);
                job_record_clear(&stored.record);
                free(stored.instance);
                if (r < 0)
                        return r;
        }
        return errno_from_sqlite(step);
}

int database_count_user(Database *db, uint32_t uid, uint64_t *ret_jobs, uint64_t *ret_bytes) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_COUNT_USER, &s);
        if (r < 0)
                return r;
        r = statement_bind(s, "u", uid);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return errno_from_sqlite(r);
        *ret_jobs = r == SQLITE_ROW ? (uint64_t) sqlite3_column_int64(s, 0) : 0;
        *ret_bytes = r == SQLITE_ROW ? (uint64_t) sqlite3_column_int64(s, 1) : 0;
        return 0;
}

int database_count(Database *db, uint64_t *ret_finished, uint64_t *ret_last_sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_get(db, SQL_COUNT, &s);
        if (r < 0)
                return r;
        r = sqlite3_step(s);
        if (r != SQLITE_ROW)
                return r == SQLITE_DONE ? -EBADMSG : errno_from_sqlite(r);
        *ret_finished = (uint64_t) sqlite3_column_int64(s, 0);
        *ret_last_sequence = (uint64_t) sqlite3_column_int64(s, 1);
        return 0;
}
