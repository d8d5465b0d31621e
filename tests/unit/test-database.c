/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Files that the store finds: of another version, damaged, or of somebody else. */

#include <fcntl.h>
#include <glob.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"
#include "time-util.h"

#define A "task-aaaa000000"
#define B "task-bbbb000000"
#define C "task-cccc000000"

/* --- looking at and changing the file ------------------------------------------------------------- */

static void run_sql(const char *sql) {
        char *message = NULL;
        sqlite3 *db = NULL;

        check_int(sqlite3_open(test_path("jobs.sqlite"), &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
                test_fail(TEST_PLACE("sqlite3_exec()"), "%s", message);
        check_int(sqlite3_close(db), SQLITE_OK);
}

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

static char *read_file(const char *path, size_t *ret_size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        struct stat st;
        char *bytes;

        check(f);
        check_ok(fstat(fileno(f), &st));
        *ret_size = (size_t) st.st_size;
        bytes = malloc(*ret_size + 1);
        check(bytes);
        check_int(fread(bytes, 1, *ret_size, f), *ret_size);
        return bytes;
}

static void write_file(const char *name, const void *bytes, size_t n) {
        FILE *f = fopen(test_path(name), "we");

        check(f);
        check_int(fwrite(bytes, 1, n, f), n);
        check(fclose(f) == 0);
}

/* How many stores were set aside, without their companions; the path of the last one. */
static size_t set_aside(char path[static 512]) {
        glob_t found = {};
        size_t n = 0;

        (void) glob(test_path("jobs.sqlite.damaged-*Z"), 0, NULL, &found);
        n = found.gl_pathc;
        if (n > 0)
                (void) snprintf(path, 512, "%s", found.gl_pathv[n - 1]);
        globfree(&found);
        return n;
}

/* Opens the store on a loop of its own: that of before may have been told to exit. */
static void open_anew(StoreFixture *f) {
        store_fixture_close(f);
        store_fixture_open(f);
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
        run_sql("DROP INDEX consumers_by_age; DROP INDEX consumers_by_age_of_user; DROP INDEX jobs_by_size;"
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
                        write_file("jobs.sqlite.is-damaged", "", 0);
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

/* --- damaged --------------------------------------------------------------------------------------- */

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

static void cut_off(void) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        f.store = store_free(f.store);
        check_ok(truncate(test_path("jobs.sqlite"), 100));
        store_fixture_open(&f);
        check_int(set_aside(path), 1);
        check_string(live(&f), "");
}

/* SQLite takes an empty file for a new database. */
static void emptied(void) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        f.store = store_free(f.store);
        check_ok(truncate(test_path("jobs.sqlite"), 0));
        store_fixture_open(&f);
        check_int(set_aside(path), 1);
        check_contains(test_log(), "Corrupt database moved to ");
        check_string(live(&f), "");
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

/* A store with a bit of everything. */
static void fill(StoreFixture *f) {
        _cleanup_(job_freep) Job *job = fixture_job(C, 1000);
        Answer answer = ANSWER_INIT;
        StoreInsert insert = { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .key = "key", .digest = 1 };

        insert_new(f, A, 1000);
        check_int(insert_finished(f, B, 1000), 1);
        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, &answer));
        run_until(f->event, &answer.done);
        check_ok(stop_job(f, A, JOB_REASON_USER, 0));
        check_string(inbox(f, 1000, "reader", 10), B " ");
        answer = ANSWER_INIT;
        check_ok(store_acknowledge(f->store, 1000, "reader", 1, on_answer, &answer));
        run_until(f->event, &answer.done);
}

static void check_filled(StoreFixture *f) {
        _cleanup_(job_freep) Job *job = fixture_job("task-dddd000000", 1000);
        _cleanup_close_ int fd = -EBADF;
        _cleanup_answer_ Answer answer = ANSWER_INIT;
        StoreInsert insert = { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .key = "key", .digest = 1 };

        check_string(live(f), A " queued user - " C " queued - - ");
        check_string(list(f, ""), C " " B " " A " ");
        check_int(store_last_sequence(f->store), 1);
        check_int(store_finished(f->store), 1);
        check_string(inbox(f, 1000, "reader", 10), "");
        check_ok(begin_job(f, A, "i", NULL, &fd));
        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, &answer));
        run_until(f->event, &answer.done);
        check_ok(answer.r);
        check_string(answer.existing, C);
}

/* An earlier run found it damaged while it was at work and left word. */
static void flagged(void) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];

        store_fixture_open(&f);
        fill(&f);
        f.store = store_free(f.store);
        write_file("jobs.sqlite.is-damaged", "", 0);
        store_fixture_open(&f);
        check_filled(&f);
        check_int(set_aside(path), 1);
        check_int(access(test_path("jobs.sqlite.is-damaged"), F_OK), -1);
        check_contains(test_log(), "3 jobs recovered");
}

/* The worker of a job that runs is believed afterwards, too. */
static void flagged_while_running(void) {
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF;

        store_fixture_open(&f);
        insert_new(&f, A, 1000);
        check_ok(begin_job(&f, A, "i", "secret", &fd));
        check_ok(store_started(f.store, A, 2));
        f.store = store_free(f.store);
        write_file("jobs.sqlite.is-damaged", "", 0);
        store_fixture_open(&f);
        check_string(live(&f), A " running - i ");
        check_string(live_secret(&f, A), "secret");
}

/* Numbers go up for the life of a store, and most of them were removed long since. */
static void flagged_after_many(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        f.store = store_free(f.store);
        run_sql("INSERT INTO sqlite_sequence VALUES ('jobs', 1000000)");
        store_fixture_open(&f);
        fill(&f);
        f.store = store_free(f.store);
        write_file("jobs.sqlite.is-damaged", "", 0);
        store_fixture_open(&f);
        check_filled(&f);
}

/* --- what nobody knows ---------------------------------------------------------------------------- */

static int start(StoreFixture *f);

static int count_found(const char *id, void *userdata) {
        (*(int *) userdata)++;
        return 0;
}

/* A store that is whole, but for a value that this version cannot read: it is set aside once, the value is left out, and
 * that is the end of it. */
static void check_left_out_once(const char *sql, const char *left_live, const char *left) {
        _cleanup_store_fixture_ StoreFixture f;
        char path[512];
        int n = 0;

        store_fixture_open(&f);
        fill(&f);
        f.store = store_free(f.store);
        run_sql(sql);
        write_file("jobs.sqlite.is-damaged", "", 0);
        open_anew(&f);
        check_contains(test_log(), "2 jobs recovered, 1 could not");
        for (int i = 0; i < 3; i++) {
                check_string(live(&f), left_live);
                check_string(list(&f, ""), left);
                check_ok(start(&f));
        }
        check_int(set_aside(path), 1);
        check_ok(store_load_discarded(f.store, count_found, &n)); /* what it has written is kept */
        check_int(n, 0);
}

static void unknown_reason(void) {
        check_left_out_once("UPDATE jobs SET reason = 'exit-cnde' WHERE id = '" B "'", A " queued user - " C " queued - - ",
                            C " " A " ");
}

static void unknown_stop_reason(void) {
        check_left_out_once("UPDATE jobs SET stop_reason = 'usfr' WHERE id = '" A "'", C " queued - - ", C " " B " ");
}

static void id_that_is_none(void) {
        check_left_out_once("UPDATE jobs SET id = 'task-../../etc', token = '../../etc' WHERE id = '" A "'", C " queued - - ",
                            C " " B " ");
}

/* What the rules of the table forbid, and a damaged page may hold all the same. */
static void missing_text(void) {
        static const char forget_rules[] =
                "PRAGMA writable_schema = ON;"
                "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'kind TEXT NOT NULL', 'kind TEXT'), "
                "  'queue TEXT NOT NULL', 'queue TEXT'), 'label TEXT NOT NULL', 'label TEXT') WHERE name = 'jobs'";
        static const char *const columns[] = { "kind", "label", "queue" };
        _cleanup_store_fixture_ StoreFixture f;

        for (size_t i = 0; i < ELEMENTSOF(columns); i++) {
                char sql[128];

                store_fixture_open(&f);
                fill(&f);
                f.store = store_free(f.store);
                run_sql(forget_rules);
                (void) snprintf(sql, sizeof(sql), "UPDATE jobs SET %s = NULL WHERE id = '" A "'", columns[i]);
                run_sql(sql);
                check_error(start(&f), -EBADMSG);
                check_ok(start(&f));
                check_string(live(&f), C " queued - - ");
                check_ok(start(&f));
                check_ok(remove_jobs(&f, STRINGS(B)));
                store_fixture_close(&f);
                check_ok(unlink(test_path("jobs.sqlite")));
        }
}

/* A spec that cannot be one: its job fails when it is begun, and no store is taken for damaged for it. */
static void short_spec(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int fd = -EBADF;

        store_fixture_open(&f);
        fill(&f);
        f.store = store_free(f.store);
        run_sql("UPDATE specs SET spec = x'00' WHERE id = '" A "'");
        open_anew(&f);
        check_error(begin_job(&f, A, "i", NULL, &fd), -EBADMSG);
        open_anew(&f);
        check_contains(test_log(), "3 jobs recovered. ");
        check_error(begin_job(&f, A, "i", NULL, &fd), -ENOENT);
        check_ok(begin_job(&f, C, "i", NULL, &fd));
        (void) close(fd);
}

/* Files of forgotten jobs are still to be deleted. */
static void flagged_with_discarded(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int n = 0;

        store_fixture_open(&f);
        fill(&f);
        check_ok(remove_jobs(&f, STRINGS(B)));
        f.store = store_free(f.store);
        run_sql("INSERT INTO discarded VALUES ('" A "'), ('../../etc')"); /* one that is not forgotten, and no id */
        write_file("jobs.sqlite.is-damaged", "", 0);
        store_fixture_open(&f);
        check_ok(store_load_discarded(f.store, count_found, &n));
        check_int(n, 1);
}

/* However often it happens, not the whole disk goes to what is set aside; the newest are kept. */
static void flagged_often(void) {
        enum { KEPT = 5 };
        _cleanup_store_fixture_ StoreFixture f = {};
        char first[512], last[512], before[512] = "";

        for (int i = 0; i < KEPT + 3; i++) {
                write_file("jobs.sqlite.is-damaged", "", 0);
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

/* Home directories are called what people are called. */
static void flagged_in_quotes(void) {
        _cleanup_store_fixture_ StoreFixture f = {};
        const char *directory = test_path("o'brien");

        check_ok(mkdir(directory, 0700));
        check_ok(sd_event_default(&f.event));
        check_ok(store_new(&f.store, f.event, directory));
        fill(&f);
        f.store = store_free(f.store);
        write_file("o'brien/jobs.sqlite.is-damaged", "", 0);
        check_ok(store_new(&f.store, f.event, directory));
        check_filled(&f);
}

/* One that was damaged before it was brought up to date. */
static void flagged_older_version(void) {
        _cleanup_store_fixture_ StoreFixture f;

        run_sql(version_1);
        write_file("jobs.sqlite.is-damaged", "", 0);
        store_fixture_open(&f);
        check_string(live(&f), B " running user i ");
        check_string(list(&f, ""), B " " A " ");
        check_int(store_last_sequence(f.store), 7);
}

/* Destroys the page that holds this text; fails if it is the first one, or if there is none. */
static void destroy_page_of(const char *text) {
        size_t n, page = 4096;
        _cleanup_free_ char *bytes = read_file(test_path("jobs.sqlite"), &n);
        char *found = memmem(bytes, n, text, strlen(text));
        size_t offset;

        check(found);
        offset = (size_t) (found - bytes) / page * page;
        check(offset > 0);
        memset(bytes + offset, 0xa5, page);
        write_file("jobs.sqlite", bytes, n);
}

/* 200 jobs with labels of 1 KiB, so that they take many pages; all but the first 100 are over. */
static void fill_pages(StoreFixture *f) {
        store_fixture_open(f);
        insert_many(f, 200, 100, 1000);
        f->store = store_free(f->store);
}

/* How many jobs a store has; all whose page was not hit must be there. */
static size_t count_jobs(StoreFixture *f) {
        return strlen(list(f, "limit=1000")) / strlen("job-0000000000 ");
}

static void check_most_saved(StoreFixture *f) {
        size_t n = count_jobs(f);
        char path[512];

        if (n < 190 || n >= 200)
                test_fail(TEST_PLACE("saved jobs"), "are %zu of 200; log: %s", n, test_log());
        check_int(set_aside(path), 1);
        check_int(store_last_sequence(f->store), 100);
}

/* SQLite itself reads nothing of a file that is shorter than its header says. */
static void cut_in_half(void) {
        _cleanup_store_fixture_ StoreFixture f = {};
        char path[512];
        size_t size, n;

        test_skip_under_valgrind("it takes minutes");
        fill_pages(&f);
        free(read_file(test_path("jobs.sqlite"), &size));
        check_ok(truncate(test_path("jobs.sqlite"), (off_t) (size / 8192 * 4096)));
        store_fixture_open(&f);
        check_int(set_aside(path), 1);
        n = count_jobs(&f);
        if (n < 50 || n >= 200)
                test_fail(TEST_PLACE("saved jobs"), "are %zu of 200; log: %s", n, test_log());
}

/* The page of a job that is over: found out when somebody asks for it. The service ends and starts anew. */
static void damaged_finished(void) {
        _cleanup_store_fixture_ StoreFixture f;
        JobRecord record = JOB_RECORD_INIT;
        char candidates[256] = "", path[512];
        int code = 0;

        fill_pages(&f);
        destroy_page_of("number 150 ");
        open_anew(&f);
        check_int(set_aside(path), 0);
        check_error(lookup(&f, "job-0000000150", 0, &record, candidates), -EBADMSG);
        check_ok(sd_event_get_exit_code(f.event, &code));
        check_error(code, -EBADMSG);
        open_anew(&f);
        check_most_saved(&f);
        insert_new(&f, A, 0);
}

static int count_live(StoredJob *stored, void *userdata) {
        (*(int *) userdata)++;
        return 0;
}

/* The page of one that is not: found out when the service starts. It must not fail for ever. */
static void damaged_live(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int n = 0;

        fill_pages(&f);
        destroy_page_of("number 050 ");
        open_anew(&f);
        check_error(store_load_live(f.store, count_live, &n), -EBADMSG);
        open_anew(&f);
        n = 0;
        check_ok(store_load_live(f.store, count_live, &n));
        check(n >= 90 && n < 100);
        check_most_saved(&f);
}

/* One start of the service, as far as the store is concerned: opens it and looks at all that is in it. */
static int start(StoreFixture *f) {
        int n = 0, r;

        store_fixture_close(f);
        check_ok(sd_event_default(&f->event));
        r = store_new(&f->store, f->event, test_directory());
        if (r >= 0)
                r = store_load_live(f->store, count_live, &n);
        return r;
}

/* Whichever page it is: the service that systemd starts again is up at the second time, and can work. */
static void damaged_anywhere(void) {
        _cleanup_store_fixture_ StoreFixture f = {};
        _cleanup_free_ char *good = NULL;
        size_t size;

        test_skip_under_valgrind("it takes minutes");
        store_fixture_open(&f);
        insert_many(&f, 8, 4, 40);
        f.store = store_free(f.store);
        good = read_file(test_path("jobs.sqlite"), &size);
        for (size_t offset = 0; offset < size; offset += 4096) {
                _cleanup_free_ char *bad = malloc(size);
                int first, second;

                check(bad);
                memcpy(bad, good, size);
                memset(bad + offset, 0xa5, 4096);
                f.store = store_free(f.store);
                (void) unlink(test_path("jobs.sqlite-wal"));
                (void) unlink(test_path("jobs.sqlite.is-damaged"));
                write_file("jobs.sqlite", bad, size);
                first = start(&f);
                second = start(&f);
                if ((first < 0 && first != -EBADMSG) || second < 0)
                        test_fail(TEST_PLACE("start()"), "with page %zu damaged: %d, then %d", offset / 4096 + 1, first,
                                  second);
        }
}

TEST_MAIN(TEST(older_version), TEST(older_consumers), TEST(newer_version), TEST(no_database), TEST(cut_off), TEST(emptied), TEST(lost_but_for_its_log),
          TEST(begun_only), TEST(cut_in_half), TEST(flagged), TEST(flagged_while_running),
          TEST(flagged_after_many), TEST(flagged_in_quotes), TEST(flagged_older_version), TEST(damaged_finished),
          TEST(damaged_live), TEST(damaged_anywhere), TEST(unknown_reason), TEST(unknown_stop_reason), TEST(id_that_is_none),
          TEST(missing_text), TEST(short_spec), TEST(flagged_with_discarded), TEST(flagged_often))
