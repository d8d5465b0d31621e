/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Common parts of operations: creating, submitting, completing and freeing them. */

#include <systemd/sd-journal.h>

#include "store-internal.h"

StoreOp *store_op_free(StoreOp *op) {
        if (!op)
                return NULL;

        if (op->type->clear)
                op->type->clear(op);
        free(op->id);
        free(op);
        return NULL;
}

static void store_op_complete(BackgroundOp *base) {
        _cleanup_op_ StoreOp *op = (StoreOp *) base;

        if (op->result == -EBADMSG && !op->store->is_damaged) {
                op->store->is_damaged = true;
                sd_journal_print(LOG_CRIT, "Database in %s is corrupt, restarting to move it aside.", op->store->directory);
                (void) sd_event_exit(op->store->event, -EBADMSG);
        }
        op->type->finish(op);
}

void *store_op_new(Store *store, const StoreOpType *type, const char *id, void *userdata) {
        StoreOp *op = calloc(1, type->size);

        if (!op)
                return NULL;
        op->base.complete = store_op_complete;
        op->type = type;
        op->store = store;
        op->userdata = userdata;
        op->id = id ? strdup(id) : NULL;
        if (id && !op->id) {
                free(op);
                return NULL;
        }
        return op;
}

int store_submit(void *op) {
        StoreOp *o = op;

        background_submit(o->store->thread, &o->base);
        return 0;
}

int store_op_result(const StoreOp *op) {
        return op->result < 0 ? op->result : op->answer;
}

void store_finish_plain(StoreOp *op) {
        if (op->callback)
                op->callback(store_op_result(op), op->userdata);
}
