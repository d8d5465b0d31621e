/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Files that the store finds: of another version, no database at all, or of a run that was interrupted. */

#include <sqlite3.h>

#include "database-fixture.h"
#include "test.h"
#include "time-util.h"

#define A "task-aaaa000000"
#define B "task-bbbb000000"
#define C "task-cccc000000"

static int query_number(const char *sql) {
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        int ret;

        check_int(sqlite3_open(test_path("jobs.sqlite"), &db), SQLITE_OK);
        check_int(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        check_int(sqlite3_step(s), SQLITE_ROW);
        ret = sqlite3_column_int(s, 0);
        (void) sqlite3_finalize(s);
        check_int(sqlite3_close(db), SQLITE_OK);
        return ret;
}

/* --- other versions -------------------------------------------------------------------------------- */

/* As version 1 made it. This text never changes. */
static const char version_1[] =
        "CREATE TABLE jobs ("
        "  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, token TEXT NOT NULL UNIQUE,"
        "  kind TEXT NOT NULL, label TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
        "  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, uid INTEGER NOT NULL, queue TEXT NOT NULL,"
        "  directory TEXT, workspace TEXT, session TEXT, created_usec INTEGER NOT NULL, started_usec INTEGER NOT NULL,"
        "  finished_usec INTEGER NOT NULL, sequence INTEGER UNIQUE, progress TEXT, stdout_bytes INTEGER NOT NULL,"
        "  stderr_bytes INTEGER NOT NULL, result TEXT, stopped_by INTEGER, stop_reason TEXT NOT NULL DEFAULT '',"
        "  instance TEXT, runtime_max_usec INTEGER NOT NULL, output_max INTEGER NOT NULL, memory_max INTEGER NOT NULL,"
        "  tasks_max INTEGER NOT NULL, cpu_weight INTEGER NOT NULL) STRICT;"
        "CREATE INDEX jobs_by_uid ON jobs (uid, number);"
        "CREATE INDEX jobs_live ON jobs (number) WHERE sequence IS NULL;"
        "CREATE TABLE specs (id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, spec BLOB NOT NULL)"
        "  STRICT, WITHOUT ROWID;"
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        "INSERT INTO counters VALUES ('sequence', 7);"
        "INSERT INTO jobs VALUES (11, 'task-aaaa000000', 'aaaa000000', 'task', 'label', 'completed', '', 0, 0, 0,"
        "  'default', '/', NULL, NULL, 1, 2, 3, 7, NULL, 4, 5, '{}', NULL, '', 'i', 0, 0, 0, 0, 0);"
        "INSERT INTO jobs VALUES (12, 'task-bbbb000000', 'bbbb000000', 'task', 'label', 'running', '', -1, 0, 0,"
        "  'default', '/', NULL, NULL, 1, 2, 0, NULL, NULL, 0, 0, NULL, 5, 'user', 'i', 1, 2, 3, 4, 5);"
        "INSERT INTO specs VALUES ('task-bbbb000000', zeroblob(40));"
        "PRAGMA user_version = 1;";

static void older_version(void) {
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF;

        run_sql(version_1);
        store_fixture_open(&f);
        check_string(live(&f), B " running user i ");
        check_string(list(&f, ""), B " " A " ");
        check_int(store_last_sequence(f.store), 7);
        check_int(insert_finished(&f, C, 0), 8);
        check_string(list(&f, "uid=0 workspace=/"), "");
        check_string(list(&f, "uid=0"), C " " B " " A " ");
        check_string(inbox(&f, 0, "reader", 10), A " " C " ");
        check_ok(begin_job(&f, B, "i", NULL, &fd));
        check_ok(acknowledge(&f, 0, "reader", 8));
        check_string(expire(&f, 0, 9), ""); /* what A had written was counted */
        check_string(expire(&f, 0, 8), A " ");
        f.store = store_free(f.store);
        check(query_number("PRAGMA user_version") > 1);
        check_int(query_number("PRAGMA application_id"), 0x434a6f62);
}

/* As the version before consumers expired had it, with one in it. */
static void make_consumer_older(StoreFixture *f) {
        check_ok(acknowledge(f, 1000, "reader", 0));
        f->store = store_free(f->store);
        run_sql("DROP INDEX jobs_by_kind; DROP INDEX consumers_by_age; DROP INDEX consumers_by_age_of_user; DROP INDEX jobs_by_size; DROP INDEX jobs_by_parent; DROP TABLE dependencies;"
                "DROP TABLE queues; CREATE TABLE paused (uid INTEGER PRIMARY KEY) STRICT; ALTER TABLE jobs DROP COLUMN slot;"
                "ALTER TABLE jobs DROP COLUMN launcher; ALTER TABLE jobs DROP COLUMN place; ALTER TABLE jobs DROP COLUMN place_id;"
                "ALTER TABLE jobs DROP COLUMN priority; ALTER TABLE jobs DROP COLUMN held;"
                "ALTER TABLE jobs DROP COLUMN not_before_usec; ALTER TABLE jobs DROP COLUMN after;"
                "ALTER TABLE jobs DROP COLUMN failed_dependency; ALTER TABLE jobs DROP COLUMN parent;"
                "ALTER TABLE jobs DROP COLUMN detached; ALTER TABLE jobs DROP COLUMN retries;"
                "ALTER TABLE jobs DROP COLUMN retry_delay_usec; ALTER TABLE jobs DROP COLUMN retry_on;"
                "ALTER TABLE jobs DROP COLUMN attempt; ALTER TABLE jobs DROP COLUMN attempts;"
                "ALTER TABLE jobs DROP COLUMN next_attempt_usec;"
                "ALTER TABLE jobs DROP COLUMN resource_limits;"
                "ALTER TABLE consumers DROP COLUMN seen_usec; PRAGMA user_version = 9");
}

/* A consumer of an older version was seen just now: it does not expire at once. */
static void older_consumers(void) {
        for (unsigned damaged = 0; damaged < 2; damaged++) {
                _cleanup_store_fixture_ StoreFixture f;
                uint64_t before = now_realtime() - USEC_PER_SEC;

                store_fixture_open(&f);
                make_consumer_older(&f);
                if (damaged)
                        flag_damaged();
                check_ok(store_new(&f.store, f.event, test_directory()));
                check_string(consumers(&f, 1000), "(reader) ");
                check_string(expire(&f, before, 0), "");
                check_string(consumers(&f, 1000), "(reader) ");
                check_string(expire(&f, now_realtime() + 1, 0), "");
                check_string(consumers(&f, 1000), "");
        }
}

static void newer_version(void) {
        _cleanup_free_ char *before = NULL, *after = NULL;
        _cleanup_store_fixture_ StoreFixture f;
        size_t n, m;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        f.store = store_free(f.store);
        run_sql("PRAGMA user_version = 1000");
        before = read_file(test_path("jobs.sqlite"), &n);
        check_error(store_new(&f.store, f.event, test_directory()), -EPROTONOSUPPORT);
        check(!f.store);
        check_contains(test_log(), "written by a newer version of codex-jobsd");
        after = read_file(test_path("jobs.sqlite"), &m);
        check_bytes(before, n, after, m);
}

/* A corrupt one is recovered before its migration. */
static void flagged_older_version(void) {
        _cleanup_store_fixture_ StoreFixture f;

        run_sql(version_1);
        flag_damaged();
        store_fixture_open(&f);
        check_string(live(&f), B " running user i ");
        check_string(list(&f, ""), B " " A " ");
        check_int(store_last_sequence(f.store), 7);
}

/* --- what is set aside ----------------------------------------------------------------------------- */

/* What is no database at all is kept as it was found. */
static void no_database(void) {
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_free_ char *kept = NULL;
        char bytes[10000], path[512];
        size_t n;

        memset(bytes, 'x', sizeof(bytes));
        write_file("jobs.sqlite", bytes, sizeof(bytes));
        store_fixture_open(&f);
        check_string(live(&f), "");
        insert_new(&f, A, 0);
        check_int(set_aside(path), 1);
        kept = read_file(path, &n);
        check_bytes(kept, n, bytes, sizeof(bytes));
        check_contains(test_log(), "Corrupt database moved to ");
        check_contains(test_log(), path);

        store_fixture_reopen(&f); /* and not once more */
        check_string(live(&f), A " queued - - ");
        check_int(set_aside(path), 1);
}

/* A database of one job, whose file is truncated, is set aside. */
static void check_truncated(off_t size) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        f.store = store_free(f.store);
        check_ok(truncate(test_path("jobs.sqlite"), size));
        store_fixture_open(&f);
        check_int(set_aside(path), 1);
        check_contains(test_log(), "Corrupt database moved to ");
        check_string(live(&f), "");
}

static void truncated(void) {
        check_truncated(100);
}

/* SQLite takes an empty file for a new database. */
static void emptied(void) {
        check_truncated(0);
}

static void lost_but_for_its_log(void) {
        _cleanup_store_fixture_ StoreFixture f;

        write_file("jobs.sqlite-wal", "left", 4);
        store_fixture_open(&f);
        check_int(access(test_path("jobs.sqlite-wal"), F_OK), 0);
        check_contains(test_log(), "Corrupt database moved to ");
        insert_new(&f, A, 0);
        store_fixture_reopen(&f);
        check_string(live(&f), A " queued - - ");
}

/* As a crash in the middle of making one leaves it. */
static void begun_only(void) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];

        write_file("jobs.sqlite.new", "half", 4);
        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_int(set_aside(path), 0);
        check_int(access(test_path("jobs.sqlite.new"), F_OK), -1);
}

/* However often it happens, not the whole disk goes to what is set aside; the newest are kept. */
static void flagged_often(void) {
        enum { KEPT = 5 };
        _cleanup_store_fixture_ StoreFixture f = {};
        char first[512], last[512], before[512] = "";

        for (int i = 0; i < KEPT + 3; i++) {
                flag_damaged();
                write_file("jobs.sqlite-wal", "left", 4);
                store_fixture_open(&f);
                check_int(set_aside(last), i == 0 ? 0 : MIN(i, KEPT)); /* there was none at first, but for its log */
                check(strcmp(last, before) > 0 || i == 0);
                (void) strcpy(before, i == 0 ? "" : last);
                if (i == 1)
                        (void) strcpy(first, last);
                f.store = store_free(f.store);
        }
        check(access(first, F_OK) < 0);
        check_contains(test_log(), "Deleted the oldest 1 of");
}

TEST_MAIN(TEST(older_version), TEST(older_consumers), TEST(newer_version), TEST(flagged_older_version), TEST(no_database),
          TEST(truncated), TEST(emptied), TEST(lost_but_for_its_log), TEST(begun_only), TEST(flagged_often))
