/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <fcntl.h>
#include <sys/mman.h>

#include "record-check.h"
#include "spec-format.h"
#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "task-aaaa000000"
#define B "task-bbbb000000"
#define C "job-cccc000000"

/* --- insert ---------------------------------------------------------------------------------------- */

static void fresh(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_int(store_finished(f.store), 0);
        check_int(store_last_sequence(f.store), 0);
        check_string(live(&f), "");
        check_string(list(&f, ""), "");
        check_int(access(test_path("jobs.sqlite"), F_OK), 0);
        check_string(test_log(), "");
        check(!store_free(NULL));
}

static void check_stored(StoreFixture *f, const JobRecord *expected) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        char candidates[256];

        check_ok(lookup(f, expected->id, STORE_ANY_UID, &record, candidates));
        check_record(&record, expected);
}

static Job *job_with_everything(void) {
        Job *job = fixture_job(A, 4000000000);

        job->record.directory = strdup("/directory ä");
        job->record.workspace = strdup("/workspace'; DROP TABLE jobs; --");
        job->record.session = strdup("session \"'%_\n");
        job->record.created_usec = UINT64_C(1700000000000000);
        job->record.resource_limits = strdup("CORE=0 NOFILE=4096");
        job->limits = (JobLimits) { 1, INT64_MAX, 3, 4, 5, 6, 1, 1, JOB_MASK_GIVEN | 027 };
        return job;
}

static void insert_and_reopen(void) {
        _cleanup_(job_freep) Job *job = job_with_everything();
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_ok(insert_job(&f, job));
        check_stored(&f, &job->record);
        store_fixture_reopen(&f);
        check_stored(&f, &job->record);
}

static int on_stored(StoredJob *stored, void *userdata) {
        const Job *job = userdata;

        check_record(&stored->record, &job->record);
        check_bytes(&stored->limits, sizeof(stored->limits), &job->limits, sizeof(job->limits));
        check_string(stored->instance, NULL);
        check_int(stored->stop_reason, JOB_REASON_NONE);

        /* What is found may be kept. */
        job_record_clear(&stored->record);
        return 0;
}

static void load_live(void) {
        _cleanup_(job_freep) Job *job = job_with_everything();
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_ok(insert_job(&f, job));
        store_fixture_reopen(&f);
        check_ok(store_load_live(f.store, on_stored, job));
}

static int refuse(StoredJob *stored, void *userdata) {
        (*(int *) userdata)++;
        return -ECANCELED;
}

static void load_live_until_error(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int calls = 0;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        insert_new(&f, B, 0);
        check_error(store_load_live(f.store, refuse, &calls), -ECANCELED);
        check_int(calls, 1);
        check_string(live(&f), A " queued - - " B " queued - - "); /* and from the beginning again */
}

static void insert_taken(void) {
        _cleanup_(job_freep) Job *again = fixture_job(A, 7);
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_store_fixture_ StoreFixture f;
        char candidates[256];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_error(insert_job(&f, again), -EEXIST);
        check_ok(lookup(&f, A, STORE_ANY_UID, &record, candidates));
        check_int(record.uid, 0);
}

/* --- the spec -------------------------------------------------------------------------------------- */

static void check_content(int fd, const void *expected, size_t n) {
        _cleanup_free_ char *bytes = malloc(n + 2);

        check(bytes);
        check_int(pread(fd, bytes, n + 1, 0), n);
        check_bytes(bytes, n, expected, n);
}

static void begin(void) {
        char expected[sizeof(SpecHeader) + 4] = {};
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF, again = -EBADF;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_ok(begin_job(&f, A, "instance-1", "secret-1", &fd));
        memcpy(expected + sizeof(SpecHeader), "spec", 4);
        check_content(fd, expected, sizeof(expected));
        check_int(fcntl(fd, F_GET_SEALS), 0); /* whoever gets it adds to it, and can seal it then */
        check_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
        check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        check_string(live(&f), A " queued - instance-1 ");
        check_string(live_secret(&f, A), "secret-1");

        /* Once more: its start got lost. */
        check_ok(begin_job(&f, A, "instance-2", "secret-2", &again));
        check_content(again, expected, sizeof(expected));
        store_fixture_reopen(&f);
        check_string(live(&f), A " queued - instance-2 ");
        check_string(live_secret(&f, A), "secret-2");
}

/* Its start was refused: it waits as if it never was, and a worker that is started all the same is none of ours. */
static void begin_taken_back(void) {
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_ok(begin_job(&f, A, "instance-1", "secret-1", &fd));
        check_ok(store_begin(f.store, A, NULL, NULL, 0, -1, NULL, NULL, NULL));
        store_fixture_reopen(&f);
        check_string(live(&f), A " queued - - ");
        check_string(live_secret(&f, A), "-");
}

static void begin_refused(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int fd;

        store_fixture_open(&f);
        check_error(begin_job(&f, A, "instance", NULL, &fd), -ENOENT);
        check_int(insert_finished(&f, A, 0), 1);
        check_error(begin_job(&f, A, "instance", NULL, &fd), -ENOENT); /* its spec is erased */
}

/* Recorded and begun in one, where a slot is free. */
static void insert_and_begin(void) {
        _cleanup_(job_freep) Job *job = fixture_job(A, 0);
        _cleanup_answer_ Answer answer = ANSWER_INIT, taken = ANSWER_INIT;
        char expected[sizeof(SpecHeader) + 4] = "";
        _cleanup_store_fixture_ StoreFixture f;
        StoreInsert insert = { .spec_size = sizeof(expected), .stdin_fd = -1, .instance = "instance-1",
                               .secret = "secret-1" };

        memcpy(expected + sizeof(SpecHeader), "spec", 4);
        store_fixture_open(&f);
        insert.spec = memcpy(malloc(sizeof(expected)), expected, sizeof(expected));
        check_ok(store_insert(f.store, &job->record, &job->limits, &insert, on_insert_answer, &answer));
        insert.spec = memcpy(malloc(sizeof(expected)), expected, sizeof(expected));
        check_ok(store_insert(f.store, &job->record, &job->limits, &insert, on_insert_answer, &taken));
        run_until(f.event, &taken.done);
        check_ok(answer.r);
        check_content(answer.spec_fd, expected, sizeof(expected));
        check_int(fcntl(answer.spec_fd, F_GET_SEALS), 0);
        check_error(taken.r, -EEXIST);
        check_int(taken.spec_fd, -EBADF);
        store_fixture_reopen(&f);
        check_string(live(&f), A " queued - instance-1 ");
        check_string(live_secret(&f, A), "secret-1");
}

/* A copy of the descriptor is made: the caller closes its own while the thread is at work. */
static void insert_with_stdin(StoreFixture *f, const char *id, const void *bytes, size_t n, uint64_t promised,
                              Answer *answer) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 0);
        _cleanup_close_ int fd = memfd_create("stdin", MFD_CLOEXEC);
        StoreInsert insert = { .spec = calloc(1, sizeof(SpecHeader)), .spec_size = sizeof(SpecHeader), .stdin_fd = fd };

        check(fd >= 0 && insert.spec);
        check_int(write(fd, bytes, n), n);
        insert.stdin_size = promised;
        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, answer));
}

static void standard_input(void) {
        size_t n = 1024 * 1024 + 1;
        _cleanup_free_ char *bytes = calloc(1, sizeof(SpecHeader) + n);
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF, empty = -EBADF;
        Answer answer = {}, none = {};

        check(bytes);
        for (size_t i = 0; i < n; i++)
                bytes[sizeof(SpecHeader) + i] = (char) (i * 31 >> 3);
        store_fixture_open(&f);
        insert_with_stdin(&f, A, bytes + sizeof(SpecHeader), n, n, &answer);
        insert_with_stdin(&f, B, "", 0, 0, &none);
        run_until(f.event, &none.done);
        check_ok(answer.r);
        check_ok(none.r);
        store_fixture_reopen(&f);
        check_ok(begin_job(&f, A, "instance", NULL, &fd));
        check_content(fd, bytes, sizeof(SpecHeader) + n);
        check_ok(begin_job(&f, B, "instance", NULL, &empty));
        memset(bytes, 0, sizeof(SpecHeader));
        check_content(empty, bytes, sizeof(SpecHeader));
}

/* The caller has cut it short after it was looked at; others in the same batch do not suffer. */
static void standard_input_shrunk(void) {
        _cleanup_store_fixture_ StoreFixture f;
        Answer before = {}, shrunk = {}, after = {};
        JobState state;

        store_fixture_open(&f);
        insert_with_stdin(&f, A, "1234", 4, 4, &before);
        insert_with_stdin(&f, B, "1234", 4, 5, &shrunk);
        insert_with_stdin(&f, C, "1234", 4, 3, &after);
        run_until(f.event, &after.done);
        check_error(before.r, 0);
        check_error(shrunk.r, -JOB_ERROR_STDIN_TRUNCATED);
        check_error(after.r, 0);
        check_error(get_state(&f, B, &state), -ENOENT);
        check_string(live(&f), A " queued - - " C " queued - - ");
}

/* --- the way of a job ------------------------------------------------------------------------------ */

static void started(void) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_store_fixture_ StoreFixture f;
        char candidates[256];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_ok(store_started(f.store, A, 12345));
        store_fixture_reopen(&f);
        check_string(live(&f), A " running - - ");
        check_ok(lookup(&f, A, 0, &record, candidates));
        check_int(record.started_usec, 12345);
}

static void stop(void) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_store_fixture_ StoreFixture f;
        char candidates[256];

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        insert_new(&f, B, 0);
        check_ok(stop_job(&f, A, JOB_REASON_USER, 1000));
        check_ok(stop_job(&f, B, JOB_REASON_OUTPUT_LIMIT, UINT32_MAX));
        store_fixture_reopen(&f);
        check_string(live(&f), A " queued user - " B " queued output-limit - ");
        check_ok(lookup(&f, A, 0, &record, candidates));
        check_int(record.stopped_by, 1000);
        check_int(record.state, JOB_QUEUED);
}

/* What comes too late changes nothing. */
static void late(void) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_store_fixture_ StoreFixture f;
        char candidates[256];

        store_fixture_open(&f);
        check_int(insert_finished(&f, A, 0), 1);
        check_ok(store_started(f.store, A, 12345));
        check_ok(stop_job(&f, A, JOB_REASON_USER, 1000));
        check_ok(lookup(&f, A, 0, &record, candidates));
        check_int(record.state, JOB_COMPLETED);
        check_int(record.started_usec, 0);
        check_int(record.stopped_by, UINT32_MAX);
        check_ok(stop_job(&f, "job-0000000000", JOB_REASON_USER, 0)); /* and what is not there */
}

static void on_sequence(int r, uint64_t sequence, void *userdata) {
        check_ok(r);
        *(uint64_t *) userdata = sequence;
}

static void finish(void) {
        _cleanup_(job_freep) Job *job = job_with_everything();
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence = 0;

        store_fixture_open(&f);
        check_ok(insert_job(&f, job));
        check_ok(job_set_running(job, 100));
        check_ok(job_set_outcome(job, JOB_CANCELLED, JOB_REASON_USER, UINT64_C(1700000000000001)));
        job->outcome.signal = 9;
        job->record.progress = strdup("3 of 8");
        job->record.stdout_bytes = UINT64_C(1) << 40;
        job->record.stderr_bytes = 1;
        job->record.result = strdup("{\"a\":\"ä\"}");
        job->record.stopped_by = 0;
        job->record.result_error = strdup("larger than 64 KiB (71680 bytes)");
        job->record.left_behind = strdup("4242 sleep, 4243 ä");
        job->record.end_source = strdup("worker");
        check_ok(store_finish(f.store, &job->record, &job->outcome, false, on_sequence, &sequence));
        f.store = store_free(f.store); /* carries out what was handed over */
        check_int(sequence, 1);
        job_apply_outcome(job, 1);

        check_ok(store_new(&f.store, f.event, test_directory()));
        check_stored(&f, &job->record);
        check_int(store_finished(f.store), 1);
        check_int(store_last_sequence(f.store), 1);
        check_string(live(&f), "");
}

/* 1, 2, 3 … without a gap, for the life of the store. */
static void sequences(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence = 77;

        store_fixture_open(&f);
        check_int(insert_finished(&f, A, 0), 1);
        check_error(finish_job(&f, A, &sequence), -EINVAL);
        check_error(finish_job(&f, "job-0000000000", &sequence), -EINVAL);
        check_int(sequence, 77);
        check_int(insert_finished(&f, B, 0), 2);
        check_int(store_last_sequence(f.store), 2);
        check_int(store_finished(f.store), 2);

        /* What is removed keeps its place. */
        check_ok(remove_jobs(&f, STRINGS(B)));
        store_fixture_reopen(&f);
        check_int(store_last_sequence(f.store), 2);
        check_int(store_finished(f.store), 1);
        check_int(insert_finished(&f, C, 0), 3);
}

static void state(void) {
        _cleanup_store_fixture_ StoreFixture f;
        JobState s;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_ok(get_state(&f, A, &s));
        check_int(s, JOB_QUEUED);
        check_int(insert_finished(&f, B, 0), 1);
        check_ok(get_state(&f, B, &s));
        check_int(s, JOB_COMPLETED);
        check_error(get_state(&f, C, &s), -ENOENT);
        check_error(get_state(&f, "task-aaaa", &s), -ENOENT); /* in full only */
}

/* --- remove ---------------------------------------------------------------------------------------- */

static void remove_all_or_none(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_int(insert_finished(&f, A, 0), 1);
        check_int(insert_finished(&f, B, 0), 2);
        insert_new(&f, C, 0);
        check_error(remove_jobs(&f, STRINGS(A, C)), -EBUSY);
        check_error(remove_jobs(&f, STRINGS(A, "job-0000000000")), -ENOENT);
        check_error(remove_jobs(&f, STRINGS(A, A)), -ENOENT);
        check_int(store_finished(f.store), 2);
        check_string(list(&f, ""), C " " B " " A " ");

        check_ok(remove_jobs(&f, STRINGS(B, A)));
        check_int(store_finished(f.store), 0);
        check_string(list(&f, ""), C " ");
        check_error(remove_jobs(&f, STRINGS(A)), -ENOENT);
        store_fixture_reopen(&f);
        check_int(store_finished(f.store), 0);
        check_string(list(&f, ""), C " ");
}

/* --- order ----------------------------------------------------------------------------------------- */

/* Callbacks come in the order of the operations, failures among them, whatever shares a commit. */
static void order(void) {
        enum { N = 100 };
        _cleanup_store_fixture_ StoreFixture f;
        Answer answers[N] = {};
        char id[16];

        store_fixture_open(&f);
        for (int i = 0; i < N; i++) {
                _cleanup_(job_freep) Job *job = NULL;

                /* Every tenth has the id of the one before. */
                (void) snprintf(id, sizeof(id), "job-0000000%03d", i % 10 == 9 ? i - 1 : i);
                job = fixture_job(id, 0);
                submit_insert(&f, job, "spec", &answers[i]);
        }
        run_until(f.event, &answers[N - 1].done);
        for (int i = 0; i < N; i++) {
                check(answers[i].done);
                check_error(answers[i].r, i % 10 == 9 ? -EEXIST : 0);
                check_int(answers[i].order, i + 1);
        }
        store_fixture_reopen(&f);
        check_int(strlen(list(&f, "limit=1000")), N * 9 / 10 * strlen("job-0000000000 "));
}

/* Closing commits what was handed over and says so, without the loop. */
static void free_commits(void) {
        _cleanup_(job_freep) Job *a = fixture_job(A, 0), *b = fixture_job(B, 0);
        _cleanup_store_fixture_ StoreFixture f;
        Answer first, second;

        store_fixture_open(&f);
        submit_insert(&f, a, "spec", &first);
        submit_insert(&f, b, "spec", &second);
        f.store = store_free(f.store);
        check(first.done && second.done);
        check_ok(first.r);
        check_ok(second.r);
        check_ok(store_new(&f.store, f.event, test_directory()));
        check_string(live(&f), A " queued - - " B " queued - - ");
}

typedef struct Chain {
        StoreFixture *f;
        Answer answer;
} Chain;

static void on_first(int r, const StoreInserted *inserted, void *userdata) {
        Chain *chain = userdata;

        check_ok(store_stop(chain->f->store, A, JOB_REASON_USER, 0, on_answer, &chain->answer));
}

/* An answer that leads to another operation, while the service stops: that one is answered as well. */
static void free_commits_what_follows(void) {
        _cleanup_(job_freep) Job *job = fixture_job(A, 0);
        _cleanup_store_fixture_ StoreFixture f;
        Chain chain = { .f = &f };
        Store *store;

        store_fixture_open(&f);
        check_ok(store_insert(f.store, &job->record, &job->limits, &(StoreInsert) { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1 },
                              on_first, &chain));
        store = f.store; /* stays in f while it is closed: callbacks use it */
        (void) store_free(store);
        f.store = NULL;
        check(chain.answer.done);
        check_ok(chain.answer.r);
}

TEST_MAIN(TEST(fresh), TEST(insert_and_reopen), TEST(load_live), TEST(load_live_until_error), TEST(insert_taken),
          TEST(begin), TEST(insert_and_begin), TEST(begin_refused), TEST(begin_taken_back), TEST(standard_input),
          TEST(standard_input_shrunk), TEST(started), TEST(stop), TEST(late), TEST(finish), TEST(sequences), TEST(state), TEST(remove_all_or_none),
          TEST(order), TEST(free_commits), TEST(free_commits_what_follows))
