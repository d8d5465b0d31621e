/* SPDX-License-Identifier: Apache-2.0 */

/* How much the store keeps: what a user may have in it, and what expires. */

#include <sys/stat.h>

#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "task-aaaa000000"
#define B "task-aabb000000"
#define C "job-cccc000000"
#define D "job-aaaa000001"

static void on_ended(int r, uint64_t sequence, void *userdata) {
        on_answer(r, userdata);
}

static void insert_ended(StoreFixture *f, const char *id, uint32_t uid, uint64_t finished_usec, uint64_t bytes) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);
        Answer answer = {};

        check_ok(insert_job(f, job));
        check_ok(job_set_outcome(job, JOB_COMPLETED, JOB_REASON_NONE, finished_usec));
        job->record.stdout_bytes = bytes / 2;
        job->record.stderr_bytes = bytes - bytes / 2;
        check_ok(store_finish(f->store, &job->record, &job->outcome, false, on_ended, &answer));
        run_until(f->event, &answer.done);
        check_ok(answer.r);
}

/* --- quotas ---------------------------------------------------------------------------------------- */

static int insert_with_quota(StoreFixture *f, const char *id, uint32_t uid, uint64_t jobs_max, uint64_t bytes_max) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);
        _cleanup_answer_ Answer answer = ANSWER_INIT;
        StoreInsert insert = {
                .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .jobs_max = jobs_max, .bytes_max = bytes_max,
        };

        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, &answer));
        run_until(f->event, &answer.done);
        return MIN(answer.r, 0);
}

static void quotas(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_error(insert_with_quota(&f, A, 1000, 1, 0), 0);
        check_error(insert_with_quota(&f, B, 1000, 1, 0), -JOB_ERROR_STORED_TOO_MUCH);
        check_error(insert_with_quota(&f, B, 1001, 1, 0), 0); /* another user */
        check_error(insert_with_quota(&f, C, 1000, 0, 0), 0); /* no bound */
        check_string(list(&f, "uid=1000"), C " " A " ");

        insert_ended(&f, D, 1000, 1, 10);
        /* Its output, and the specs of 64 bytes of the two that wait. */
        check_error(insert_with_quota(&f, "a-0000000000", 1000, 0, 138), -JOB_ERROR_STORED_TOO_MUCH);
        check_error(insert_with_quota(&f, "a-0000000000", 1000, 0, 139), 0);
        store_fixture_reopen(&f);
        check_error(insert_with_quota(&f, "a-0000000001", 1000, 0, 202), -JOB_ERROR_STORED_TOO_MUCH);
        check_ok(remove_jobs(&f, STRINGS(D))); /* makes room */
        check_error(insert_with_quota(&f, "a-0000000001", 1000, 0, 202), 0);
        check_error(insert_with_quota(&f, "a-0000000002", 1000, 4, 0), -JOB_ERROR_STORED_TOO_MUCH);
        check_error(insert_with_quota(&f, "a-0000000002", 1000, 5, 0), 0);
}

/* --- what expires ---------------------------------------------------------------------------------- */

static void expire_by_age(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 100, 0);
        insert_ended(&f, B, 1000, 200, 0);
        insert_new(&f, C, 1000); /* has not ended, however old it is */
        insert_ended(&f, D, 1001, 300, 0);
        check_string(inbox(&f, 1000, "reader", 100), A " " B " "); /* does not keep it beyond its age */

        check_string(expire(&f, 0, 0), "");
        check_string(expire(&f, 100, 0), "");
        check_string(expire(&f, 101, 0), A " ");
        check_int(store_finished(f.store), 2);
        check_string(expire(&f, UINT64_MAX, 0), D " " B " ");
        check_int(store_finished(f.store), 0);
        check_string(list(&f, ""), C " ");
        check_int(store_last_sequence(f.store), 3);
}

static off_t log_size(void) {
        struct stat st = {};

        return stat(test_path("jobs.sqlite-wal"), &st) < 0 ? 0 : st.st_size;
}

/* What was kept of a job that is forgotten leaves the disk, though nothing else happens. */
static void expired_is_wiped(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 100, 0);
        store_fixture_reopen(&f);
        check_string(expire(&f, UINT64_MAX, 0), A " ");
        check(log_size() > 0);
        while (log_size() > 0)
                check(sd_event_run(f.event, 60 * USEC_PER_SEC) > 0);
}

static void expire_by_size(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        insert_ended(&f, B, 1000, 1, 10);
        insert_ended(&f, D, 1000, 1, 10);
        insert_new(&f, C, 1000);
        check_string(expire(&f, 0, 30), "");
        check_string(expire(&f, 0, 29), A " "); /* the oldest */
        check_string(expire(&f, 0, 20), "");
        check_string(expire(&f, 0, 1), D " " B " ");
        check_string(list(&f, ""), C " ");
}

/* What nobody has dealt with is kept, as long as somebody is there who wants to. */
static void expire_not_unread(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        insert_ended(&f, B, 1000, 1, 10);
        insert_ended(&f, D, 1001, 1, 10);
        check_string(inbox(&f, 1000, "reader", 100), A " " B " ");
        check_string(inbox(&f, 1000, "slow reader", 100), A " " B " ");
        check_ok(acknowledge(&f, 1000, "reader", 2));
        check_ok(acknowledge(&f, 1000, "slow reader", 1));
        check_string(expire(&f, 0, 1), D " " A " ");
        check_string(list(&f, ""), B " ");
        check_ok(acknowledge(&f, 1000, "slow reader", 2));
        check_string(expire(&f, 0, 1), B " ");
}

/* What is awaited stays and is counted, but no younger one goes in its place. */
static void expire_around_unread(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        insert_ended(&f, B, 1000, 1, 10);
        insert_ended(&f, C, 1000, 1, 10);
        check_string(inbox(&f, 1000, "reader", 100), A " " B " " C " ");
        check_ok(acknowledge(&f, 1000, "reader", 1));
        check_string(expire(&f, 0, 5), A " ");
        check_string(expire(&f, 0, 5), "");
        check_ok(acknowledge(&f, 1000, "reader", 2));
        check_string(expire(&f, 0, 10), B " ");
}

/* For his own, and nobody else's. */
static void expire_of_each_user(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        insert_ended(&f, B, 1001, 1, 1000);
        insert_ended(&f, C, 1001, 1, 10);
        insert_ended(&f, D, 1002, 1, 11);
        check_string(expire(&f, 0, 10), D " " B " ");
        check_string(expire(&f, 0, 10), "");
        check_string(list(&f, ""), C " " A " ");
        check_string(expire(&f, 0, 9), C " " A " ");
}

static void on_some_expired(int r, char *const *ids, size_t n, void *userdata) {
        check_ok(r);
        for (size_t i = 0; i < n; i++) { /* the numbers of insert_many() go on */
                char expected[32];

                (void) snprintf(expected, sizeof(expected), "job-%010u", (*(unsigned *) userdata)++);
                check_string(ids[i], expected);
        }
}

/* However many there are, those that go are the oldest. */
static void expire_oldest_first(void) {
        enum { N = 1100 };
        _cleanup_store_fixture_ StoreFixture f;
        unsigned next = 0, before;
        JobState state;

        store_fixture_open(&f);
        insert_many(&f, N, N, 20);
        insert_ended(&f, "job-0000001100", 0, 1, 10);
        insert_ended(&f, A, 0, 1, 10);
        do {
                before = next;
                check_ok(store_expire(f.store, 0, 10, on_some_expired, &next));
                (void) get_state(&f, A, &state);
                check(next > before);
        } while (next <= N);
        check_string(list(&f, ""), A " ");
        check_string(expire(&f, 0, 10), "");
}

/* One operation takes a limited number; the next one goes on. */
static void expire_many(void) {
        enum { N = 1100 };
        _cleanup_store_fixture_ StoreFixture f;
        unsigned n = 0, rounds = 0;
        const char *gone;

        store_fixture_open(&f);
        insert_many(&f, N, N, 20);
        check_int(store_finished(f.store), N);
        while (*(gone = expire(&f, 2, 0))) {
                n += (unsigned) (strlen(gone) / strlen("job-0000000000 "));
                check(++rounds <= N);
        }
        check_int(n, N);
        check(rounds > 1);
        check_int(store_finished(f.store), 0);
}

TEST_MAIN(TEST(quotas), TEST(expire_by_age), TEST(expired_is_wiped), TEST(expire_by_size),
          TEST(expire_not_unread), TEST(expire_around_unread), TEST(expire_of_each_user), TEST(expire_oldest_first), TEST(expire_many))
