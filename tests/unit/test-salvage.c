/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What is recovered of a corrupt database. */

#include <sys/stat.h>

#include "database-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "task-aaaa000000"
#define B "task-bbbb000000"
#define C "task-cccc000000"

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
        flag_damaged();
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
        flag_damaged();
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
        flag_damaged();
        store_fixture_open(&f);
        check_filled(&f);
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

static int count_live(StoredJob *stored, void *userdata) {
        (*(int *) userdata)++;
        return 0;
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

/* --- values that cannot be read --------------------------------------------------------------------- */

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
        flag_damaged();
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
        flag_damaged();
        store_fixture_open(&f);
        check_ok(store_load_discarded(f.store, count_found, &n));
        check_int(n, 1);
}

/* --- pages that cannot be read ---------------------------------------------------------------------- */

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

TEST_MAIN(TEST(flagged), TEST(flagged_while_running), TEST(flagged_after_many), TEST(flagged_in_quotes), TEST(unknown_reason),
          TEST(unknown_stop_reason), TEST(id_that_is_none), TEST(missing_text), TEST(short_spec),
          TEST(flagged_with_discarded), TEST(cut_in_half), TEST(damaged_finished), TEST(damaged_live), TEST(damaged_anywhere))
