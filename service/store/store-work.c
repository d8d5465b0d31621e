/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Specifications of jobs, and their complete records. */

#include "memfd.h"
#include "spec-format.h"
#include "store-internal.h"

void store_free_spec(void *spec, size_t size) {
        if (spec)
                explicit_bzero(spec, size);
        free(spec);
}

int store_write_memfd(const void *spec, size_t size, void *ret_fd) {
        _cleanup_close_ int fd = -EBADF;
        int *ret = ret_fd;

        if (size < sizeof(SpecHeader))
                return -EBADMSG;
        fd = memfd_new("codex-job-spec", spec, size);
        if (fd < 0)
                return fd;
        closep(ret); /* from the batch that was rolled back */
        *ret = TAKE_FD(fd);
        return 0;
}

STATEMENT(read_spec, "SELECT spec FROM specs WHERE id = ?");

int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata),
                       void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, &read_spec, &s, "s", id);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return write(sqlite3_column_blob(s, 0), (size_t) sqlite3_column_bytes(s, 0), userdata);
}

void stored_job_clear(StoredJob *stored) {
        job_record_clear(&stored->record);
        free(stored->instance);
        free(stored->secret);
        stored->instance = stored->secret = NULL;
}

#define STORED "SELECT " RECORD_COLUMNS LIMIT_COLUMNS "instance, stop_reason, secret FROM jobs "
#define READ_STORED "RLsrs"
#define PLACES_OF(stored)                                                               \
        &(stored)->record, &(stored)->limits, &(stored)->instance, &(stored)->stop_reason, &(stored)->secret

STATEMENT(read_stored, STORED "WHERE id = ?");

int database_read_stored(Database *db, const char *id, StoredJob *ret) {
        return statement_one(db, &read_stored, "s>" READ_STORED, id, PLACES_OF(ret));
}

STATEMENT(load_live, STORED "WHERE sequence IS NULL ORDER BY number");

int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, &load_live, &s, "");
        while (r >= 0 && (r = statement_next(s)) > 0) {
                StoredJob stored = { .record = JOB_RECORD_INIT };

                r = statement_read(s, READ_STORED, PLACES_OF(&stored));
                if (r >= 0)
                        r = found(&stored, userdata);
                stored_job_clear(&stored);
        }
        return r;
}

/* The thread sleeps until something is submitted. */
int store_load_live(Store *store, int (*found)(StoredJob *stored, void *userdata), void *userdata) {
        int r;

        r = database_load_live(store->db, found, userdata);
        if (r == -EBADMSG) /* the next start moves it aside */
                database_flag_damaged(store->directory);
        return r;
}

/* --- read-work ------------------------------------------------------------------------------------- */

typedef struct Work {
        StoreOp op; /* first */
        StoreWorkCallback callback;
        StoredJob stored;
        void *spec;
        size_t spec_size;
} Work;

static int copy_spec(const void *spec, size_t size, void *userdata) {
        Work *work = userdata;

        store_free_spec(work->spec, work->spec_size); /* of the batch that was rolled back */
        work->spec_size = 0;
        work->spec = malloc(MAX(size, 1U));
        if (!work->spec)
                return -ENOMEM;
        memcpy(work->spec, spec, size);
        work->spec_size = size;
        return 0;
}

static int execute_work(Database *db, StoreOp *op) {
        Work *work = (Work *) op;
        int r;

        stored_job_clear(&work->stored);
        r = database_read_stored(db, op->id, &work->stored);
        if (r >= 0)
                r = database_read_spec(db, op->id, copy_spec, work);
        op->answer = r == -ENOENT ? r : 0;
        return op->answer < 0 ? 0 : r;
}

static void finish_work(StoreOp *op) {
        Work *work = (Work *) op;

        work->callback(store_op_result(op), &work->stored, work->spec, work->spec_size, op->userdata);
}

static void clear_work(StoreOp *op) {
        Work *work = (Work *) op;

        stored_job_clear(&work->stored);
        store_free_spec(work->spec, work->spec_size);
}

static const StoreOpType work_type = { "read-work", sizeof(Work), execute_work, finish_work, clear_work };

int store_read_work(Store *store, const char *id, StoreWorkCallback callback, void *userdata) {
        Work *work = store_op_new(store, &work_type, id, userdata);

        if (!work)
                return -ENOMEM;
        work->callback = callback;
        return store_submit(work);
}
