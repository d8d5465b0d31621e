/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The store and a disk that is slow, full, or fails. Between SQLite and the file system stands a VFS that
 * does what a test wants (https://www.sqlite.org/vfs.html). */

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "store-fixture.h"
#include "test-bus.h"
#include "test.h"

#define A "task-aaaa000000"
#define B "task-bbbb000000"
#define C "task-cccc000000"

/* --- the disk -------------------------------------------------------------------------------------- */

/* The methods of a kind of file, with some of ours among them. */
typedef struct Methods {
        sqlite3_io_methods ours; /* first */
        const sqlite3_io_methods *real;
} Methods;

static struct {
        sqlite3_vfs *real_vfs, vfs;
        Methods methods[4];

        atomic_int syncs;
        atomic_int failing_syncs; /* that many more, from now on */
        atomic_int good_syncs;    /* that many more, then all fail; negative: any number */
        atomic_bool full;
        atomic_int room; /* for as many writes, then it is full; negative: for any number */
        atomic_bool gated; /* a sync says that it has begun, and waits */
        sem_t entered, gate;
} disk;

static const sqlite3_io_methods *real_methods(sqlite3_file *file) {
        return ((const Methods *) file->pMethods)->real;
}

static int disk_sync(sqlite3_file *file, int flags) {
        bool fails = disk.failing_syncs > 0 || disk.good_syncs == 0;

        disk.syncs++;
        if (disk.good_syncs > 0)
                disk.good_syncs--;
        if (disk.gated) {
                (void) sem_post(&disk.entered);
                (void) sem_wait(&disk.gate);
        }
        if (fails) {
                disk.failing_syncs -= disk.failing_syncs > 0;
                return SQLITE_IOERR_FSYNC;
        }
        return real_methods(file)->xSync(file, flags);
}

static int disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset) {
        if (disk.full || disk.room == 0)
                return SQLITE_FULL;
        if (disk.room > 0)
                disk.room--;
        return real_methods(file)->xWrite(file, data, n, offset);
}

/* There is one for each way of locking that SQLite has chosen. */
static Methods *find_methods(const sqlite3_io_methods *real) {
        for (size_t i = 0; i < ELEMENTSOF(disk.methods); i++) {
                Methods *m = &disk.methods[i];

                if (m->real == real)
                        return m;
                if (m->real)
                        continue;
                *m = (Methods) { .ours = *real, .real = real };
                m->ours.xSync = disk_sync;
                m->ours.xWrite = disk_write;
                return m;
        }
        abort();
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
        int r;

        r = disk.real_vfs->xOpen(disk.real_vfs, name, file, flags, ret_flags);
        if (r == SQLITE_OK)
                file->pMethods = &find_methods(file->pMethods)->ours;
        return r;
}

static void disk_install(void) {
        check_int(sqlite3_initialize(), SQLITE_OK);
        (void) sem_init(&disk.entered, 0, 0);
        (void) sem_init(&disk.gate, 0, 0);
        disk.room = disk.good_syncs = -1;
        disk.real_vfs = sqlite3_vfs_find(NULL);
        disk.vfs = *disk.real_vfs;
        disk.vfs.zName = "test";
        disk.vfs.xOpen = disk_open;
        check_int(sqlite3_vfs_register(&disk.vfs, true), SQLITE_OK);
}

/* --- slow ------------------------------------------------------------------------------------------ */

static void submit_many(StoreFixture *f, Answer *answers, int first, int end) {
        for (int i = first; i < end; i++) {
                _cleanup_(job_freep) Job *job = NULL;
                char id[16];

                (void) snprintf(id, sizeof(id), "job-0000000%03d", i);
                job = fixture_job(id, 0);
                submit_insert(f, job, "spec", &answers[i]);
        }
}

/* Nothing is said before it is on the disk; what came meanwhile shares the next commit. */
static void group_commit(void) {
        enum { N = 64 };
        _cleanup_store_fixture_ StoreFixture f;
        Answer answers[N];

        disk_install();
        store_fixture_open(&f);
        insert_new(&f, A, 0); /* what is written once after opening is written */
        disk.syncs = 0;
        disk.gated = true;
        submit_many(&f, answers, 0, 1);
        (void) sem_wait(&disk.entered);
        submit_many(&f, answers, 1, N);
        run_pending(f.event);
        check(!answers[0].done);

        (void) sem_post(&disk.gate);
        run_until(f.event, &answers[0].done);
        (void) sem_wait(&disk.entered);
        run_pending(f.event);
        for (int i = 1; i < N; i++)
                check(!answers[i].done);

        (void) sem_post(&disk.gate);
        run_until(f.event, &answers[N - 1].done);
        check_int(disk.syncs, 2);
        disk.gated = false;
        for (int i = 0; i < N; i++) {
                check_ok(answers[i].r);
                check_int(answers[i].order, answers[0].order + (unsigned) i);
        }
}

/* Every change is synced: one alone takes one. */
static void each_is_durable(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence;

        disk_install();
        store_fixture_open(&f);
        insert_new(&f, A, 0);
        disk.syncs = 0;
        insert_new(&f, B, 0);
        check_int(disk.syncs, 1);
        check_ok(stop_job(&f, B, JOB_REASON_USER, 0));
        check_int(disk.syncs, 2);
        check_ok(finish_job(&f, B, &sequence));
        check_int(disk.syncs, 3);
        check_ok(remove_jobs(&f, STRINGS(B)));
        check_int(disk.syncs, 4);
        check_string(list(&f, ""), A " "); /* reading takes none */
        check_int(disk.syncs, 4);
}

/* --- full, failing --------------------------------------------------------------------------------- */

static int try_insert(StoreFixture *f, const char *id) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 0);

        return insert_job(f, job);
}

static void full(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence = 77;
        JobState state;

        disk_install();
        store_fixture_open(&f);
        insert_new(&f, A, 0);
        disk.full = true;
        check_error(try_insert(&f, B), -ENOSPC);
        check_error(finish_job(&f, A, &sequence), -ENOSPC);
        check_error(stop_job(&f, A, JOB_REASON_USER, 0), -ENOSPC);
        check_ok(get_state(&f, A, &state)); /* reading goes on */
        check_int(state, JOB_QUEUED);
        check_error(get_state(&f, B, &state), -ENOENT);

        disk.full = false; /* and so does everything, once there is room */
        check_ok(try_insert(&f, B));
        check_ok(finish_job(&f, A, &sequence));
        check_int(sequence, 1);
        store_fixture_reopen(&f);
        check_string(live(&f), B " queued - - ");
}

static void failing(void) {
        _cleanup_store_fixture_ StoreFixture f;
        uint64_t sequence = 77;
        JobState state;

        disk_install();
        store_fixture_open(&f);
        insert_new(&f, A, 0);
        disk.failing_syncs = 3;
        check_error(try_insert(&f, B), -EIO); /* tried with the batch and by itself */
        check_error(get_state(&f, B, &state), -ENOENT);
        disk.failing_syncs = 2;
        check_error(finish_job(&f, A, &sequence), -EIO);
        disk.failing_syncs = 0;
        check_ok(finish_job(&f, A, &sequence));
        check_int(sequence, 1);
        store_fixture_reopen(&f);
        check_string(live(&f), "");
        check_int(store_last_sequence(f.store), 1);
}

static void submit_with_key(StoreFixture *f, const char *id, uint64_t digest, Answer *answer) {
        _cleanup_(job_freep) Job *job = fixture_job(id, 0);
        StoreInsert insert = { .spec = calloc(1, 64), .spec_size = 64, .stdin_fd = -1, .key = "key", .digest = digest };

        *answer = ANSWER_INIT;
        check_ok(store_insert(f->store, &job->record, &job->limits, &insert, on_insert_answer, answer));
}

/* Two with one key share a commit, where the second one is refused. The commit fails, then the first one
 * alone: the second one is recorded, and that is what must be told. */
static void failing_under_a_key(void) {
        _cleanup_answer_ Answer first, second;
        _cleanup_store_fixture_ StoreFixture f;
        Answer before[1];
        JobState state;

        disk_install();
        store_fixture_open(&f);
        insert_new(&f, C, 0);
        disk.gated = true;
        submit_many(&f, before, 0, 1);
        (void) sem_wait(&disk.entered);
        submit_with_key(&f, A, 1, &first);
        submit_with_key(&f, B, 2, &second);
        disk.failing_syncs = 2;
        disk.gated = false;
        (void) sem_post(&disk.gate);
        run_until(f.event, &second.done);
        check_ok(before[0].r);
        check_error(first.r, -EIO);
        check_error(get_state(&f, A, &state), -ENOENT);
        check_ok(get_state(&f, B, &state));
        check_error(second.r, 0);
}

static bool is_flagged(void) {
        return access(test_path("jobs.sqlite.is-damaged"), F_OK) == 0;
}

/* A store that was found damaged while it was used. */
static void flag(StoreFixture *f) {
        f->store = store_free(f->store);
        (void) close(open(test_path("jobs.sqlite.is-damaged"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Wherever the disk is full while the jobs of a damaged store are taken over: none is lost, the next start goes on. */
static void full_while_salvaged(void) {
        enum { N = 20 };
        _cleanup_free_ char *all = NULL;
        _cleanup_store_fixture_ StoreFixture f;
        int tries = 0;

        disk_install();
        store_fixture_open(&f);
        insert_many(&f, N, N / 2, 1000);
        all = strdup(list(&f, ""));
        for (int room = 0, r = -ENOSPC; r < 0; room += 1 + room / 8, tries++) {
                flag(&f);
                disk.room = room;
                r = store_new(&f.store, f.event, test_directory());
                disk.room = -1;
                if (r < 0) {
                        check_error(r, -ENOSPC);
                        check(is_flagged());
                        check_ok(store_new(&f.store, f.event, test_directory()));
                }
                check(!is_flagged());
                check_string(list(&f, ""), all);
                check_int(store_finished(f.store), N / 2);
        }
        check(tries > 10);
        check_contains(test_log(), "keeping it for the next start: disk is full");
}

/* The same, where it fails: as it is made, or as what was read is committed. */
static void failing_while_salvaged(void) {
        _cleanup_free_ char *all = NULL;
        _cleanup_store_fixture_ StoreFixture f;
        int tries = 0;

        disk_install();
        store_fixture_open(&f);
        insert_many(&f, 20, 10, 100);
        all = strdup(list(&f, ""));
        for (int r = -EIO; r < 0; tries++) {
                flag(&f);
                disk.good_syncs = tries;
                r = store_new(&f.store, f.event, test_directory());
                disk.good_syncs = -1;
                check_int(is_flagged(), r < 0);
                if (r < 0)
                        check_ok(store_new(&f.store, f.event, test_directory()));
                check_string(list(&f, ""), all);
        }
        check(tries > 1);
}

/* --- killed ---------------------------------------------------------------------------------------- */

/* Whatever was answered is there after the service was killed without a word. */
static void killed(void) {
        _cleanup_store_fixture_ StoreFixture f;
        int status;
        pid_t pid;

        pid = fork();
        check(pid >= 0);
        if (pid == 0) {
                uint64_t sequence;

                store_fixture_open(&f);
                insert_new(&f, A, 0);
                insert_new(&f, B, 0);
                check_ok(finish_job(&f, B, &sequence));
                insert_new(&f, C, 0);
                (void) kill(getpid(), SIGKILL);
        }
        check(waitpid(pid, &status, 0) == pid);
        check_int(status, SIGKILL);
        check(access(test_path("jobs.sqlite-wal"), F_OK) == 0);
        store_fixture_open(&f);
        check_string(live(&f), A " queued - - " C " queued - - ");
        check_int(store_finished(f.store), 1);
        check_int(store_last_sequence(f.store), 1);
}

/* --- who may open it ------------------------------------------------------------------------------- */

static void second_opener(void) {
        _cleanup_store_fixture_ StoreFixture f;
        Store *second = NULL;
        int status;
        pid_t pid;

        store_fixture_open(&f);
        insert_new(&f, A, 0);
        check_error(store_new(&second, f.event, test_directory()), -EBUSY);
        check_contains(test_log(), "in use by another codex-jobsd");
        pid = fork();
        check(pid >= 0);
        if (pid == 0) { /* and in another process, which is what it is about */
                check_error(store_new(&second, f.event, test_directory()), -EBUSY);
                (void) kill(getpid(), SIGKILL); /* takes nothing of ours along */
        }
        check(waitpid(pid, &status, 0) == pid);
        check_int(status, SIGKILL);
        check(!second);

        insert_new(&f, B, 0); /* does not disturb the first one */
        f.store = store_free(f.store);
        check_ok(store_new(&f.store, f.event, test_directory()));
}

static void no_directory(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        Store *store = NULL;

        check_ok(sd_event_default(&event));
        check(store_new(&store, event, test_path("missing")) < 0);
        check(!store);
        check_contains(test_log(), "Failed to open database in ");
        check_contains(test_log(), test_path("missing"));
}

TEST_MAIN(TEST(group_commit), TEST(each_is_durable), TEST(full), TEST(failing), TEST(failing_under_a_key), TEST(full_while_salvaged),
          TEST(failing_while_salvaged), TEST(killed),
          TEST(second_opener), TEST(no_directory))
