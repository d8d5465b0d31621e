/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* What queued jobs wait for, in the store: dependencies, their resolution, holds, jobs below a cancelled one. */

#include "job-error.h"
#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "job-aaaa000000"
#define B "job-bbbb000000"
#define C "job-cccc000000"
#define D "job-dddd000000"

typedef struct Inserted {
        bool done;
        int r;
        char text[256]; /* the missing and the failed job */
} Inserted;

static void on_inserted(int r, const StoreInserted *inserted, void *userdata) {
        Inserted *answer = userdata;

        answer->done = true;
        answer->r = r;
        (void) snprintf(answer->text, sizeof(answer->text), "%s/%s", inserted->missing ?: "-", inserted->failed_dependency ?: "-");
}

/* Returns the missing and the failed job. */
static const char *insert_after(StoreFixture *f, const char *id, const char *after, int expected) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 7);
        static Inserted answer;
        char *spec = calloc(1, 64);

        check(spec);
        job->record.after = strdup(after);
        answer = (Inserted) {};
        check_ok(store_insert(f->store, &job->record, &job->limits, &(StoreInsert) { .spec = spec, .spec_size = 64, .stdin_fd = -1 },
                              on_inserted, &answer));
        while (!answer.done)
                check_ok(sd_event_run(f->event, UINT64_MAX));
        check_int(answer.r, expected);
        return answer.text;
}

static int on_dependency(const char *id, const char *other, JobCondition condition, void *userdata) {
        char *text = userdata;
        size_t n = strlen(text);

        (void) snprintf(text + n, 512 - n, "%.8s:%.8s:%s ", id, other, job_condition_to_string(condition));
        return 0;
}

static const char *dependencies(StoreFixture *f) {
        static char text[512];

        text[0] = 0;
        store_fixture_reopen(f);
        check_ok(store_load_dependencies(f->store, on_dependency, text));
        return text;
}

static char *failed_dependency(StoreFixture *f, const char *id) {
        JobRecord record = JOB_RECORD_INIT;
        char candidates[256], *text;

        check_ok(lookup(f, id, STORE_ANY_UID, &record, candidates));
        text = TAKE_PTR(record.failed_dependency);
        job_record_clear(&record);
        return text;
}

static void check_failed(StoreFixture *f, const char *id, const char *expected) {
        _cleanup_free_ char *other = failed_dependency(f, id);

        check_string(other, expected);
}

static void resolved_with_the_end(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence;

        store_fixture_open(&f);
        insert_new(&f, A, 7);
        check_string(insert_after(&f, B, A ":ok", 0), "-/-");
        check_string(insert_after(&f, C, A ":failed " B ":any", 0), "-/-");
        check_string(dependencies(&f), "job-bbbb:job-aaaa:ok job-cccc:job-aaaa:failed job-cccc:job-bbbb:any ");
        check_ok(finish_job(&f, A, &sequence));
        check_failed(&f, B, NULL);
        check_failed(&f, C, A);
        check_string(dependencies(&f), "job-cccc:job-bbbb:any ");
        check_ok(finish_job(&f, C, &sequence)); /* what it still waited for goes with it */
        check_string(dependencies(&f), "");
}

static void ended_before(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        (void) insert_finished(&f, A, 7);
        check_string(insert_after(&f, B, A ":ok", 0), "-/-");
        check_string(insert_after(&f, C, B ":ok " A ":failed", 0), "-/" A);
        check_failed(&f, C, A);
        check_ok(remove_jobs(&f, (char *[]) { (char *) A, NULL }));
        check_failed(&f, C, A);
        check_string(dependencies(&f), "job-cccc:job-bbbb:ok ");
}

/* Nothing is recorded by halves. */
static void missing(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 7);
        insert_new(&f, B, 8);
        check_string(insert_after(&f, C, A ":ok " D ":ok", -JOB_ERROR_NO_DEPENDENCY), D "/-");
        check_string(insert_after(&f, C, A ":ok " B ":any", -JOB_ERROR_NO_DEPENDENCY), B "/-");
        check_string(dependencies(&f), "");
        check_string(list(&f, ""), B " " A " ");
}

static int hold(StoreFixture *f, const char *id, bool held) {
        _cleanup_answer_ Answer answer = ANSWER_INIT;

        check_ok(store_hold(f->store, id, held, on_answer, &answer));
        while (!answer.done)
                check_ok(sd_event_run(f->event, UINT64_MAX));
        return answer.r;
}

static void holds(void) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF;
        char candidates[256];

        store_fixture_open(&f);
        insert_new(&f, A, 7);
        check_ok(hold(&f, A, true));
        check_ok(lookup(&f, A, STORE_ANY_UID, &record, candidates));
        check_int(record.held, 1);
        check_ok(hold(&f, A, false));
        check_ok(begin_job(&f, A, "i", NULL, &fd));
        check_error(hold(&f, A, true), -JOB_ERROR_NOT_QUEUED);
        check_error(hold(&f, B, true), -JOB_ERROR_NOT_QUEUED);
}

static void on_edited(int r, const char *other, void *userdata) {
        Inserted *answer = userdata;

        answer->done = true;
        answer->r = r;
        (void) snprintf(answer->text, sizeof(answer->text), "%s", other ?: "-");
}

static int edit_about(StoreFixture *f, const char *id, const Spec *changes, const char *other) {
        Inserted answer = {};

        check_ok(store_edit(f->store, id, changes, on_edited, &answer));
        while (!answer.done)
                check_ok(sd_event_run(f->event, UINT64_MAX));
        check_string(answer.text, other);
        return answer.r;
}

static int edit(StoreFixture *f, const char *id, const Spec *changes) {
        return edit_about(f, id, changes, "-");
}

static int on_live(StoredJob *stored, void *userdata) {
        *(StoredJob *) userdata = *stored;
        *stored = (StoredJob) { .record = JOB_RECORD_INIT };
        return 0;
}

static void edits(void) {
        Spec changes = SPEC_INIT, more = SPEC_INIT;
        _cleanup_(stored_job_clear) StoredJob stored = { .record = JOB_RECORD_INIT };
        _cleanup_store_fixture_ StoreFixture f;
        _cleanup_close_ int fd = -EBADF;

        store_fixture_open(&f);
        insert_new(&f, A, 7);
        changes.priority = -7;
        changes.not_before_usec = 77;
        changes.label = (char *) "new";
        changes.queue = (char *) "q";
        changes.limits.tasks_max = 5;
        check_ok(edit(&f, A, &changes));
        more.not_before_usec = JOB_MOMENT_NONE;
        more.limits.cpu_weight = 9;
        check_ok(edit(&f, A, &more)); /* all else stays */
        store_fixture_reopen(&f);
        check_ok(store_load_live(f.store, on_live, &stored));
        check_int(stored.record.priority, -7);
        check_int(stored.record.not_before_usec, 77);
        check_string(stored.record.label, "new");
        check_string(stored.record.queue, "q");
        check_int(stored.limits.tasks_max, 5);
        check_int(stored.limits.cpu_weight, 9);
        store_fixture_reopen(&f);
        check_ok(begin_job(&f, A, "i", NULL, &fd));
        check_error(edit(&f, A, &more), -JOB_ERROR_NOT_EDITABLE);
        check_error(edit(&f, B, &more), -JOB_ERROR_NOT_EDITABLE);
}

static Spec after(const char *text) {
        Spec changes = SPEC_INIT;

        changes.not_before_usec = JOB_MOMENT_NONE;
        changes.after = (char *) text;
        return changes;
}

/* All are replaced, or none; a later one may end the job. */
static void edits_of_dependencies(void) {
        _cleanup_store_fixture_ StoreFixture f;
        Spec changes;
        uint64_t sequence;

        store_fixture_open(&f);
        (void) insert_finished(&f, A, 7);
        insert_new(&f, B, 7);
        insert_new(&f, C, 8);
        check_string(insert_after(&f, D, B ":ok", 0), "-/-");
        changes = after(A ":ok " C ":ok");
        changes.priority = 7;
        check_error(edit_about(&f, D, &changes, C), -JOB_ERROR_NO_DEPENDENCY); /* of another user */
        check_string(dependencies(&f), "job-dddd:job-bbbb:ok ");
        changes = after("");
        check_ok(edit(&f, D, &changes));
        check_string(dependencies(&f), "");
        changes = after(A ":ok " B ":failed");
        check_ok(edit(&f, D, &changes));
        check_string(dependencies(&f), "job-dddd:job-bbbb:failed ");
        changes = after(B ":any " A ":failed");
        check_ok(edit_about(&f, D, &changes, A));
        check_failed(&f, D, A);
        changes = after("");
        check_error(edit(&f, D, &changes), -JOB_ERROR_NOT_EDITABLE); /* it ends */
        check_failed(&f, D, A);
        check_ok(finish_job(&f, D, &sequence));
        check_string(dependencies(&f), "");
}

static void insert_below(StoreFixture *f, const char *id, const char *parent, bool detached) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 7);

        job->record.parent = strdup(parent);
        job->record.detached = detached;
        check_ok(insert_job(f, job));
}

/* With a cancelled job, but not with one that reached a limit. */
static void stopped_trees(void) {
        _cleanup_store_fixture_ StoreFixture f;

        store_fixture_open(&f);
        insert_new(&f, A, 7);
        insert_below(&f, B, A, false);
        insert_below(&f, C, B, false);
        insert_below(&f, D, A, true);
        check_ok(stop_job(&f, A, JOB_REASON_RUNTIME_LIMIT, UINT32_MAX));
        check_string(live(&f), A " queued runtime-limit - " B " queued - - " C " queued - - " D " queued - - ");
        check_ok(stop_job(&f, A, JOB_REASON_USER, 7));
        check_string(live(&f), A " queued user - " B " queued user - " C " queued user - " D " queued - - ");
}

TEST_MAIN(TEST(resolved_with_the_end), TEST(ended_before), TEST(missing), TEST(holds), TEST(edits), TEST(edits_of_dependencies), TEST(stopped_trees))
