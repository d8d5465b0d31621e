/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <sys/mman.h>
#include <systemd/sd-journal.h>

#include "background.h"
#include "database.h"
#include "failpoint.h"
#include "spec-format.h"
#include "store.h"

struct Store {
        char *directory;
        sd_event *event;
        Database *db; /* of the thread, once it runs */
        Background *thread;
        uint64_t finished;
        uint64_t last_sequence;
};

typedef struct StoreOp StoreOp;

/* One operation. execute runs on the thread and may run twice: a batch that fails is done again one by
 * one. finish runs on the loop and calls the caller back. */
struct StoreOp {
        BackgroundOp base; /* first */
        Store *store;
        const char *name; /* for failpoints */
        int (*execute)(Database *db, StoreOp *op);
        void (*finish)(StoreOp *op);
        int result;  /* of the transaction */
        int answer;  /* of a look-up: that something is not there does not fail the batch */
        void *userdata;
        union {
                StoreCallback plain;
                StoreInsertCallback insert;
                StoreExpireCallback expire;
                StoreSpecCallback spec;
                StoreFinishCallback finish;
                StoreLookupCallback lookup;
                StoreListCallback list;
                StoreStateCallback state;
        } callback;

        JobRecord record; /* what to write; owned */
        JobLimits limits;
        JobOutcome outcome;
        char *instance; /* or the name of a consumer */
        char *key;
        uint64_t digest;
        char *existing;
        uint64_t jobs_max;
        uint64_t bytes_max;
        void *spec;
        size_t spec_size;
        int stdin_fd; /* to append to the spec */
        int spec_fd;  /* the memfd that it is handed out in */
        uint64_t stdin_size;
        uint64_t sequence;
        StoreLookup lookup;
        StoreFilter filter;
        size_t n_expired;
        JobRecord *records; /* what was read; owned */
        size_t n_records;
};

/* --- operations ------------------------------------------------------------------------------------ */

static void records_free(JobRecord *records, size_t n) {
        for (size_t i = 0; i < n; i++)
                job_record_clear(&records[i]);
        free(records);
}

static void strings_free(char **strings) {
        for (char **s = strings; s && *s; s++)
                free(*s);
        free(strings);
}

void store_filter_clear(StoreFilter *filter) {
        free(filter->kind);
        free(filter->workspace);
        free(filter->session);
        free(filter->before);
        *filter = (StoreFilter) {};
}

static StoreOp *store_op_free(StoreOp *op) {
        if (!op)
                return NULL;

        job_record_clear(&op->record);
        free(op->instance);
        free(op->key);
        free(op->existing);
        if (op->spec) {
                explicit_bzero(op->spec, op->spec_size);
                free(op->spec);
        }
        closep(&op->stdin_fd);
        closep(&op->spec_fd);
        records_free(op->lookup.records, op->lookup.n_records);
        free(op->lookup.candidates);
        strings_free(op->lookup.ids);
        store_filter_clear(&op->filter);
        records_free(op->records, op->n_records);
        free(op);
        return NULL;
}
DEFINE_CLEANUP(StoreOp *, store_op_free);

static void store_op_complete(BackgroundOp *base) {
        _cleanup_(store_op_freep) StoreOp *op = (StoreOp *) base;

        if (op->result == -EBADMSG) {
                sd_journal_print(LOG_CRIT, "The store in %s is damaged. Starting anew to set it aside.", op->store->directory);
                (void) sd_event_exit(op->store->event, -EBADMSG);
        }
        op->finish(op);
}

static int store_op_new(StoreOp **ret, Store *store, const char *name, const char *id, int (*execute)(Database *, StoreOp *),
                        void (*finish)(StoreOp *), void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;

        op = calloc(1, sizeof(*op));
        if (!op)
                return -ENOMEM;
        op->base.complete = store_op_complete;
        op->store = store;
        op->name = name;
        op->execute = execute;
        op->finish = finish;
        op->userdata = userdata;
        op->stdin_fd = op->spec_fd = -EBADF;
        op->record = JOB_RECORD_INIT;
        if (id) {
                op->record.id = strdup(id);
                if (!op->record.id)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(op);
        return 0;
}

static void store_submit(Store *store, StoreOp *op) {
        background_submit(store->thread, &op->base);
}

static void finish_plain(StoreOp *op) {
        if (op->callback.plain)
                op->callback.plain(op->result, op->userdata);
}

/* --- the thread ------------------------------------------------------------------------------------ */

/* Perhaps for the second time. */
static int execute_again(Database *db, StoreOp *op) {
        op->answer = 0;
        return op->execute(db, op);
}

static int run_one(Database *db, StoreOp *op) {
        int r;

        r = database_begin(db);
        if (r < 0)
                return r;
        r = execute_again(db, op);
        failpoint2(op->name, "before-commit");
        if (r >= 0)
                r = database_commit(db);
        failpoint2(op->name, "after-commit");
        if (r < 0)
                database_rollback(db);
        return r;
}

static bool run_together(Database *db, BackgroundBatch *batch) {
        BackgroundOp *base;

        if (database_begin(db) < 0)
                return false;
        TAILQ_FOREACH(base, batch, entry) {
                StoreOp *op = (StoreOp *) base;

                op->result = execute_again(db, op);
                if (op->result < 0)
                        goto rollback;
                failpoint2(op->name, "before-commit");
        }
        if (database_commit(db) < 0)
                goto rollback;
        TAILQ_FOREACH(base, batch, entry)
                failpoint2(((StoreOp *) base)->name, "after-commit");
        return true;
rollback:
        database_rollback(db);
        return false;
}

/* A store that turns out to be damaged is set aside by the next start; this one ends in finish(). */
static void look_for_damage(Store *store, const BackgroundBatch *batch) {
        BackgroundOp *base;

        TAILQ_FOREACH(base, batch, entry)
                if (((StoreOp *) base)->result == -EBADMSG)
                        database_flag_damaged(store->directory);
}

static void store_run(BackgroundBatch *batch, void *userdata) {
        Store *store = userdata;
        Database *db = store->db;
        BackgroundOp *base;

        if (run_together(db, batch))
                return;
        TAILQ_FOREACH(base, batch, entry)
                ((StoreOp *) base)->result = run_one(db, (StoreOp *) base);
        look_for_damage(store, batch);
}

/* --- life ------------------------------------------------------------------------------------------ */

static int replace_damaged(Database **ret, const char *directory) {
        _cleanup_(database_closep) Database *db = NULL;
        _cleanup_free_ char *path = NULL;
        uint64_t saved = 0;
        int r, salvaged;

        r = database_set_aside(directory, &path);
        if (r >= 0)
                r = database_open_new(&db, directory);
        if (r < 0)
                return r;
        salvaged = database_salvage(db, path, &saved);
        sd_journal_print(LOG_CRIT, "The store was damaged. It is kept as %s; %" PRIu64 " jobs could be read and taken over%s%s. "
                         "Look at the disk.", path, saved, salvaged < 0 ? "; " : "", salvaged < 0 ? database_explain(salvaged) : "");
        r = database_salvaged(directory);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(db);
        return 0;
}

static int open_and_count(Store *store) {
        int r;

        r = database_open(&store->db, store->directory);
        return r < 0 ? r : database_count(store->db, &store->finished, &store->last_sequence);
}

int store_new(Store **ret, sd_event *event, const char *directory) {
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;
        store->event = sd_event_ref(event);
        store->directory = strdup(directory);
        if (!store->directory)
                return -ENOMEM;
        r = open_and_count(store);
        if (r == -EBADMSG) {
                store->db = database_close(store->db);
                r = replace_damaged(&store->db, directory);
                if (r >= 0)
                        r = database_count(store->db, &store->finished, &store->last_sequence);
        }
        if (r < 0) {
                sd_journal_print(LOG_ERR, "Cannot open the store in %s: %s.", directory, database_explain(r));
                return r;
        }
        r = background_new(&store->thread, event, "codex-jobs-db", store_run, store);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(store);
        return 0;
}

Store *store_free(Store *store) {
        if (!store)
                return NULL;

        (void) background_free(store->thread);
        (void) database_close(store->db);
        (void) sd_event_unref(store->event);
        free(store->directory);
        free(store);
        return NULL;
}

/* The thread sleeps as long as nothing was submitted. */
int store_load_live(Store *store, int (*found)(StoredJob *stored, void *userdata), void *userdata) {
        int r;

        r = database_load_live(store->db, found, userdata);
        if (r == -EBADMSG) /* the next start sets it aside */
                database_flag_damaged(store->directory);
        return r;
}

int store_load_discarded(Store *store, int (*found)(const char *id, void *userdata), void *userdata) {
        return database_load_discarded(store->db, found, userdata);
}

static int execute_forget(Database *db, StoreOp *op) {
        return database_forget(db, op->record.id);
}

int store_forget(Store *store, const char *id) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "forget", id, execute_forget, finish_plain, NULL);
        if (r < 0)
                return r;
        store_submit(store, op);
        return 0;
}

uint64_t store_finished(const Store *store) {
        return store->finished;
}

uint64_t store_last_sequence(const Store *store) {
        return store->last_sequence;
}

/* --- specs ---------------------------------------------------------------------------------------- */

static int write_memfd(const void *data, size_t size, void *userdata) {
        _cleanup_close_ int fd = -EBADF;
        int *ret = userdata;

        if (size < sizeof(SpecHeader))
                return -EBADMSG;
        fd = memfd_create("codex-job-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, (const char *) data + done, size - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        if (*ret >= 0) /* from the batch that was rolled back */
                (void) close(*ret);
        *ret = TAKE_FD(fd);
        return 0;
}

/* --- insert ---------------------------------------------------------------------------------------- */

static int append_stdin(StoreOp *op) {
        size_t size = op->spec_size + op->stdin_size;
        char *bigger;

        if (op->stdin_fd < 0)
                return 0;
        bigger = realloc(op->spec, size);
        if (!bigger)
                return -ENOMEM;
        op->spec = bigger;
        for (size_t done = 0; done < op->stdin_size;) {
                ssize_t n = pread(op->stdin_fd, bigger + op->spec_size + done, op->stdin_size - done, (off_t) done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -EPIPE; /* it has shrunk under us */
                done += n > 0 ? (size_t) n : 0;
        }
        op->digest = spec_digest_more(op->digest, bigger + op->spec_size, op->stdin_size);
        op->spec_size = size;
        (void) close(TAKE_FD(op->stdin_fd));
        return 0;
}

/* Under a key that is known the request is answered with the job that it made before. */
static int find_existing(Database *db, StoreOp *op) {
        uint64_t digest;
        int r;

        free(op->existing);
        op->existing = NULL;
        r = database_find_key(db, op->record.uid, op->key, &op->existing, &digest);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (digest != op->digest)
                op->answer = -EKEYREJECTED;
        return 1;
}

/* Returns 1 and an answer for a user who has too much. */
static int check_quota(Database *db, StoreOp *op) {
        uint64_t jobs, bytes;
        int r;

        r = database_count_user(db, op->record.uid, &jobs, &bytes);
        if (r < 0)
                return r;
        if ((op->jobs_max == 0 || jobs < op->jobs_max) && (op->bytes_max == 0 || bytes < op->bytes_max))
                return 0;
        op->answer = -EDQUOT;
        return 1;
}

static int execute_insert(Database *db, StoreOp *op) {
        int r;

        r = append_stdin(op);
        if (r < 0)
                return r;
        if (op->key) {
                r = find_existing(db, op);
                if (r != 0)
                        return r;
        }
        r = check_quota(db, op);
        if (r != 0)
                return r;
        r = database_insert(db, &op->record, &op->limits, op->spec, op->spec_size);
        if (r >= 0 && op->key)
                r = database_set_key(db, op->record.id, op->key, op->digest);
        if (r >= 0 && op->instance)
                r = database_mark_begun(db, op->record.id, op->instance);
        if (r >= 0 && op->instance)
                r = write_memfd(op->spec, op->spec_size, &op->spec_fd);
        return r;
}

static void finish_insert(StoreOp *op) {
        int r = op->result < 0 ? op->result : op->answer;

        op->callback.insert(r, r < 0 ? NULL : op->existing, r < 0 ? -EBADF : TAKE_FD(op->spec_fd), op->userdata);
}

static int copy_string(const char *s, char **ret) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

int store_insert(Store *store, const Job *job, const StoreInsert *insert, StoreInsertCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "insert", NULL, execute_insert, finish_insert, userdata);
        if (r < 0) {
                free(insert->spec);
                return r;
        }
        op->spec = insert->spec;
        op->spec_size = insert->spec_size;
        op->callback.insert = callback;
        op->limits = job->limits;
        op->digest = insert->digest;
        op->jobs_max = insert->jobs_max;
        op->bytes_max = insert->bytes_max;
        r = copy_string(insert->key, &op->key);
        if (r >= 0)
                r = copy_string(insert->instance, &op->instance);
        if (r >= 0)
                r = job_record_copy(&job->record, &op->record);
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

        r = database_mark_begun(db, op->record.id, op->instance);
        if (r < 0)
                return r;
        return database_read_spec(db, op->record.id, write_memfd, &op->spec_fd);
}

static void finish_begin(StoreOp *op) {
        op->callback.spec(op->result, op->result < 0 ? -EBADF : TAKE_FD(op->spec_fd), op->userdata);
}

int store_begin(Store *store, const char *id, const char *instance, StoreSpecCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "begin", id, execute_begin, finish_begin, userdata);
        if (r < 0)
                return r;
        op->callback.spec = callback;
        r = copy_string(instance, &op->instance);
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

        r = store_op_new(&op, store, "started", id, execute_started, finish_plain, NULL);
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

        r = store_op_new(&op, store, "stop", id, execute_stop, finish_plain, userdata);
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
        return database_finish(db, &op->record, &op->outcome, &op->sequence);
}

static void finish_finish(StoreOp *op) {
        if (op->result >= 0) {
                op->store->finished++;
                op->store->last_sequence = op->sequence;
        }
        op->callback.finish(op->result, op->sequence, op->userdata);
}

int store_finish(Store *store, const Job *job, StoreFinishCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "finish", NULL, execute_finish, finish_finish, userdata);
        if (r < 0)
                return r;
        op->callback.finish = callback;
        op->outcome = job->outcome;
        r = job_record_copy(&job->record, &op->record);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- reading --------------------------------------------------------------------------------------- */

static int execute_lookup(Database *db, StoreOp *op) {
        StoreLookup *l = &op->lookup;

        l->missing = NULL;
        records_free(l->records, l->n_records);
        l->n_records = 0;
        l->records = NULL;
        for (size_t n = 0; l->ids[n]; n++) {
                JobRecord *bigger = reallocarray(l->records, n + 1, sizeof(JobRecord));
                int r;

                if (!bigger)
                        return -ENOMEM;
                l->records = bigger;
                r = database_find(db, l->ids[n], l->uid, &l->records[n], &l->candidates);
                if (r == -ENOENT || r == -EMLINK) {
                        l->missing = l->ids[n];
                        op->answer = r;
                        return 0;
                }
                if (r < 0)
                        return r;
                l->n_records++;
        }
        return 0;
}

static void finish_lookup(StoreOp *op) {
        op->callback.lookup(op->result < 0 ? op->result : op->answer, &op->lookup, op->userdata);
}

static int copy_strings(char *const *strings, size_t n, char ***ret) {
        char **copy;
        int r;

        copy = calloc(n + 1, sizeof(char *));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = copy_string(strings[i], &copy[i]);
                if (r < 0) {
                        strings_free(copy);
                        return r;
                }
        }
        *ret = copy;
        return 0;
}

int store_lookup(Store *store, char *const *ids, size_t n, uint32_t uid, StoreLookupCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "lookup", NULL, execute_lookup, finish_lookup, userdata);
        if (r < 0)
                return r;
        op->callback.lookup = callback;
        op->lookup.uid = uid;
        r = copy_strings(ids, n, &op->lookup.ids);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

static int execute_list(Database *db, StoreOp *op) {
        records_free(op->records, op->n_records);
        op->records = NULL;
        op->n_records = 0;
        return database_list(db, &op->filter, &op->records, &op->n_records);
}

static void finish_list(StoreOp *op) {
        op->callback.list(op->result, op->records, op->n_records, op->userdata);
}

int store_list(Store *store, StoreFilter *filter, StoreListCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "list", NULL, execute_list, finish_list, userdata);
        if (r < 0) {
                store_filter_clear(filter);
                return r;
        }
        op->callback.list = callback;
        op->filter = *filter;
        *filter = (StoreFilter) {};
        store_submit(store, op);
        return 0;
}

/* --- inbox and retention --------------------------------------------------------------------------- */

#define EXPIRE_MAX 500 /* jobs in one operation, so that a commit does not wait long for it */

static int execute_inbox(Database *db, StoreOp *op) {
        int r;

        op->filter.after_sequence = 0;
        r = database_read_consumer(db, op->filter.uid, op->instance, &op->filter.after_sequence);
        if (r == -ENOENT)
                r = database_acknowledge(db, op->filter.uid, op->instance, 0);
        return r < 0 ? r : execute_list(db, op);
}

static int new_consumer_op(StoreOp **ret, Store *store, const char *name, uint32_t uid, const char *consumer,
                           int (*execute)(Database *, StoreOp *), void (*finish)(StoreOp *), void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, name, NULL, execute, finish, userdata);
        if (r < 0)
                return r;
        op->filter.uid = uid;
        r = copy_string(consumer, &op->instance);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(op);
        return 0;
}

int store_inbox(Store *store, uint32_t uid, const char *consumer, uint32_t limit, StoreListCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = new_consumer_op(&op, store, "inbox", uid, consumer, execute_inbox, finish_list, userdata);
        if (r < 0)
                return r;
        op->callback.list = callback;
        op->filter.limit = limit;
        store_submit(store, op);
        return 0;
}

static int execute_acknowledge(Database *db, StoreOp *op) {
        return database_acknowledge(db, op->filter.uid, op->instance, op->sequence);
}

int store_acknowledge(Store *store, uint32_t uid, const char *consumer, uint64_t sequence, StoreCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = new_consumer_op(&op, store, "acknowledge", uid, consumer, execute_acknowledge, finish_plain, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        op->sequence = sequence;
        store_submit(store, op);
        return 0;
}

static int execute_expire(Database *db, StoreOp *op) {
        for (char **id = op->lookup.ids; *id; id++) { /* of a batch that was rolled back */
                free(*id);
                *id = NULL;
        }
        return database_expire(db, op->record.finished_usec, op->record.stdout_bytes, EXPIRE_MAX, op->lookup.ids,
                               &op->n_expired);
}

static void finish_expire(StoreOp *op) {
        size_t n = op->result < 0 ? 0 : op->n_expired;

        op->store->finished -= n;
        op->callback.expire(op->result, op->lookup.ids, n, op->userdata);
}

int store_expire(Store *store, uint64_t before_usec, uint64_t bytes_max, StoreExpireCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "expire", NULL, execute_expire, finish_expire, userdata);
        if (r < 0)
                return r;
        op->callback.expire = callback;
        op->record.finished_usec = before_usec;
        op->record.stdout_bytes = bytes_max;
        op->lookup.ids = calloc(EXPIRE_MAX + 1, sizeof(char *));
        if (!op->lookup.ids)
                return -ENOMEM;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- remove ---------------------------------------------------------------------------------------- */

static int execute_remove(Database *db, StoreOp *op) {
        int r = 0;

        for (char **id = op->lookup.ids; *id && r >= 0; id++)
                r = database_remove(db, *id);
        return r;
}

static void finish_remove(StoreOp *op) {
        for (char **id = op->lookup.ids; *id && op->result >= 0; id++)
                op->store->finished--;
        finish_plain(op);
}

int store_remove(Store *store, char *const *ids, size_t n, StoreCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "remove", NULL, execute_remove, finish_remove, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        r = copy_strings(ids, n, &op->lookup.ids);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

static int execute_get_state(Database *db, StoreOp *op) {
        int r;

        r = database_get_state(db, op->record.id, &op->record.state);
        op->answer = r == -ENOENT || r == -ESTALE ? r : 0;
        return op->answer < 0 ? 0 : r;
}

static void finish_get_state(StoreOp *op) {
        op->callback.state(op->result < 0 ? op->result : op->answer, op->record.state, op->userdata);
}

int store_get_state(Store *store, const char *id, StoreStateCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "get-state", id, execute_get_state, finish_get_state, userdata);
        if (r < 0)
                return r;
        op->callback.state = callback;
        store_submit(store, op);
        return 0;
}
