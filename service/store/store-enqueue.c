/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* New jobs: key, limits of the user, standard input, record. */

#include <fcntl.h>

#include "job-id.h"
#include "read-write.h"
#include "store-internal.h"
#include "string-list.h"

typedef struct Insert {
        StoreOp op; /* first */
        StoreInsertCallback callback;
        JobRecord record;
        JobLimits limits;
        char *key;
        uint64_t digest;
        char *instance;
        char *secret;
        int refusal;
        uint64_t jobs_max;
        uint64_t bytes_max;
        void *spec; /* wiped when freed */
        size_t spec_size;
        size_t command_size;
        int stdin_fd; /* to append to the spec */
        uint64_t stdin_size;
        /* out, see StoreInserted */
        char *existing;
        int spec_fd;
        char **removed;
        size_t n_removed;
        char *largest;
        char *missing;
        char *failed_dependency;
} Insert;

/* realloc() would leave a copy of the environment behind. */
static int enlarge_spec(Insert *insert, size_t size) {
        void *bigger = malloc(MAX(size, 1U));

        if (!bigger)
                return -ENOMEM;
        memcpy(bigger, insert->spec, insert->spec_size);
        store_free_spec(insert->spec, insert->spec_size);
        insert->spec = bigger;
        return 0;
}

static int append_stdin(Insert *insert) {
        size_t size = insert->spec_size + insert->stdin_size;
        ssize_t n;
        char *end;
        int r;

        if (insert->stdin_fd < 0)
                return 0;
        r = enlarge_spec(insert, size);
        if (r < 0)
                return r;
        end = (char *) insert->spec + insert->spec_size;
        n = read_at(insert->stdin_fd, end, insert->stdin_size, 0);
        if (n < 0)
                return (int) n;
        if ((size_t) n < insert->stdin_size) /* meanwhile */
                return -JOB_ERROR_STDIN_TRUNCATED;
        if (insert->key)
                insert->digest = spec_digest_more(insert->digest, end, insert->stdin_size);
        insert->spec_size = size;
        (void) close(TAKE_FD(insert->stdin_fd));
        return 0;
}

STATEMENT(find_key, "SELECT id, digest FROM jobs WHERE uid = ? AND key = ?");

/* Looks up the job with the key, and the digest of its request. */
static int find_existing(Database *db, Insert *insert, uint64_t *ret_digest) {
        int r;

        free(insert->existing);
        insert->existing = NULL;
        if (!insert->key)
                return 0;
        r = statement_one(db, &find_key, "us>st", insert->record.uid, insert->key, &insert->existing, ret_digest);
        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

STATEMENT(count_user, "SELECT jobs, max(bytes, 0) FROM users WHERE uid = ?");

static int refuse(Database *db, Insert *insert) {
        int r;

        r = database_find_largest(db, insert->record.uid, &insert->largest);
        insert->op.answer = insert->largest ? -JOB_ERROR_STORED_TOO_MUCH : -JOB_ERROR_STORED_UNFINISHED;
        return r < 0 ? r : 1;
}

/* Returns 1 and an answer for a user who has reached a limit, or if there is no room in the queue. */
static int check_quota(Database *db, Insert *insert) {
        uint64_t jobs = 0, bytes = 0;
        Excess excess = {};
        int r;

        insert->op.answer = insert->refusal;
        if (insert->refusal < 0)
                return 1;
        r = statement_one(db, &count_user, "u>tt", insert->record.uid, &jobs, &bytes);
        if (r < 0 && r != -ENOENT)
                return r;
        if (insert->jobs_max > 0 && jobs >= insert->jobs_max)
                excess.jobs = jobs - insert->jobs_max + 1;
        if (insert->bytes_max > 0 && bytes >= insert->bytes_max)
                excess.bytes = bytes - insert->bytes_max + 1;
        if (excess.jobs == 0 && excess.bytes == 0)
                return 0;
        r = database_make_room(db, insert->record.uid, &excess, &insert->removed, &insert->n_removed);
        return r < 0 ? r : r > 0 ? 0 : refuse(db, insert);
}

STATEMENT(insert_job, "INSERT INTO jobs (" RECORD_COLUMNS LIMIT_COLUMNS "token, command_bytes) "
                      "VALUES (" RECORD_MARKS LIMIT_MARKS "?, ?)");
STATEMENT(insert_spec, "INSERT INTO specs VALUES (?, ?)");

int database_insert(Database *db, const JobRecord *record, const JobLimits *limits, const void *spec, size_t spec_size,
                    size_t command_size) {
        int r;

        r = statement_run(db, &insert_job, "RLst", record, limits, job_id_token(record->id), (uint64_t) command_size);
        return r < 0 ? r : statement_run(db, &insert_spec, "sb", record->id, spec, spec_size);
}

STATEMENT(set_key, "UPDATE jobs SET key = ?, digest = ? WHERE id = ?");

/* A job that can never start is recorded nevertheless: whether one that it depends on has just ended is a matter of
 * chance. */
static int insert_new(Database *db, Insert *insert) {
        int r;

        insert->record.failed_dependency = insert->failed_dependency; /* lent */
        r = database_insert(db, &insert->record, &insert->limits, insert->spec, insert->spec_size,
                            insert->command_size);
        insert->record.failed_dependency = NULL;
        if (r >= 0 && insert->key)
                r = statement_run(db, &set_key, "sxs", insert->key, insert->digest, insert->record.id);
        if (r >= 0 && insert->instance)
                r = database_mark_begun(db, insert->record.id, insert->instance, insert->secret,
                                        insert->record.attempt, insert->record.slot, insert->record.launcher);
        if (r >= 0 && insert->instance) {
                int error = store_write_memfd(insert->spec, insert->spec_size, &insert->spec_fd);

                if (error < 0) /* it is accepted, and begins later */
                        insert->spec_fd = error;
        }
        return r;
}

/* Returns 1 and an answer if one of them does not exist. */
static int add_dependencies(Database *db, Insert *insert) {
        int r;

        r = database_add_dependencies(db, &insert->record, &insert->failed_dependency, &insert->missing);
        if (r != -ENOENT)
                return MIN(r, 0);
        insert->op.answer = -JOB_ERROR_NO_DEPENDENCY;
        return 1;
}

/* Of a batch that was rolled back. */
static void clear_result(Insert *insert) {
        string_list_free(insert->removed);
        insert->removed = NULL;
        insert->n_removed = 0;
        free(insert->largest);
        free(insert->missing);
        free(insert->failed_dependency);
        insert->largest = insert->missing = insert->failed_dependency = NULL;
}

/* The standard input, which may be long, is read only if needed. */
static int insert_if_permitted(Database *db, Insert *insert) {
        int r;

        r = add_dependencies(db, insert); /* on jobs that may be removed to make room */
        if (r == 0)
                r = check_quota(db, insert);
        if (r != 0)
                return MIN(r, 0);
        r = append_stdin(insert);
        if (r < 0) { /* about this request only: it does not fail operations committed with it */
                insert->op.answer = r;
                return 0;
        }
        return insert_new(db, insert);
}

static int execute_insert(Database *db, StoreOp *op) {
        Insert *insert = (Insert *) op;
        uint64_t digest = 0;
        int r;

        clear_result(insert);
        r = find_existing(db, insert, &digest);
        if (r < 0)
                return r;
        if (r == 0) {
                r = insert_if_permitted(db, insert);
                return r < 0 || op->answer >= 0 ? r : database_drop_dependencies(db, insert->record.id);
        }
        r = append_stdin(insert);
        if (r < 0)
                op->answer = r;
        else if (digest != insert->digest)
                op->answer = -JOB_ERROR_KEY_CONFLICT;
        return 0;
}

static void finish_insert(StoreOp *op) {
        Insert *insert = (Insert *) op;
        int r = store_op_result(op);
        StoreInserted inserted = {
                .existing = r < 0 ? NULL : insert->existing,
                .spec_fd = r < 0 ? -EBADF : TAKE_FD(insert->spec_fd),
                .removed = insert->removed,
                .n_removed = op->result < 0 ? 0 : insert->n_removed,
                .largest = insert->largest,
                .missing = insert->missing,
                .failed_dependency = r < 0 ? NULL : insert->failed_dependency,
        };

        op->store->finished -= inserted.n_removed;
        if (inserted.n_removed > 0)
                store_checkpoint_soon(op->store);
        insert->callback(r, &inserted, op->userdata);
}

static void clear_insert(StoreOp *op) {
        Insert *insert = (Insert *) op;

        job_record_clear(&insert->record);
        free(insert->key);
        free(insert->instance);
        free(insert->secret);
        store_free_spec(insert->spec, insert->spec_size);
        closep(&insert->stdin_fd);
        free(insert->existing);
        closep(&insert->spec_fd);
        clear_result(insert);
}

static const StoreOpType insert_type = { "insert", sizeof(Insert), execute_insert, finish_insert, clear_insert };

static int copy_string(const char *s, char **ret) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int store_insert(Store *store, const JobRecord *record, const JobLimits *limits, const StoreInsert *asked,
                 StoreInsertCallback callback, void *userdata) {
        _cleanup_op_ Insert *insert = store_op_new(store, &insert_type, NULL, userdata);
        int r;

        if (!insert) {
                store_free_spec(asked->spec, asked->spec_size);
                return -ENOMEM;
        }
        insert->callback = callback;
        insert->limits = *limits;
        insert->digest = asked->digest;
        insert->refusal = asked->refusal;
        insert->jobs_max = asked->jobs_max;
        insert->bytes_max = asked->bytes_max;
        insert->spec = asked->spec;
        insert->spec_size = asked->spec_size;
        insert->command_size = asked->command_size;
        insert->stdin_size = asked->stdin_size;
        insert->stdin_fd = insert->spec_fd = -EBADF;
        r = copy_string(asked->key, &insert->key);
        if (r >= 0)
                r = copy_string(asked->instance, &insert->instance);
        if (r >= 0)
                r = copy_string(asked->secret, &insert->secret);
        if (r >= 0)
                r = job_record_copy(record, &insert->record);
        if (r < 0)
                return r;
        if (asked->stdin_fd >= 0) {
                insert->stdin_fd = fcntl(asked->stdin_fd, F_DUPFD_CLOEXEC, 3);
                if (insert->stdin_fd < 0)
                        return -errno;
        }
        return store_submit(TAKE_PTR(insert));
}
