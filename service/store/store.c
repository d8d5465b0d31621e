/* SPDX-License-Identifier: Apache-2.0 */

#include <systemd/sd-journal.h>

#include "failpoint.h"
#include "store-internal.h"
#include "string-list.h"
#include "time-util.h"

/* What is erased is gone from the disk as long after, or up to twice as long. */
#define CHECKPOINT_USEC (2 * USEC_PER_SEC)

/* --- operations ------------------------------------------------------------------------------------ */

void store_records_free(JobRecord *records, size_t n) {
        for (size_t i = 0; i < n; i++)
                job_record_clear(&records[i]);
        free(records);
}

void store_filter_clear(StoreFilter *filter) {
        free(filter->kind);
        free(filter->workspace);
        free(filter->session);
        free(filter->before);
        *filter = (StoreFilter) {};
}

void store_free_spec(void *spec, size_t size) {
        if (spec)
                explicit_bzero(spec, size);
        free(spec);
}

StoreOp *store_op_free(StoreOp *op) {
        if (!op)
                return NULL;

        job_record_clear(&op->record);
        free(op->instance);
        free(op->secret);
        free(op->consumer);
        string_list_free(op->ids);
        free(op->key);
        free(op->existing);
        store_free_spec(op->spec, op->spec_size);
        closep(&op->stdin_fd);
        closep(&op->spec_fd);
        store_records_free(op->lookup.records, op->lookup.n_records);
        free(op->lookup.candidates);
        string_list_free(op->lookup.ids);
        store_filter_clear(&op->filter);
        store_records_free(op->records, op->n_records);
        stored_job_clear(&op->stored);
        free(op);
        return NULL;
}

static void store_op_complete(BackgroundOp *base) {
        _cleanup_(store_op_freep) StoreOp *op = (StoreOp *) base;

        if (op->result == -EBADMSG && !op->store->is_damaged) {
                op->store->is_damaged = true;
                sd_journal_print(LOG_CRIT, "Database in %s is corrupt, restarting to move it aside.", op->store->directory);
                (void) sd_event_exit(op->store->event, -EBADMSG);
        }
        op->finish(op);
}

int store_op_new(StoreOp **ret, Store *store, const char *name, const char *id, int (*execute)(Database *, StoreOp *),
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
        op->record = op->stored.record = JOB_RECORD_INIT;
        if (id) {
                op->record.id = strdup(id);
                if (!op->record.id)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(op);
        return 0;
}

void store_submit(Store *store, StoreOp *op) {
        background_submit(store->thread, &op->base);
}

void store_finish_plain(StoreOp *op) {
        if (op->callback.plain)
                op->callback.plain(op->result, op->userdata);
}

int store_copy_string(const char *s, char **ret) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
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

        if (!run_together(db, batch)) {
                TAILQ_FOREACH(base, batch, entry)
                        ((StoreOp *) base)->result = run_one(db, (StoreOp *) base);
                look_for_damage(store, batch);
        }
        TAILQ_FOREACH(base, batch, entry)
                if (((StoreOp *) base)->checkpoint)
                        ((StoreOp *) base)->answer = database_checkpoint(db);
}

/* --- what was erased ------------------------------------------------------------------------------- */

static int execute_checkpoint(Database *db, StoreOp *op) {
        return 0;
}

/* On a full disk, for example, the log stays: it is tried again. */
static void finish_checkpoint(StoreOp *op) {
        if (op->answer < 0)
                store_checkpoint_soon(op->store);
}

static int on_checkpoint_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Store *store = userdata;
        StoreOp *op;

        store->checkpoint_timer = sd_event_source_disable_unref(store->checkpoint_timer);
        if (store_op_new(&op, store, "checkpoint", NULL, execute_checkpoint, finish_checkpoint, NULL) < 0) {
                store_checkpoint_soon(store);
                return 0;
        }
        op->checkpoint = true;
        store_submit(store, op);
        return 0;
}

void store_checkpoint_soon(Store *store) {
        if (store->checkpoint_timer)
                return;
        (void) sd_event_add_time_relative(store->event, &store->checkpoint_timer, CLOCK_MONOTONIC, CHECKPOINT_USEC,
                                          CHECKPOINT_USEC, on_checkpoint_timer, store);
}

/* --- life ------------------------------------------------------------------------------------------ */

static void log_salvaged(const char *path, const Salvaged *salvaged, unsigned deleted) {
        char others[128] = "";

        if (salvaged->left_out > 0)
                (void) snprintf(others, sizeof(others), ", %" PRIu64 " could not be recovered", salvaged->left_out);
        sd_journal_print(LOG_CRIT, "Corrupt database moved to %s: %" PRIu64 " jobs recovered%s. Check the disk.", path,
                         salvaged->taken_over, others);
        if (deleted > 0)
                sd_journal_print(LOG_NOTICE, "Deleted the oldest %u of the corrupt databases that were moved aside.", deleted);
}

/* As long as what was read could not be written in full, it stays flagged, and the next start does it again. */
static int replace_damaged(Database **ret, const char *directory) {
        _cleanup_(database_closep) Database *db = NULL;
        _cleanup_free_ char *path = NULL;
        Salvaged salvaged = {};
        int r;

        r = database_set_aside(directory, &path);
        if (r >= 0)
                r = database_open_new(&db, directory);
        if (r >= 0)
                r = database_salvage(db, path, &salvaged);
        if (r >= 0)
                r = database_salvaged(directory);
        if (r < 0) {
                sd_journal_print(LOG_CRIT, "Failed to recover jobs from the corrupt database, keeping it for the next start: %s",
                                 database_explain(r));
                return r;
        }
        log_salvaged(path, &salvaged, database_delete_old_aside(directory));
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
                sd_journal_print(LOG_ERR, "Failed to open database in %s: %s", directory, database_explain(r));
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
        (void) sd_event_source_disable_unref(store->checkpoint_timer);
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

int store_load_paused(Store *store, int (*found)(uint32_t uid, void *userdata), void *userdata) {
        return database_load_paused(store->db, found, userdata);
}

uint64_t store_finished(const Store *store) {
        return store->finished;
}

uint64_t store_last_sequence(const Store *store) {
        return store->last_sequence;
}
