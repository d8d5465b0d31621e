/* SPDX-License-Identifier: Apache-2.0 */

/* The SQL of the store, and how a statement is used. */

#include <stdarg.h>

#include "database-internal.h"

/* A list takes, in this order: uid, kind, workspace, session, a number that its jobs are below, how many, a sequence
 * that they are above, and five words of states, null where one is not asked for. INDEXED BY stands where SQLite,
 * which knows nothing of how many rows have which value, would choose an index that has more to walk through. */
#define OF_KIND "AND (?2 IS NULL OR kind = ?2) "
#define OF_WORKSPACE "AND (?3 IS NULL OR workspace = ?3) "
#define OF_SESSION "AND (?4 IS NULL OR session = ?4) "
#define OF_STATES "AND state IN (?8, ?9, ?10, ?11, ?12) "
#define BEFORE "AND number < ?5 "
#define NEWEST_FIRST "ORDER BY number DESC LIMIT ?6"
#define OLDEST_END_FIRST "ORDER BY sequence LIMIT ?6"

#define NUMBERS_OF_STATE(parameter)                                                                             \
        "SELECT number FROM jobs INDEXED BY jobs_by_state WHERE uid = ?1 AND state = " parameter " " BEFORE OF_KIND

/* Of those that begin with ?1, and are below ?2, the first few. */
#define NUMBERS_OF_PREFIX(column, and_of_user)                                                                  \
        "SELECT number FROM (SELECT number FROM jobs WHERE " column " >= ?1 AND " column " < ?2 " and_of_user \
        "  ORDER BY " column " LIMIT ?3)"

static const char *const statements[_SQL_MAX] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_INSERT] = "INSERT INTO jobs (" RECORD_COLUMNS ", token, " LIMIT_COLUMNS ", command_bytes) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                       "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [SQL_SET_KEY] = "UPDATE jobs SET key = ?2, digest = ?3 WHERE id = ?1",
        [SQL_FIND_KEY] = "SELECT id, digest FROM jobs WHERE uid = ? AND key = ?",
        [SQL_INSERT_SPEC] = "INSERT INTO specs VALUES (?, ?)",
        [SQL_MARK_BEGUN] = "UPDATE jobs SET instance = ?2, secret = ?3 WHERE id = ?1 AND state = 'queued'",
        [SQL_MARK_STARTED] = "UPDATE jobs SET state = 'running', started_usec = ?2 "
                             "WHERE id = ?1 AND state = 'queued'",
        [SQL_MARK_STOPPED] = "UPDATE jobs SET stop_reason = ?2, stopped_by = ?3 "
                             "WHERE id = ?1 AND sequence IS NULL",
        [SQL_NEXT_SEQUENCE] = "UPDATE counters SET value = value + 1 WHERE name = 'sequence' RETURNING value",
        [SQL_FINISH] = "UPDATE jobs SET state = ?2, reason = ?3, exit_code = ?4, signal = ?5, "
                       "started_usec = ?6, finished_usec = ?7, progress = ?8, stdout_bytes = ?9, "
                       "stderr_bytes = ?10, result = ?11, sequence = ?12, stopped_by = ?13, cpu_usage_usec = ?14, "
                       "memory_peak = ?15, result_error = ?16, left_behind = ?17, end_source = ?18 WHERE id = ?1 AND sequence IS NULL",
        [SQL_ERASE_INPUT] = "UPDATE specs SET spec = substr(spec, 1, (SELECT command_bytes FROM jobs WHERE id = ?1)) "
                            "WHERE id = ?1",
        [SQL_ERASE_SPEC] = "DELETE FROM specs WHERE id = ? AND length(spec) = 0",
        [SQL_REMOVE] = "DELETE FROM jobs WHERE id = ? AND sequence IS NOT NULL",
        [SQL_READ_SPEC] = "SELECT spec FROM specs WHERE id = ?",
        [SQL_FIND] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE id = ?1 AND (?2 IS NULL OR uid = ?2)",
        [SQL_FIND_NUMBER] = "SELECT number FROM jobs WHERE id = ?1 AND (?2 IS NULL OR uid = ?2)",
        [SQL_FIND_PREFIX] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE number IN ("
                            NUMBERS_OF_PREFIX("id", "") " UNION " NUMBERS_OF_PREFIX("token", "")
                            ") ORDER BY number DESC LIMIT ?3",
        [SQL_FIND_PREFIX_OF_USER] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE number IN ("
                                    NUMBERS_OF_PREFIX("id", "AND uid = ?4") " UNION "
                                    NUMBERS_OF_PREFIX("token", "AND uid = ?4") ") ORDER BY number DESC LIMIT ?3",
        [SQL_LIST] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE number < ?5 "
                     OF_STATES OF_KIND OF_WORKSPACE OF_SESSION NEWEST_FIRST,
        [SQL_LIST_LIVE] = "SELECT " RECORD_COLUMNS " FROM jobs INDEXED BY jobs_live WHERE sequence IS NULL "
                          BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION NEWEST_FIRST,
        /* The jobs of each state are in order: they are merged, and no more of them are read than are asked for. */
        [SQL_LIST_OF_USER] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE number IN ("
                             NUMBERS_OF_STATE("?8") "UNION ALL " NUMBERS_OF_STATE("?9") "UNION ALL "
                             NUMBERS_OF_STATE("?10") "UNION ALL " NUMBERS_OF_STATE("?11") "UNION ALL "
                             NUMBERS_OF_STATE("?12") NEWEST_FIRST ") ORDER BY number DESC",
        [SQL_LIST_OF_SESSION] = "SELECT " RECORD_COLUMNS " FROM jobs INDEXED BY jobs_by_session "
                                "WHERE uid = ?1 AND session = ?4 " BEFORE OF_STATES OF_KIND OF_WORKSPACE NEWEST_FIRST,
        [SQL_LIST_OF_WORKSPACE] = "SELECT " RECORD_COLUMNS " FROM jobs INDEXED BY jobs_by_workspace "
                                  "WHERE uid = ?1 AND workspace = ?3 " BEFORE OF_STATES OF_KIND NEWEST_FIRST,
        [SQL_LIST_FINISHED] = "SELECT " RECORD_COLUMNS " FROM jobs WHERE sequence > ?7 "
                              BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION OLDEST_END_FIRST,
        [SQL_LIST_FINISHED_OF_USER] = "SELECT " RECORD_COLUMNS " FROM jobs INDEXED BY jobs_by_end "
                                      "WHERE uid = ?1 AND sequence > ?7 "
                                      BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION OLDEST_END_FIRST,
        [SQL_GET_STATE] = "SELECT state FROM jobs WHERE id = ?",
        [SQL_IS_DISCARDED] = "SELECT 1 FROM discarded WHERE id = ?",
        [SQL_LOAD_DISCARDED] = "SELECT id FROM discarded",
        [SQL_FORGET] = "DELETE FROM discarded WHERE id = ?",
        [SQL_LOAD_LIVE] = "SELECT " RECORD_COLUMNS ", " LIMIT_COLUMNS ", instance, stop_reason, secret "
                          "FROM jobs WHERE sequence IS NULL ORDER BY number",
        [SQL_READ_STORED] = "SELECT " RECORD_COLUMNS ", " LIMIT_COLUMNS ", instance, stop_reason, secret FROM jobs WHERE id = ?",
        [SQL_LOAD_PAUSED] = "SELECT uid FROM paused",
        [SQL_PAUSE] = "INSERT OR IGNORE INTO paused VALUES (?)",
        [SQL_RESUME] = "DELETE FROM paused WHERE uid = ?",
        [SQL_COUNT] = "SELECT (SELECT count(*) FROM jobs WHERE sequence IS NOT NULL), "
                      "(SELECT value FROM counters WHERE name = 'sequence')",
        [SQL_COUNT_USER] = "SELECT jobs, max(bytes, 0) FROM users WHERE uid = ?",
        /* A new one only up to a number of them. */
        [SQL_ACKNOWLEDGE] = "INSERT INTO consumers SELECT ?1, ?2, ?3 "
                            "WHERE EXISTS (SELECT 1 FROM consumers WHERE uid = ?1 AND name = ?2) "
                            "OR (SELECT count(*) FROM consumers WHERE uid = ?1) < ?4 "
                            "ON CONFLICT DO UPDATE SET sequence = max(sequence, excluded.sequence)",
        [SQL_READ_CONSUMER] = "SELECT sequence FROM consumers WHERE uid = ? AND name = ?",
        [SQL_FIND_OLD] = "SELECT id FROM jobs WHERE sequence IS NOT NULL AND finished_usec < ?1 "
                         "ORDER BY finished_usec LIMIT ?2",
        [SQL_NEXT_LARGE_USER] = "SELECT uid, output FROM users WHERE uid >= ?1 AND output > ?2 ORDER BY uid LIMIT 1",
        /* Each with whether it is awaited in an inbox. */
        [SQL_WALK_ENDED] = "SELECT id, sequence, stdout_bytes + stderr_bytes, EXISTS (SELECT 1 FROM consumers c "
                           "  WHERE c.uid = jobs.uid AND c.sequence < jobs.sequence) "
                           "FROM jobs WHERE uid = ?1 AND sequence > ?2 ORDER BY sequence",
};

const char *database_statement(int which) {
        return statements[which];
}

int database_errno(int r) {
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

void statement_reset(sqlite3_stmt **s) {
        if (!*s)
                return;
        (void) sqlite3_reset(*s);
        (void) sqlite3_clear_bindings(*s);
}

static int prepare(Database *db, int which, sqlite3_stmt **ret) {
        if (!db->prepared[which]) {
                int r = sqlite3_prepare_v3(db->sqlite, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                                           &db->prepared[which], NULL);

                if (r != SQLITE_OK)
                        return database_errno(r);
        }
        *ret = db->prepared[which];
        return 0;
}

static int bind_one(sqlite3_stmt *s, int column, char type, va_list *ap) {
        uint64_t wide;
        uint32_t number;
        const void *blob;

        switch (type) {
        case 's':
                return sqlite3_bind_text(s, column, va_arg(*ap, const char *), -1, SQLITE_STATIC);
        case 'b':
                blob = va_arg(*ap, const void *);
                return sqlite3_bind_blob64(s, column, blob, va_arg(*ap, size_t), SQLITE_STATIC);
        case 't':
                wide = va_arg(*ap, uint64_t);
                return sqlite3_bind_int64(s, column, (int64_t) MIN(wide, (uint64_t) INT64_MAX));
        case 'x':
                return sqlite3_bind_int64(s, column, va_arg(*ap, int64_t));
        case 'i':
                return sqlite3_bind_int(s, column, va_arg(*ap, int));
        case 'u':
                number = va_arg(*ap, uint32_t);
                return number == UINT32_MAX ? sqlite3_bind_null(s, column) : sqlite3_bind_int64(s, column, number);
        default:
                return SQLITE_OK; /* null, as it is */
        }
}

static int open_with(Database *db, int which, sqlite3_stmt **ret, const char *format, va_list *ap) {
        int r;

        r = prepare(db, which, ret);
        for (int i = 0; r >= 0 && format[i]; i++)
                r = database_errno(bind_one(*ret, i + 1, format[i], ap));
        return r;
}

int statement_open(Database *db, int which, sqlite3_stmt **ret, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = open_with(db, which, ret, format, &ap);
        va_end(ap);
        return r;
}

int statement_next(sqlite3_stmt *s) {
        int r = sqlite3_step(s);

        return r == SQLITE_ROW ? 1 : database_errno(r);
}

int statement_run(Database *db, int which, const char *format, ...) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = open_with(db, which, &s, format, &ap);
        va_end(ap);
        if (r >= 0)
                r = statement_next(s);
        return r > 0 ? -EIO : r;
}

int column_string(sqlite3_stmt *s, int column, char **ret) {
        const char *text = (const char *) sqlite3_column_text(s, column);

        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}
