/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* How jobs are found in the store: by id and prefix, by filter, in inboxes, by key. */

#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "task-aaaa000000"
#define B "task-aabb000000"
#define C "job-cccc000000"
#define D "job-aaaa000001"

/* --- look-up --------------------------------------------------------------------------------------- */

static void check_found(StoreFixture *f, const char *prefix, uint32_t uid, const char *id) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        char candidates[256] = "";
        int r = lookup(f, prefix, uid, &record, candidates);

        if (r < 0 || !streq(record.id, id))
                test_fail(TEST_PLACE("lookup()"), "of \"%s\" returned %d and %s, not %s; candidates \"%s\"", prefix, r,
                          strempty(record.id), id, candidates);
}

static void check_not_found(StoreFixture *f, const char *prefix, uint32_t uid, int error, const char *expected) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        char candidates[256] = "";
        int r = lookup(f, prefix, uid, &record, candidates);

        if (r != error || !streq(candidates, expected))
                test_fail(TEST_PLACE("lookup()"), "of \"%s\" returned %d and \"%s\"", prefix, r, candidates);
}

static void prefixes(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 1000);
        insert_new(&f, B, 1000);
        insert_new(&f, C, 1000);
        insert_new(&f, D, 1000);

        check_found(&f, A, 1000, A);
        check_found(&f, "task-aaaa", 1000, A);
        check_found(&f, "task-aaa", 1000, A);
        check_found(&f, "aaaa000000", 1000, A); /* without its kind */
        check_found(&f, "aab", 1000, B);
        check_found(&f, "c", 1000, C);
        check_found(&f, "job-a", 1000, D);

        check_not_found(&f, "task", 1000, -JOB_ERROR_AMBIGUOUS_ID, B ", " A);
        check_not_found(&f, "task-aa", 1000, -JOB_ERROR_AMBIGUOUS_ID, B ", " A);
        check_not_found(&f, "aaaa", 1000, -JOB_ERROR_AMBIGUOUS_ID, D ", " A);
        check_not_found(&f, "aaaa00000", 1000, -JOB_ERROR_AMBIGUOUS_ID, D ", " A);
        check_not_found(&f, "job-", 1000, -JOB_ERROR_AMBIGUOUS_ID, D ", " C);

        check_not_found(&f, "tasks", 1000, -ENOENT, "");
        check_not_found(&f, "task-aaaa0000000", 1000, -ENOENT, "");
        check_not_found(&f, "sk-aaaa", 1000, -ENOENT, ""); /* from the middle */
        check_not_found(&f, "0", 1000, -ENOENT, "");
        check_not_found(&f, "zzzz", 1000, -ENOENT, "");
}

/* What is no beginning of an id is never looked for: no pattern, no SQL, no other case. */
static void no_prefixes(void) {
        static const char *const texts[] = {
                "", "%", "task%", "task_aaaa", "TASK", "task-aaaa*", "'", "' OR 1 = 1 --", "task ", "~",
        };
        _cleanup_free_ char *large = malloc(1024 * 1024 + 1);
        _cleanup_store_fixture_ StoreFixture f;

        check(large);
        memset(large, 'a', 1024 * 1024);
        large[1024 * 1024] = 0;
        store_fixture_open(&f);
        insert_new(&f, A, 1000);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                check_not_found(&f, texts[i], 1000, -ENOENT, "");
        check_not_found(&f, large, 1000, -ENOENT, "");
}

/* "Not yours" and "does not exist" are the same answer, and others' jobs make no prefix ambiguous. */
static void users(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 1000);
        insert_new(&f, B, 1001);
        check_found(&f, "task", 1000, A);
        check_found(&f, "aa", 1001, B);
        check_not_found(&f, B, 1000, -ENOENT, "");
        check_not_found(&f, "aabb", 1000, -ENOENT, "");
        check_not_found(&f, "task", 1002, -ENOENT, "");
        check_not_found(&f, "task", 0, -ENOENT, ""); /* uid 0 is told apart from any by the caller */
        check_not_found(&f, "task", STORE_ANY_UID, -JOB_ERROR_AMBIGUOUS_ID, B ", " A);
        check_found(&f, B, STORE_ANY_UID, B);
}

/* An id may be the beginning of another one, where that is its kind. */
static void full_id_wins(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, "a-0000000000", 0);
        insert_new(&f, "a-0000000000-1111111111", 0);
        check_found(&f, "a-0000000000", 0, "a-0000000000");
        check_found(&f, "a-0000000000-", 0, "a-0000000000-1111111111");
        check_not_found(&f, "a-000000000", 0, -JOB_ERROR_AMBIGUOUS_ID, "a-0000000000-1111111111, a-0000000000");
}

static void many_candidates(void) {
        _cleanup_store_fixture_ StoreFixture f;
        char id[] = "a-000000000?";

        store_fixture_open(&f);
        for (int i = 0; i < 5; i++) {
                id[11] = (char) ('0' + i);
                insert_new(&f, id, 0);
        }
        check_not_found(&f, "a", 0, -JOB_ERROR_AMBIGUOUS_ID, "a-0000000004, a-0000000003, a-0000000002, a-0000000001, a-0000000000");
        insert_new(&f, "a-0000000005", 0);
        check_not_found(&f, "a", 0, -JOB_ERROR_AMBIGUOUS_ID, "a-0000000005, a-0000000004, a-0000000003, a-0000000002, a-0000000001, …");
}

typedef struct Several {
        Answer answer;
        char text[256];
} Several;

static void on_several(int r, StoreLookup *result, void *userdata) {
        Several *several = userdata;

        if (r < 0)
                (void) snprintf(several->text, sizeof(several->text), "missing %s", result->missing);
        for (size_t i = 0; i < result->n_records && r >= 0; i++)
                (void) strcat(strcat(several->text, result->records[i].id), " ");
        on_answer(r, &several->answer);
}

static void check_several(StoreFixture *f, char **ids, size_t n, int error, const char *text) {
        Several several = {};

        check_ok(store_lookup(f->store, ids, n, STORE_ANY_UID, on_several, &several));
        run_until(f->event, &several.answer.done);
        check_error(several.answer.r, error);
        check_string(several.text, text);
}

static void several(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        insert_new(&f, B, 0);
        insert_new(&f, C, 0);
        check_several(&f, STRINGS("c", "aab", A, "c"), 4, 0, C " " B " " A " " C " ");
        check_several(&f, STRINGS("c", "zz", "xx"), 3, -ENOENT, "missing zz");
        check_several(&f, STRINGS("c", "task", "xx"), 3, -JOB_ERROR_AMBIGUOUS_ID, "missing task");
        check_several(&f, STRINGS(NULL), 0, 0, "");
}

static void on_unknown(int r, char *const *ids, size_t n, void *userdata) {
        Several *several = userdata;

        for (size_t i = 0; i < n; i++)
                (void) strcat(strcat(several->text, ids[i]), " ");
        on_answer(r, &several->answer);
}

static void check_unknown(StoreFixture *f, char **ids, size_t n, const char *text) {
        Several several = {};

        check_ok(store_find_unknown(f->store, ids, n, on_unknown, &several));
        run_until(f->event, &several.answer.done);
        check_ok(several.answer.r);
        check_string(several.text, text);
}

/* Neither recorded nor forgotten. */
static void unknown(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        (void) insert_finished(&f, B, 1000);
        (void) insert_finished(&f, C, 1000);
        check_ok(remove_jobs(&f, STRINGS(C)));
        check_unknown(&f, STRINGS(A, "task-zzzz000000", B, C, D, "aaaa000000"), 6, "task-zzzz000000 " D " aaaa000000 ");
        check_unknown(&f, STRINGS(A, B, C), 3, "");
        check_unknown(&f, STRINGS(D), 1, D " ");
        check_ok(store_forget(f.store, C));
        check_unknown(&f, STRINGS(A, B, C), 3, C " ");
        check_unknown(&f, STRINGS(NULL), 0, "");
}

/* --- list ------------------------------------------------------------------------------------------ */

static void insert_for_list(StoreFixture *f, const char *id, uint32_t uid, const char *workspace, const char *session) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);

        job->record.workspace = workspace ? strdup(workspace) : NULL;
        job->record.session = session ? strdup(session) : NULL;
        check_ok(insert_job(f, job));
}

/* A and B are over, B first; C runs; D waits. */
static void list_open(StoreFixture *f) {
        uint64_t sequence;

        store_fixture_open(f);
        insert_for_list(f, A, 1000, "/one", "s1");
        insert_for_list(f, B, 1000, "/two", "s1");
        insert_for_list(f, C, 1001, "/one", NULL);
        insert_for_list(f, D, 1001, NULL, "s2");
        check_ok(finish_job(f, B, &sequence));
        check_ok(finish_job(f, A, &sequence));
        check_ok(store_started(f->store, C, 5));
}

static void list_filters(void) {
        _cleanup_store_fixture_ StoreFixture f;

        list_open(&f);
        check_string(list(&f, ""), D " " C " " B " " A " "); /* newest first */
        check_string(list(&f, "state=queued"), D " ");
        check_string(list(&f, "state=running"), C " ");
        check_string(list(&f, "state=completed"), B " " A " ");
        check_string(list(&f, "state=failed state=cancelled"), "");
        check_string(list(&f, "state=queued state=running"), D " " C " ");
        check_string(list(&f, "kind=task"), B " " A " ");
        check_string(list(&f, "kind=tas"), "");
        check_string(list(&f, "kind=task limit=1"), B " ");
        check_string(list(&f, "kind=task before=" B), A " ");
        check_string(list(&f, "kind=task state=queued state=running"), "");
        check_string(list(&f, "kind=task state=completed state=failed"), B " " A " ");
        check_string(list(&f, "uid=1000 kind=task state=completed"), B " " A " ");
        check_string(list(&f, "uid=1000 kind=task session=s1"), B " " A " ");
        check_string(list(&f, "workspace=/one"), C " " A " ");
        check_string(list(&f, "session=s1"), B " " A " ");
        check_string(list(&f, "session="), "");
        check_string(list(&f, "uid=1001"), D " " C " ");
        check_string(list(&f, "uid=0"), "");
        check_string(list(&f, "uid=1000 workspace=/one kind=task state=completed"), A " ");
        check_string(list(&f, "uid=1001 kind=task"), "");
}

static void list_pages(void) {
        _cleanup_store_fixture_ StoreFixture f;

        list_open(&f);
        check_string(list(&f, "limit=2"), D " " C " ");
        check_string(list(&f, "limit=2 before=" C), B " " A " ");
        check_string(list(&f, "limit=1 before=" B), A " ");
        check_string(list(&f, "before=" A), "");
        check_string(list(&f, "uid=1000 before=" B), A " ");
        check_string(list(&f, "uid=1000 before=" D), ""); /* of another user: not there either */
        check_string(list(&f, "before=job-0000000000"), ""); /* is not there */
}

/* What is one user's is found by other ways than what is all users'. */
static void list_of_user(void) {
        _cleanup_store_fixture_ StoreFixture f;

        list_open(&f);
        insert_for_list(&f, "task-eeee000000", 1000, "/one", "s1");
        insert_for_list(&f, "task-gggg000000", 1001, "/one", "s1");
        check_ok(store_started(f.store, "task-eeee000000", 5));
        insert_for_list(&f, "task-hhhh000000", 1000, NULL, NULL);
        check_string(list(&f, "uid=1000"), "task-hhhh000000 task-eeee000000 " B " " A " ");
        check_string(list(&f, "uid=1000 limit=3"), "task-hhhh000000 task-eeee000000 " B " ");
        check_string(list(&f, "uid=1000 before=task-hhhh000000 limit=2"), "task-eeee000000 " B " ");
        check_string(list(&f, "uid=1000 state=queued state=completed"), "task-hhhh000000 " B " " A " ");
        check_string(list(&f, "uid=1000 state=running"), "task-eeee000000 ");
        check_string(list(&f, "uid=1000 state=failed"), "");
        check_string(list(&f, "uid=1000 session=s1"), "task-eeee000000 " B " " A " ");
        check_string(list(&f, "uid=1000 session=s1 state=completed limit=1"), B " ");
        check_string(list(&f, "uid=1000 session=s1 workspace=/one"), "task-eeee000000 " A " ");
        check_string(list(&f, "uid=1000 workspace=/one"), "task-eeee000000 " A " ");
        check_string(list(&f, "uid=1000 workspace=/one before=task-eeee000000"), A " ");
        check_string(list(&f, "uid=1001 session=s1"), "task-gggg000000 ");
        check_string(list(&f, "uid=1000 after=0"), B " " A " ");
        check_string(list(&f, "uid=1000 after=0 workspace=/one"), A " ");
        check_string(list(&f, "uid=1000 after=0 state=failed"), "");
        check_string(list(&f, "state=queued state=running session=s1"), "task-gggg000000 task-eeee000000 ");
        check_string(list(&f, "state=queued before=task-hhhh000000"), "task-gggg000000 " D " ");
}

/* In the order in which they ended, whoever was away asks for what is above what it saw. */
static void list_after_sequence(void) {
        _cleanup_store_fixture_ StoreFixture f;

        list_open(&f);
        check_string(list(&f, "after=0"), B " " A " ");
        check_string(list(&f, "after=0 limit=1"), B " ");
        check_string(list(&f, "after=1"), A " ");
        check_string(list(&f, "after=2"), "");
        check_string(list(&f, "after=18446744073709551614"), "");
        check_string(list(&f, "after=0 workspace=/one"), A " ");
        check_string(list(&f, "after=0 uid=1001"), "");
}

/* --- inboxes --------------------------------------------------------------------------------------- */

static void inboxes(void) {
        _cleanup_store_fixture_ StoreFixture f;

        list_open(&f);
        check_string(inbox(&f, 1000, "reader", 100), B " " A " ");
        check_string(inbox(&f, 1000, "reader", 100), B " " A " "); /* reading changes nothing */
        check_string(inbox(&f, 1000, "reader", 1), B " ");
        check_ok(acknowledge(&f, 1000, "reader", 1));
        check_string(inbox(&f, 1000, "reader", 100), A " ");
        check_string(inbox(&f, 1000, "other", 100), B " " A " ");
        check_string(inbox(&f, 1001, "reader", 100), ""); /* another user's reader of that name */

        store_fixture_reopen(&f);
        check_string(inbox(&f, 1000, "reader", 100), A " ");
        check_ok(acknowledge(&f, 1000, "reader", 2));
        check_ok(acknowledge(&f, 1000, "reader", 1)); /* never back */
        check_string(inbox(&f, 1000, "reader", 100), "");
        check_ok(acknowledge(&f, 1000, "ahead", 1)); /* one that never read */
        check_string(inbox(&f, 1000, "ahead", 100), A " ");
}

/* --- keys ------------------------------------------------------------------------------------------ */

static void submit_with_key(StoreFixture *f, const char *id, uint32_t uid, const char *key, uint64_t digest,
                            Answer *answer) {
        _cleanup_(job_freep) Job *job = fixture_job(id, uid);
        StoreInsert insert = { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .key = key, .digest = digest };

        *answer = ANSWER_INIT;
        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, answer));
}

static void check_key(StoreFixture *f, const char *id, uint32_t uid, const char *key, uint64_t digest, int error,
                      const char *existing) {
        _cleanup_answer_ Answer answer;

        submit_with_key(f, id, uid, key, digest, &answer);
        run_until(f->event, &answer.done);
        check_error(MIN(answer.r, 0), error);
        check_string(answer.existing, existing);
}

static void keys(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence;

        store_fixture_open(&f);
        check_key(&f, A, 1000, "key", UINT64_MAX, 0, NULL);
        check_key(&f, B, 1000, "key", UINT64_MAX, 0, A);
        check_key(&f, B, 1000, "key", 2, -JOB_ERROR_KEY_CONFLICT, NULL);
        check_key(&f, C, 1001, "key", 2, 0, NULL); /* another user's */
        check_key(&f, D, 1000, "Key", 2, 0, NULL); /* another one */
        check_string(list(&f, ""), D " " C " " A " ");

        check_ok(finish_job(&f, A, &sequence));
        store_fixture_reopen(&f);
        check_key(&f, B, 1000, "key", UINT64_MAX, 0, A); /* in whatever state it is */
        check_ok(remove_jobs(&f, STRINGS(A)));
        check_key(&f, B, 1000, "key", 3, 0, NULL); /* forgotten with its job */
}

/* Requests that arrive together share a commit; the second one finds the first one all the same. */
static void keys_together(void) {
        _cleanup_answer_ Answer first, second, third;
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        submit_with_key(&f, A, 0, "key", 1, &first);
        submit_with_key(&f, B, 0, "key", 1, &second);
        submit_with_key(&f, C, 0, "key", 2, &third);
        run_until(f.event, &third.done);
        check_ok(first.r);
        check_ok(second.r);
        check_string(second.existing, A);
        check_error(third.r, -JOB_ERROR_KEY_CONFLICT);
        check_string(live(&f), A " queued - - ");
}

/* The same, when something else in the commit fails and all are done again one by one. */
static void keys_together_with_failure(void) {
        _cleanup_answer_ Answer first, second, last;
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, D, 0);
        submit_with_key(&f, A, 0, "key", 1, &first);
        submit_with_key(&f, B, 0, "key", 1, &second);
        submit_with_key(&f, D, 0, NULL, 0, &last); /* is taken */
        run_until(f.event, &last.done);
        check_error(last.r, -EEXIST);
        check_ok(first.r);
        check_ok(second.r);
        check_string(first.existing, NULL);
        check_string(second.existing, A);
        check_string(live(&f), D " queued - - " A " queued - - ");
}

TEST_MAIN(TEST(prefixes), TEST(no_prefixes), TEST(users), TEST(full_id_wins), TEST(many_candidates), TEST(several), TEST(unknown),
          TEST(list_filters), TEST(list_pages), TEST(list_of_user), TEST(list_after_sequence), TEST(inboxes), TEST(keys),
          TEST(keys_together), TEST(keys_together_with_failure))
