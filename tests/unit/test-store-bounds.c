/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How much the store keeps: what a user may have in it, and what expires. */

#include <sys/stat.h>

#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"
#include "time-util.h"

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

/* What was removed for a new job, or "refused: " and the largest. */
static const char *insert_within(StoreFixture *f, const char *id, uint32_t uid, uint64_t jobs_max, uint64_t bytes_max) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);
        _cleanup_answer_ Answer answer = ANSWER_INIT;
        static char text[16 * 1024];
        StoreInsert insert = {
                .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .jobs_max = jobs_max, .bytes_max = bytes_max,
        };

        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, &answer));
        run_until(f->event, &answer.done);
        if (answer.r == -JOB_ERROR_STORED_TOO_MUCH || answer.r == -JOB_ERROR_STORED_UNFINISHED) {
                check_int(answer.largest != NULL, answer.r == -JOB_ERROR_STORED_TOO_MUCH);
                check(!answer.removed);
                (void) snprintf(text, sizeof(text), "refused: %s", strempty(answer.largest));
        } else {
                check_ok(answer.r);
                (void) snprintf(text, sizeof(text), "%s", strempty(answer.removed));
        }
        return text;
}

static unsigned count_words(const char *text) {
        unsigned n = 0;

        for (; *text; text++)
                n += *text == ' ';
        return n;
}

static void quotas(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        check_string(insert_within(&f, A, 1000, 1, 0), "");
        check_string(insert_within(&f, B, 1000, 1, 0), "refused: ");
        check_string(insert_within(&f, B, 1001, 1, 0), ""); /* another user */
        check_string(insert_within(&f, C, 1000, 0, 0), ""); /* no bound */
        check_string(list(&f, "uid=1000"), C " " A " ");

        insert_ended(&f, D, 1000, 1, 10);
        check_string(inbox(&f, 1000, "reader", 10), D " ");
        /* Its output, and the specs of 64 bytes of the two that wait. */
        check_string(insert_within(&f, "a-0000000000", 1000, 0, 138), "refused: " D);
        check_string(insert_within(&f, "a-0000000000", 1000, 0, 139), "");
        store_fixture_reopen(&f);
        check_string(insert_within(&f, "a-0000000001", 1000, 0, 202), "refused: " D);
        check_ok(remove_jobs(&f, STRINGS(D))); /* makes room */
        check_string(insert_within(&f, "a-0000000001", 1000, 0, 202), "");
        check_string(insert_within(&f, "a-0000000002", 1000, 4, 0), "refused: ");
        check_string(insert_within(&f, "a-0000000002", 1000, 5, 0), "");
}

/* The oldest go for a new one, as few as suffice. */
static void room_for_new_jobs(void) {
        _cleanup_store_fixture_ StoreFixture f;
        JobState state;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 3, 10);
        insert_ended(&f, B, 1000, 2, 30);
        insert_ended(&f, C, 1000, 1, 20);
        insert_ended(&f, D, 1001, 1, 1000);
        check_int(store_finished(f.store), 4);
        check_string(insert_within(&f, "a-0000000000", 1000, 3, 0), A " ");
        check_int(store_finished(f.store), 3);
        check_error(get_state(&f, A, &state), -JOB_ERROR_GONE); /* until its files are deleted */
        check_string(insert_within(&f, "a-0000000001", 1000, 0, 100), B " "); /* 64 + 30 + 20 */
        check_string(insert_within(&f, "a-0000000002", 1000, 3, 129), C " ");
        check_string(insert_within(&f, "a-0000000003", 1000, 3, 0), "refused: ");
        check_string(list(&f, ""), "a-0000000002 a-0000000001 a-0000000000 " D " ");
        check_string(insert_within(&f, "a-0000000003", 1001, 1, 0), D " ");
}

/* What a reader has to see stays, and a refusal removes nothing. */
static void room_only_of_what_was_read(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        insert_ended(&f, B, 1000, 1, 30);
        insert_ended(&f, C, 1000, 1, 20);
        insert_ended(&f, D, 1000, 1, 5);
        check_ok(acknowledge(&f, 1000, "fast", 4));
        check_string(inbox(&f, 1000, "slow", 100), A " " B " " C " " D " ");
        check_string(insert_within(&f, "a-0000000000", 1000, 4, 0), "refused: " B ", " C ", " A);
        check_ok(acknowledge(&f, 1000, "slow", 2));
        check_string(insert_within(&f, "a-0000000000", 1000, 2, 0), "refused: " B ", " C ", " A); /* two do not suffice */
        check_string(insert_within(&f, "a-0000000000", 1000, 0, 20), "refused: " B ", " C ", " A);
        check_string(list(&f, ""), D " " C " " B " " A " ");
        check_string(insert_within(&f, "a-0000000000", 1000, 3, 0), A " " B " ");
        check_ok(forget_consumer(&f, 1000, "slow"));
        check_string(insert_within(&f, "a-0000000001", 1000, 3, 0), C " ");
}

/* One huge job goes as well, but not one that goes on. */
static void room_of_one_huge_job(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, UINT64_C(1) << 40);
        check_string(insert_within(&f, B, 1000, 0, 1000), A " ");
        check_string(insert_within(&f, C, 1000, 0, 64), "refused: ");
        insert_ended(&f, D, 1000, 1, UINT64_C(1) << 40);
        check_string(insert_within(&f, C, 1000, 0, 65), D " ");
}

/* A limit that was lowered by far is reached step by step, without a refusal. */
static void room_in_steps(void) {
        enum { N = 1100 };
        _cleanup_store_fixture_ StoreFixture f;
        unsigned n = 0;
        char id[32];

        store_fixture_open(&f);
        insert_many(&f, N, N, 20);
        for (unsigned i = 0; i < 4; i++) {
                unsigned removed;

                (void) snprintf(id, sizeof(id), "a-%010u", i);
                removed = count_words(insert_within(&f, id, 0, 10, 0));
                check(removed < N / 2);
                n += removed;
        }
        check_int(n, N + 3 - 9); /* nine others and the last */
        check_int(store_finished(f.store), 6);
        check_string(list(&f, "limit=5"), "a-0000000003 a-0000000002 a-0000000001 a-0000000000 job-0000001099 ");
}

/* --- consumers ------------------------------------------------------------------------------------- */

static void consumers_are_listed_and_forgotten(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, 1, 10);
        check_string(consumers(&f, 1000), "");
        check_string(inbox(&f, 1000, "one", 100), A " ");
        check_ok(acknowledge(&f, 1000, "two", 1));
        check_ok(acknowledge(&f, 1001, "other", 0));
        check_string(consumers(&f, 1000), "one (two) ");
        check_string(consumers(&f, 1001), "(other) ");
        check_ok(acknowledge(&f, 1000, "one", 0)); /* is seen, though it has read nothing */
        check_string(consumers(&f, 1000), "(two) one ");

        check_error(forget_consumer(&f, 1000, "other"), -JOB_ERROR_NO_CONSUMER);
        check_ok(forget_consumer(&f, 1000, "two"));
        check_error(forget_consumer(&f, 1000, "two"), -JOB_ERROR_NO_CONSUMER);
        store_fixture_reopen(&f);
        check_string(consumers(&f, 1000), "one ");
        check_string(consumers(&f, 1001), "(other) ");
        check_string(inbox(&f, 1000, "two", 100), A " "); /* a new one */
}

static void consumers_expire(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t before, between;

        store_fixture_open(&f);
        insert_ended(&f, A, 1000, INT64_MAX, 10);
        before = now_realtime();
        (void) inbox(&f, 1000, "gone", 100);
        (void) inbox(&f, 1001, "gone", 100);
        check_ok(acknowledge(&f, 1000, "back", 0));
        between = now_realtime() + 1;
        while (now_realtime() < between)
                ;
        check_ok(acknowledge(&f, 1000, "back", 0));
        check_string(expire(&f, before, 1), ""); /* none has expired, and both keep the job */
        store_fixture_reopen(&f);
        check_string(expire(&f, between, 0), "");
        check_string(consumers(&f, 1000), "back ");
        check_string(consumers(&f, 1001), "");
        check_string(expire(&f, 0, 1), "");
        check_string(expire(&f, now_realtime() + 1, 1), A " "); /* at once */
        check_string(consumers(&f, 1000), "");
}

/* More than one operation forgets. */
static void many_consumers_expire(void) {
        enum { N = 1200 };
        _cleanup_store_fixture_ StoreFixture f;
        unsigned left = N, rounds = 0;
        char name[16];

        store_fixture_open(&f);
        for (unsigned i = 0; i < N; i++) {
                (void) snprintf(name, sizeof(name), "%u", i);
                check_ok(acknowledge(&f, 1000 + i % 2, name, 0));
        }
        while (left > 0) {
                check_string(expire(&f, UINT64_MAX, 0), "");
                left = count_words(consumers(&f, 1000)) + count_words(consumers(&f, 1001));
                check(++rounds < 10);
        }
        check(rounds > 1);
}

/* The one that was not seen for the longest time makes place for a new one. */
static void oldest_consumer_is_forgotten(void) {
        _cleanup_store_fixture_ StoreFixture f;
        const char *found;
        char name[16];

        store_fixture_open(&f);
        for (unsigned i = 0; i < JOB_CONSUMERS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "%u", i);
                check_ok(acknowledge(&f, 1000, name, 0));
        }
        check_ok(acknowledge(&f, 1000, "0", 0)); /* came back */
        check_int(count_words(consumers(&f, 1000)), JOB_CONSUMERS_MAX);
        check_string(inbox(&f, 1000, "new", 1), "");
        check_ok(acknowledge(&f, 1000, "newer", 0));
        check_ok(acknowledge(&f, 1001, "new", 0));
        found = consumers(&f, 1000);
        check_int(count_words(found), JOB_CONSUMERS_MAX);
        check(startswith(found, "(3) (4) "));
        check_contains(found, " (999) (0) (new) (newer) ");
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

static void on_some_expired(int r, const StoreExpired *expired, void *userdata) {
        check_ok(r);
        for (size_t i = 0; i < expired->n; i++) { /* the numbers of insert_many() go on */
                char expected[32];

                (void) snprintf(expected, sizeof(expected), "job-%010u", (*(unsigned *) userdata)++);
                check_string(expired->ids[i], expected);
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

TEST_MAIN(TEST(quotas), TEST(room_for_new_jobs), TEST(room_only_of_what_was_read), TEST(room_of_one_huge_job),
          TEST(room_in_steps), TEST(consumers_are_listed_and_forgotten), TEST(consumers_expire), TEST(many_consumers_expire),
          TEST(oldest_consumer_is_forgotten),
          TEST(expire_by_age), TEST(expired_is_wiped), TEST(expire_by_size),
          TEST(expire_not_unread), TEST(expire_around_unread), TEST(expire_of_each_user), TEST(expire_oldest_first), TEST(expire_many))
