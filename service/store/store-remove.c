/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Removal of jobs, by a call, by retention or for a new job. A trigger keeps their IDs until their files are deleted. */

#include "job-error.h"
#include "job-id.h"
#include "store-internal.h"
#include "string-list.h"
#include "text-new.h"

#define EXPIRE_MAX 500 /* jobs in one operation, to bound how long a commit waits for it */

STATEMENT(remove_job, "DELETE FROM jobs WHERE id = ? AND sequence IS NOT NULL");

/* --- remove ---------------------------------------------------------------------------------------- */

typedef struct Remove {
        StoreOp op; /* first */
        char **ids;
} Remove;

/* -ENOENT, or -EBUSY if it is not terminal. */
static int remove_terminal(Database *db, const char *id) {
        JobState state;
        int r;

        r = statement_run(db, &remove_job, "s", id);
        if (r < 0 || database_changes(db) == 1)
                return r;
        r = database_get_state(db, id, &state);
        return r == -JOB_ERROR_GONE ? -ENOENT : r < 0 ? r : -EBUSY;
}

static int execute_remove(Database *db, StoreOp *op) {
        int r = 0;

        for (char **id = ((Remove *) op)->ids; *id && r >= 0; id++)
                r = remove_terminal(db, *id);
        return r;
}

static void finish_remove(StoreOp *op) {
        for (char **id = ((Remove *) op)->ids; *id && op->result >= 0; id++)
                op->store->finished--;
        if (op->result >= 0)
                store_checkpoint_soon(op->store);
        store_finish_plain(op);
}

static void clear_remove(StoreOp *op) {
        string_list_free(((Remove *) op)->ids);
}

static const StoreOpType remove_type = { "remove", sizeof(Remove), execute_remove, finish_remove, clear_remove };

int store_remove(Store *store, char *const *ids, size_t n, StoreCallback callback, void *userdata) {
        _cleanup_op_ Remove *remove = store_op_new(store, &remove_type, NULL, userdata);
        int r;

        if (!remove)
                return -ENOMEM;
        remove->op.callback = callback;
        r = string_list_copy(ids, n, &remove->ids);
        return r < 0 ? r : store_submit(TAKE_PTR(remove));
}

/* --- forget files ---------------------------------------------------------------------------------- */

STATEMENT(forget, "DELETE FROM discarded WHERE id = ?");

static int execute_forget(Database *db, StoreOp *op) {
        return statement_run(db, &forget, "s", op->id);
}

static const StoreOpType forget_type = { "forget", sizeof(StoreOp), execute_forget, store_finish_plain, NULL };

int store_forget(Store *store, const char *id) {
        StoreOp *op = store_op_new(store, &forget_type, id, NULL);

        return op ? store_submit(op) : -ENOMEM;
}

STATEMENT(load_discarded, "SELECT id FROM discarded");

int store_load_discarded(Store *store, int (*found)(const char *id, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(store->db, &load_discarded, &s, "");
        while (r >= 0 && (r = statement_next(s)) > 0) {
                _cleanup_free_ char *id = NULL;

                r = statement_read(s, "s", &id);
                if (r >= 0 && job_id_is_valid(strempty(id))) /* files have these names */
                        r = found(id, userdata);
        }
        return r;
}

/* --- expire ---------------------------------------------------------------------------------------- */

typedef struct ExpireWalk ExpireWalk;

typedef struct Expire {
        StoreOp op; /* first */
        StoreExpireCallback callback;
        uint64_t before_usec;
        uint64_t bytes_max;
        ExpireWalk from;
        ExpireWalk walk; /* progress of the walk */
        char **ids;      /* that are removed; there is room for EXPIRE_MAX */
        size_t n;
        size_t n_consumers; /* that are forgotten */
} Expire;

/* Jobs are selected first and deleted afterwards: no statement modifies rows that it iterates over. */
static int remove_all(Database *db, char *const *ids, size_t n) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = statement_run(db, &remove_job, "s", ids[i]);
        return r;
}

STATEMENT(forget_old_consumers, "DELETE FROM consumers WHERE (uid, name) IN ("
                                "SELECT uid, name FROM consumers WHERE seen_usec < ? ORDER BY seen_usec LIMIT ?)");

static int forget_old(Database *db, Expire *e) {
        int r;

        r = statement_run(db, &forget_old_consumers, "tt", e->before_usec, (uint64_t) EXPIRE_MAX);
        e->n_consumers = r < 0 ? 0 : (size_t) database_changes(db);
        return r;
}

STATEMENT(find_old, "SELECT id FROM jobs WHERE sequence IS NOT NULL AND finished_usec < ? "
                    "ORDER BY finished_usec LIMIT ?");

static int find_all_old(Database *db, Expire *e) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, &find_old, &s, "tt", e->before_usec, (uint64_t) EXPIRE_MAX);
        while (r >= 0 && e->n < EXPIRE_MAX && (r = statement_next(s)) > 0) {
                r = statement_read(s, "s", &e->ids[e->n]);
                e->n += r >= 0;
        }
        return MIN(r, 0);
}

static int expire_old(Database *db, Expire *e) {
        int r;

        r = find_all_old(db, e);
        return r < 0 ? r : remove_all(db, e->ids, e->n);
}

STATEMENT(next_large_user, "SELECT uid, output FROM users WHERE uid >= ? AND output > ? ORDER BY uid LIMIT 1");

/* The current user of the walk, or the next one, who exceeds the limit. -ENOENT: none. */
static int find_large_user(Database *db, Expire *e, uint64_t *ret_bytes) {
        uint64_t uid = 0;
        int r;

        r = statement_one(db, &next_large_user, "tt>tt", e->walk.uid, e->bytes_max, &uid, ret_bytes);
        if (r >= 0 && uid != e->walk.uid)
                e->walk = (ExpireWalk) { .uid = uid };
        return r;
}

/* Each with whether an inbox still needs it. */
STATEMENT(walk_ended, "SELECT sequence, max(stdout_bytes + stderr_bytes, 0), EXISTS (SELECT 1 FROM consumers c "
                      "  WHERE c.uid = jobs.uid AND c.sequence < jobs.sequence), id "
                      "FROM jobs WHERE uid = ? AND sequence > ? ORDER BY sequence");

/* Oldest first, until the older ones free enough. Jobs that an inbox still needs are kept, without removing younger
 * ones instead. */
static int find_large(Database *db, Expire *e, uint64_t excess) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint64_t older = e->walk.kept_bytes, bytes, awaited;
        int r;

        r = statement_open(db, &walk_ended, &s, "tt", e->walk.uid, e->walk.sequence);
        while (r >= 0 && e->n < EXPIRE_MAX && older < excess && (r = statement_next(s)) > 0) {
                _cleanup_free_ char *id = NULL;

                r = statement_read(s, "ttts", &e->walk.sequence, &bytes, &awaited, &id);
                if (r < 0)
                        break;
                older += bytes;
                if (awaited)
                        e->walk.kept_bytes += bytes;
                else
                        e->ids[e->n++] = TAKE_PTR(id);
        }
        return MIN(r, 0);
}

static int expire_large(Database *db, Expire *e) {
        size_t first = e->n;
        uint64_t bytes;
        int r;

        while ((r = find_large_user(db, e, &bytes)) >= 0) {
                r = find_large(db, e, bytes - e->bytes_max);
                if (r < 0 || e->n == EXPIRE_MAX)
                        break;
                e->walk = (ExpireWalk) { .uid = e->walk.uid + 1 };
        }
        return r < 0 && r != -ENOENT ? r : remove_all(db, e->ids + first, e->n - first);
}

static int execute_expire(Database *db, StoreOp *op) {
        Expire *e = (Expire *) op;
        int r = 0;

        for (char **id = e->ids; *id; id++) { /* of a batch that was rolled back */
                free(*id);
                *id = NULL;
        }
        e->n = e->n_consumers = 0;
        e->walk = e->from;
        if (e->before_usec > 0)
                r = forget_old(db, e); /* what only these needed goes with them */
        if (r >= 0 && e->before_usec > 0)
                r = expire_old(db, e);
        if (r >= 0 && e->bytes_max > 0 && e->n < EXPIRE_MAX)
                r = expire_large(db, e);
        return r;
}

/* The next operation continues where this one has stopped, and starts over when all users are done. */
static void finish_expire(StoreOp *op) {
        Expire *e = (Expire *) op;
        size_t n = op->result < 0 ? 0 : e->n;

        op->store->expire_walk = n == EXPIRE_MAX ? e->walk : (ExpireWalk) {};
        op->store->finished -= n;
        if (n > 0) /* commands, and input kept by KeepInput= */
                store_checkpoint_soon(op->store);
        e->callback(op->result, &(StoreExpired) { e->ids, n, op->result < 0 ? 0 : e->n_consumers }, op->userdata);
}

static void clear_expire(StoreOp *op) {
        string_list_free(((Expire *) op)->ids);
}

static const StoreOpType expire_type = { "expire", sizeof(Expire), execute_expire, finish_expire, clear_expire };

int store_expire(Store *store, uint64_t before_usec, uint64_t bytes_max, StoreExpireCallback callback, void *userdata) {
        _cleanup_op_ Expire *e = store_op_new(store, &expire_type, NULL, userdata);

        if (!e)
                return -ENOMEM;
        e->callback = callback;
        e->before_usec = before_usec;
        e->bytes_max = bytes_max;
        e->from = store->expire_walk;
        e->ids = calloc(EXPIRE_MAX + 1, sizeof(char *));
        return e->ids ? store_submit(TAKE_PTR(e)) : -ENOMEM;
}

/* --- room for a new job ---------------------------------------------------------------------------- */

/* Those that all consumers have acknowledged. length() does not read a blob. */
STATEMENT(find_removable, "SELECT max(stdout_bytes + stderr_bytes, 0) + "
                          "  (SELECT coalesce(sum(length(spec)), 0) FROM specs WHERE specs.id = jobs.id), id "
                          "FROM jobs WHERE uid = ?1 AND sequence <= coalesce("
                          "  (SELECT min(sequence) FROM consumers WHERE uid = ?1), 9223372036854775807) "
                          "ORDER BY sequence LIMIT ?2");

static bool is_enough(const Excess *freed, const Excess *excess) {
        return freed->jobs >= excess->jobs && freed->bytes >= excess->bytes;
}

/* Returns whether the jobs found are enough, or as many as one call removes. */
static int find_removables(Database *db, uint32_t uid, const Excess *excess, char **ids, size_t *n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        Excess freed = {};
        uint64_t bytes;
        int r;

        r = statement_open(db, &find_removable, &s, "ut", uid, (uint64_t) EXPIRE_MAX);
        while (r >= 0 && !is_enough(&freed, excess) && *n < EXPIRE_MAX && (r = statement_next(s)) > 0) {
                r = statement_read(s, "ts", &bytes, &ids[*n]);
                *n += r >= 0;
                freed.jobs++;
                freed.bytes += r >= 0 ? bytes : 0;
        }
        return r < 0 ? r : is_enough(&freed, excess) || *n == EXPIRE_MAX;
}

int database_make_room(Database *db, uint32_t uid, const Excess *excess, char ***ret_ids, size_t *ret_n) {
        char **ids = calloc(EXPIRE_MAX + 1, sizeof(char *));
        size_t n = 0;
        int r;

        if (!ids)
                return -ENOMEM;
        r = find_removables(db, uid, excess, ids, &n);
        if (r > 0) {
                r = remove_all(db, ids, n);
                r = r < 0 ? r : 1;
        }
        if (r <= 0) {
                string_list_free(ids);
                return r;
        }
        *ret_ids = ids;
        *ret_n = n;
        return 1;
}

STATEMENT(find_largest, "SELECT id FROM jobs WHERE uid = ? AND sequence IS NOT NULL "
                        "ORDER BY stdout_bytes + stderr_bytes DESC LIMIT 3");

int database_find_largest(Database *db, uint32_t uid, char **ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        _cleanup_free_ char *ids = NULL;
        int r;

        r = statement_open(db, &find_largest, &s, "u", uid);
        while (r >= 0 && (r = statement_next(s)) > 0) {
                _cleanup_free_ char *id = NULL;
                char *more;

                r = statement_read(s, "s", &id);
                if (r < 0)
                        return r;
                more = text_new("%s%s%s", strempty(ids), ids ? ", " : "", strempty(id));
                if (!more)
                        return -ENOMEM;
                free(ids);
                ids = more;
        }
        if (r >= 0)
                *ret = TAKE_PTR(ids);
        return MIN(r, 0);
}
