/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Queues that users made, or paused. */

#include "store-internal.h"

typedef struct Change {
        StoreOp op; /* first */
        StoreQueue queue;
} Change;

static Change *change_new(Store *store, const StoreOpType *type, const StoreQueue *queue, StoreCallback callback,
                          void *userdata) {
        Change *change = store_op_new(store, type, NULL, userdata);

        if (!change)
                return NULL;
        change->op.callback = callback;
        change->queue = *queue;
        return change;
}

/* --- make, remove ---------------------------------------------------------------------------------- */

STATEMENT(make_queue, "INSERT INTO queues VALUES (?, ?, 1, ?, 0) "
                      "ON CONFLICT DO UPDATE SET paused = paused AND (made OR name = 'default'), made = 1, "
                      "max_running = excluded.max_running");

static int execute_make(Database *db, StoreOp *op) {
        const StoreQueue *queue = &((Change *) op)->queue;

        return statement_run(db, &make_queue, "usu", queue->uid, queue->name, queue->max_running);
}

static const StoreOpType make_type = { "make-queue", sizeof(Change), execute_make, store_finish_plain, NULL };

STATEMENT(remove_queue, "DELETE FROM queues WHERE uid = ? AND name = ?");

static int execute_remove(Database *db, StoreOp *op) {
        const StoreQueue *queue = &((Change *) op)->queue;

        return statement_run(db, &remove_queue, "us", queue->uid, queue->name);
}

static const StoreOpType remove_type = { "remove-queue", sizeof(Change), execute_remove, store_finish_plain, NULL };

int store_change_queue(Store *store, const StoreQueue *queue, StoreCallback callback, void *userdata) {
        Change *change = change_new(store, queue->made ? &make_type : &remove_type, queue, callback, userdata);

        return change ? store_submit(change) : -ENOMEM;
}

/* --- pause, resume --------------------------------------------------------------------------------- */

STATEMENT(pause_queue, "INSERT INTO queues VALUES (?, ?, 0, 0, 1) ON CONFLICT DO UPDATE SET paused = 1");
STATEMENT(resume_queue, "UPDATE queues SET paused = 0 WHERE uid = ? AND name = ?");
STATEMENT(forget_queue, "DELETE FROM queues WHERE uid = ? AND name = ? AND NOT made AND NOT paused");

static int execute_pause(Database *db, StoreOp *op) {
        const StoreQueue *queue = &((Change *) op)->queue;
        int r;

        r = statement_run(db, queue->paused ? &pause_queue : &resume_queue, "us", queue->uid, queue->name);
        return r < 0 ? r : statement_run(db, &forget_queue, "us", queue->uid, queue->name);
}

static const StoreOpType pause_type = { "pause", sizeof(Change), execute_pause, store_finish_plain, NULL };

int store_pause_queue(Store *store, const StoreQueue *queue, StoreCallback callback, void *userdata) {
        Change *change = change_new(store, &pause_type, queue, callback, userdata);

        return change ? store_submit(change) : -ENOMEM;
}

/* --- load ------------------------------------------------------------------------------------------ */

STATEMENT(load_queues, "SELECT uid, name, made, max_running, paused FROM queues");

int store_load_queues(Store *store, int (*found)(const StoreQueue *queue, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(store->db, &load_queues, &s, "");
        while (r >= 0 && (r = statement_next(s)) > 0) {
                _cleanup_free_ char *name = NULL;
                StoreQueue queue = {};

                r = statement_read(s, "usuuu", &queue.uid, &name, &queue.made, &queue.max_running, &queue.paused);
                if (r < 0)
                        return r;
                (void) snprintf(queue.name, sizeof(queue.name), "%s", name);
                r = found(&queue, userdata);
        }
        return r;
}
