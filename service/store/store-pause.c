/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Users with a paused queue. */

#include "store-internal.h"

typedef struct Pause {
        StoreOp op; /* first */
        uint32_t uid;
        bool paused;
} Pause;

STATEMENT(pause_user, "INSERT OR IGNORE INTO paused VALUES (?)");
STATEMENT(resume_user, "DELETE FROM paused WHERE uid = ?");

static int execute_pause(Database *db, StoreOp *op) {
        Pause *pause = (Pause *) op;

        return statement_run(db, pause->paused ? &pause_user : &resume_user, "u", pause->uid);
}

static const StoreOpType pause_type = { "pause", sizeof(Pause), execute_pause, store_finish_plain, NULL };

int store_set_paused(Store *store, uint32_t uid, bool paused, StoreCallback callback, void *userdata) {
        Pause *pause = store_op_new(store, &pause_type, NULL, userdata);

        if (!pause)
                return -ENOMEM;
        pause->op.callback = callback;
        pause->uid = uid;
        pause->paused = paused;
        return store_submit(pause);
}

STATEMENT(load_paused, "SELECT uid FROM paused");

int store_load_paused(Store *store, int (*found)(uint32_t uid, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint32_t uid;
        int r;

        r = statement_open(store->db, &load_paused, &s, "");
        while (r >= 0 && (r = statement_next(s)) > 0) {
                r = statement_read(s, "u", &uid);
                if (r >= 0)
                        r = found(uid, userdata);
        }
        return r;
}
