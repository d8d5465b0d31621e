/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <systemd/sd-journal.h>

#include "failpoint.h"
#include "log-failure.h"
#include "store-internal.h"
#include "time-util.h"

/* Erased data is gone from the disk after this time, at most twice of it. */
#define CHECKPOINT_USEC (2 * USEC_PER_SEC)

/* --- the thread ------------------------------------------------------------------------------------ */

/* Possibly for the second time. */
static int execute_again(Database *db, StoreOp *op) {
        op->answer = 0;
        return op->type->execute(db, op);
}

static int run_one(Database *db, StoreOp *op) {
        int r;

        r = database_begin(db);
        if (r < 0)
                return r;
        r = execute_again(db, op);
        failpoint2(op->type->name, "before-commit");
        if (r >= 0)
                r = database_commit(db);
        failpoint2(op->type->name, "after-commit");
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
                failpoint2(op->type->name, "before-commit");
        }
        if (database_commit(db) < 0)
                goto rollback;
        TAILQ_FOREACH(base, batch, entry)
                failpoint2(((StoreOp *) base)->type->name, "after-commit");
        return true;
rollback:
        database_rollback(db);
        return false;
}

/* A database found corrupt is moved aside by the next start; this one exits in finish(). */
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

/* --- wiping erased data ---------------------------------------------------------------------------- */

static int execute_checkpoint(Database *db, StoreOp *op) {
        return 0;
}

/* If that fails, for example on a full disk, the log stays, and it is retried. */
static void finish_checkpoint(StoreOp *op) {
        if (op->answer < 0)
                store_checkpoint_soon(op->store);
}

static const StoreOpType checkpoint_type = { "checkpoint", sizeof(StoreOp), execute_checkpoint, finish_checkpoint, NULL };

static int on_checkpoint_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Store *store = userdata;
        StoreOp *op;

        store->checkpoint_timer = sd_event_source_disable_unref(store->checkpoint_timer);
        op = store_op_new(store, &checkpoint_type, NULL, NULL);
        if (!op) {
                store_checkpoint_soon(store);
                return 0;
        }
        op->checkpoint = true;
        return store_submit(op);
}

void store_checkpoint_soon(Store *store) {
        if (store->checkpoint_timer)
                return;
        (void) sd_event_add_time_relative(store->event, &store->checkpoint_timer, CLOCK_MONOTONIC, CHECKPOINT_USEC,
                                          CHECKPOINT_USEC, on_checkpoint_timer, store);
}

/* --- life cycle ------------------------------------------------------------------------------------ */

static void log_salvaged(const char *path, const Salvaged *salvaged, unsigned deleted) {
        char others[128] = "";

        if (salvaged->left_out > 0)
                (void) snprintf(others, sizeof(others), ", %" PRIu64 " could not be recovered", salvaged->left_out);
        sd_journal_print(LOG_CRIT, "Corrupt database moved to %s: %" PRIu64 " jobs recovered%s. Check the disk.", path,
                         salvaged->recovered, others);
        if (deleted > 0)
                sd_journal_print(LOG_NOTICE, "Deleted the oldest %u of the corrupt databases that were moved aside.", deleted);
}

/* Until the recovered records are written completely, it stays flagged, and the next start repeats the recovery. */
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

/* Triggers count the jobs of each user. */
STATEMENT(count, "SELECT (SELECT coalesce(sum(jobs), 0) FROM users) - (SELECT count(*) FROM jobs WHERE sequence IS NULL), "
                 "(SELECT value FROM counters WHERE name = 'sequence')");

static int count_finished(Store *store) {
        return statement_one(store->db, &count, ">tt", &store->finished, &store->last_sequence);
}

static int open_and_count(Store *store) {
        int r;

        r = database_open(&store->db, store->directory);
        return r < 0 ? r : count_finished(store);
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
                        r = count_finished(store);
        }
        if (r < 0) {
                log_failure("Failed to open database in %s: %s", directory, database_explain(r));
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

uint64_t store_finished(const Store *store) {
        return store->finished;
}

uint64_t store_last_sequence(const Store *store) {
        return store->last_sequence;
}
