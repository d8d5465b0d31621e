/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>

#include "memfd.h"
#include "spec-format.h"
#include "store-internal.h"
#include "string-list.h"

#define EXPIRE_MAX 500 /* jobs in one operation, so that a commit does not wait long for it */

/* --- specs ---------------------------------------------------------------------------------------- */

static int write_memfd(const void *data, size_t size, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        int *ret = userdata;

        if (size < sizeof(SpecHeader))
                return -EBADMSG;
        fd = memfd_new("codex-job-spec", data, size);
        if (fd < 0)
                return fd;
        if (*ret >= 0) /* from the batch that was rolled back */
                (void) close(*ret);
        *ret = TAKE_FD(fd);
        return 0;
}

/* --- insert ---------------------------------------------------------------------------------------- */

/* realloc() would leave a copy of the environment behind. */
static int enlarge_spec(StoreOp *op, size_t size) {
        void *bigger = malloc(MAX(size, 1U));

        if (!bigger)
                return -ENOMEM;
        memcpy(bigger, op->spec, op->spec_size);
        store_free_spec(op->spec, op->spec_size);
        op->spec = bigger;
        return 0;
}

static int append_stdin(StoreOp *op) {
        size_t size = op->spec_size + op->stdin_size;
        char *end;
        int r;

        if (op->stdin_fd < 0)
                return 0;
        r = enlarge_spec(op, size);
        if (r < 0)
                return r;
        end = (char *) op->spec + op->spec_size;
        for (size_t done = 0; done < op->stdin_size;) {
                ssize_t n = pread(op->stdin_fd, end + done, op->stdin_size - done, (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -EPIPE; /* it has shrunk under us */
                done += n > 0 ? (size_t) n : 0;
        }
        if (op->key)
                op->digest = spec_digest_more(op->digest, end, op->stdin_size);
        op->spec_size = size;
        (void) close(TAKE_FD(op->stdin_fd));
        return 0;
}

/* Whether the key stands for a job, and the digest of what that was asked for. */
static int find_existing(Database *db, StoreOp *op, uint64_t *ret_digest) {
        int r;

        free(op->existing);
        op->existing = NULL;
        if (!op->key)
                return 0;
        r = database_find_key(db, op->record.uid, op->key, &op->existing, ret_digest);
        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* Returns 1 and an answer for a user who has too much, or for whom there is no room in the queue. */
static int check_quota(Database *db, StoreOp *op) {
        uint64_t jobs, bytes;
        int r;

        op->answer = op->refusal;
        if (op->refusal < 0)
                return 1;
        r = database_count_user(db, op->record.uid, &jobs, &bytes);
        if (r < 0)
                return r;
        if ((op->jobs_max == 0 || jobs < op->jobs_max) && (op->bytes_max == 0 || bytes < op->bytes_max))
                return 0;
        op->answer = -EDQUOT;
        return 1;
}

static int insert(Database *db, StoreOp *op) {
        int r;

        r = database_insert(db, &op->record, &op->limits, op->spec, op->spec_size, op->command_size);
        if (r >= 0 && op->key)
                r = database_set_key(db, op->record.id, op->key, op->digest);
        if (r >= 0 && op->instance)
                r = database_mark_begun(db, op->record.id, op->instance, op->secret);
        if (r >= 0 && op->instance)
                r = write_memfd(op->spec, op->spec_size, &op->spec_fd);
        return r;
}

/* The standard input, which may be long, is read only where it is needed. */
static int execute_insert(Database *db, StoreOp *op) {
        uint64_t digest = 0;
        bool exists;
        int r;

        r = find_existing(db, op, &digest);
        if (r < 0)
                return r;
        exists = r > 0;
        if (!exists) {
                r = check_quota(db, op);
                if (r != 0)
                        return MIN(r, 0);
        }
        r = append_stdin(op);
        if (r < 0) { /* of this request alone: no failure of what is committed with it */
                op->answer = r;
                return 0;
        }
        if (!exists)
                return insert(db, op);
        if (digest != op->digest)
                op->answer = -EKEYREJECTED;
        return 0;
}

static void finish_insert(StoreOp *op) {
        int r = op->result < 0 ? op->result : op->answer;

        op->callback.insert(r, r < 0 ? NULL : op->existing, r < 0 ? -EBADF : TAKE_FD(op->spec_fd), op->userdata);
}

int store_insert(Store *store, const JobRecord *record, const JobLimits *limits, const StoreInsert *insert,
                 StoreInsertCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "insert", NULL, execute_insert, finish_insert, userdata);
        if (r < 0) {
                store_free_spec(insert->spec, insert->spec_size);
                return r;
        }
        op->spec = insert->spec;
        op->spec_size = insert->spec_size;
        op->command_size = insert->command_size;
        op->callback.insert = callback;
        op->limits = *limits;
        op->digest = insert->digest;
        op->refusal = insert->refusal;
        op->jobs_max = insert->jobs_max;
        op->bytes_max = insert->bytes_max;
        r = store_copy_string(insert->key, &op->key);
        if (r >= 0)
                r = store_copy_string(insert->instance, &op->instance);
        if (r >= 0)
                r = store_copy_string(insert->secret, &op->secret);
        if (r >= 0)
                r = job_record_copy(record, &op->record);
        if (r < 0)
                return r;
        if (insert->stdin_fd >= 0) {
                op->stdin_size = insert->stdin_size;
                op->stdin_fd = fcntl(insert->stdin_fd, F_DUPFD_CLOEXEC, 3);
                if (op->stdin_fd < 0)
                        return -errno;
        }
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- begin, started, stop -------------------------------------------------------------------------- */

static int execute_begin(Database *db, StoreOp *op) {
        int r;

        r = database_mark_begun(db, op->record.id, op->instance, op->secret);
        if (r < 0)
                return r;
        return database_read_spec(db, op->record.id, write_memfd, &op->spec_fd);
}

static void finish_begin(StoreOp *op) {
        if (op->callback.spec)
                op->callback.spec(op->result, op->result < 0 ? -EBADF : TAKE_FD(op->spec_fd), op->userdata);
}

int store_begin(Store *store, const char *id, const char *instance, const char *secret, StoreSpecCallback callback,
                void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "begin", id, execute_begin, finish_begin, userdata);
        if (r < 0)
                return r;
        op->callback.spec = callback;
        r = store_copy_string(instance, &op->instance);
        if (r >= 0)
                r = store_copy_string(secret, &op->secret);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

static int execute_started(Database *db, StoreOp *op) {
        return database_mark_started(db, op->record.id, op->record.started_usec);
}

int store_started(Store *store, const char *id, uint64_t started_usec) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "started", id, execute_started, store_finish_plain, NULL);
        if (r < 0)
                return r;
        op->record.started_usec = started_usec;
        store_submit(store, op);
        return 0;
}

static int execute_stop(Database *db, StoreOp *op) {
        return database_mark_stopped(db, op->record.id, op->record.reason, op->record.stopped_by);
}

int store_stop(Store *store, const char *id, JobReason reason, uint32_t uid, StoreCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "stop", id, execute_stop, store_finish_plain, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        op->record.reason = reason;
        op->record.stopped_by = uid;
        store_submit(store, op);
        return 0;
}

/* --- finish ---------------------------------------------------------------------------------------- */

static int execute_finish(Database *db, StoreOp *op) {
        return database_finish(db, &op->record, &op->outcome, op->keep_input, &op->sequence);
}

static void finish_finish(StoreOp *op) {
        if (op->result >= 0) {
                op->store->finished++;
                op->store->last_sequence = op->sequence;
                store_checkpoint_soon(op->store);
        }
        op->callback.finish(op->result, op->sequence, op->userdata);
}

int store_finish(Store *store, const JobRecord *record, const JobOutcome *outcome, bool keep_input,
                 StoreFinishCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "finish", NULL, execute_finish, finish_finish, userdata);
        if (r < 0)
                return r;
        op->callback.finish = callback;
        op->outcome = *outcome;
        op->keep_input = keep_input;
        r = job_record_copy(record, &op->record);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- remove ---------------------------------------------------------------------------------------- */

static int execute_remove(Database *db, StoreOp *op) {
        int r = 0;

        for (char **id = op->ids; *id && r >= 0; id++)
                r = database_remove(db, *id);
        return r;
}

static void finish_remove(StoreOp *op) {
        for (char **id = op->ids; *id && op->result >= 0; id++)
                op->store->finished--;
        if (op->result >= 0)
                store_checkpoint_soon(op->store);
        store_finish_plain(op);
}

int store_remove(Store *store, char *const *ids, size_t n, StoreCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "remove", NULL, execute_remove, finish_remove, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        r = string_list_copy(ids, n, &op->ids);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

static int execute_forget(Database *db, StoreOp *op) {
        return database_forget(db, op->record.id);
}

int store_forget(Store *store, const char *id) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "forget", id, execute_forget, store_finish_plain, NULL);
        if (r < 0)
                return r;
        store_submit(store, op);
        return 0;
}

/* --- retention ------------------------------------------------------------------------------------- */

static int execute_expire(Database *db, StoreOp *op) {
        StoreExpire *e = &op->expire;
        int r = 0;

        for (char **id = op->ids; *id; id++) { /* of a batch that was rolled back */
                free(*id);
                *id = NULL;
        }
        e->n = 0;
        e->walk = e->from;
        if (e->before_usec > 0)
                r = database_expire_old(db, e->before_usec, EXPIRE_MAX, op->ids, &e->n);
        if (r >= 0 && e->bytes_max > 0 && e->n < EXPIRE_MAX)
                r = database_expire_large(db, e->bytes_max, &e->walk, EXPIRE_MAX, op->ids, &e->n);
        return r;
}

/* The next one goes on where this one has stopped; once all is done, it begins again. */
static void finish_expire(StoreOp *op) {
        size_t n = op->result < 0 ? 0 : op->expire.n;

        op->store->expire_walk = n == EXPIRE_MAX ? op->expire.walk : (ExpireWalk) {};
        op->store->finished -= n;
        if (n > 0) /* their commands, and what KeepInput= kept */
                store_checkpoint_soon(op->store);
        op->callback.expire(op->result, op->ids, n, op->userdata);
}

int store_expire(Store *store, uint64_t before_usec, uint64_t bytes_max, StoreExpireCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "expire", NULL, execute_expire, finish_expire, userdata);
        if (r < 0)
                return r;
        op->callback.expire = callback;
        op->expire = (StoreExpire) { .before_usec = before_usec, .bytes_max = bytes_max, .from = store->expire_walk };
        op->ids = calloc(EXPIRE_MAX + 1, sizeof(char *));
        if (!op->ids)
                return -ENOMEM;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- pause ----------------------------------------------------------------------------------------- */

static int execute_pause(Database *db, StoreOp *op) {
        return database_set_paused(db, op->record.uid, op->paused);
}

int store_set_paused(Store *store, uint32_t uid, bool paused, StoreCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "pause", NULL, execute_pause, store_finish_plain, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        op->record.uid = uid;
        op->paused = paused;
        store_submit(store, op);
        return 0;
}
