/* SPDX-License-Identifier: Apache-2.0 */

#include "store-internal.h"
#include "string-list.h"

static int compare_ids(const void *a, const void *b, void *userdata) {
        const size_t *x = a, *y = b;
        char **ids = userdata;
        int r = strcmp(ids[*x], ids[*y]);

        return r != 0 ? r : *x < *y ? -1 : 1;
}

/* For each id the place where it stands for the first time: whoever repeats one is answered as often, and it is looked
 * up once. The caller frees it. */
static size_t *find_first_places(char **ids, size_t n) {
        _cleanup_free_ size_t *sorted = calloc(n + 1, sizeof(size_t));
        size_t *first = calloc(n + 1, sizeof(size_t));

        if (!sorted || !first) {
                free(first);
                return NULL;
        }
        for (size_t i = 0; i < n; i++)
                sorted[i] = i;
        qsort_r(sorted, n, sizeof(size_t), compare_ids, ids);
        for (size_t i = 0; i < n; i++)
                first[sorted[i]] = i > 0 && streq(ids[sorted[i]], ids[sorted[i - 1]]) ? first[sorted[i - 1]] : sorted[i];
        return first;
}

static int lookup_one(Database *db, StoreLookup *l, size_t i, size_t first) {
        return first < i ? job_record_copy(&l->records[first], &l->records[i])
                         : database_find(db, l->ids[i], l->uid, &l->records[i], &l->candidates);
}

static int execute_lookup(Database *db, StoreOp *op) {
        _cleanup_free_ size_t *first = NULL;
        StoreLookup *l = &op->lookup;
        size_t n = 0;

        while (l->ids[n])
                n++;
        l->missing = NULL;
        free(l->candidates);
        l->candidates = NULL;
        store_records_free(l->records, l->n_records);
        l->n_records = 0;
        l->records = calloc(n + 1, sizeof(JobRecord));
        first = find_first_places(l->ids, n);
        if (!l->records || !first)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = lookup_one(db, l, i, first[i]);

                if (r == -ENOENT || r == -EMLINK) {
                        l->missing = l->ids[i];
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

int store_lookup(Store *store, char *const *ids, size_t n, uint32_t uid, StoreLookupCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "lookup", NULL, execute_lookup, finish_lookup, userdata);
        if (r < 0)
                return r;
        op->callback.lookup = callback;
        op->lookup.uid = uid;
        r = string_list_copy(ids, n, &op->lookup.ids);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

static int execute_list(Database *db, StoreOp *op) {
        store_records_free(op->records, op->n_records);
        op->records = NULL;
        op->n_records = 0;
        return database_list(db, &op->filter, &op->records, &op->n_records);
}

static void finish_list(StoreOp *op) {
        op->callback.list(op->result < 0 ? op->result : op->answer, op->records, op->n_records, op->userdata);
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

/* Moves the unknown ones to the front. */
static int execute_find_unknown(Database *db, StoreOp *op) {
        char **ids = op->ids;

        op->n_unknown = 0;
        for (size_t i = 0; ids[i]; i++) {
                JobState state;
                int r;

                r = database_get_state(db, ids[i], &state);
                if (r == -ENOENT) {
                        char *unknown = ids[i];

                        ids[i] = ids[op->n_unknown];
                        ids[op->n_unknown++] = unknown;
                } else if (r < 0 && r != -ESTALE)
                        return r;
        }
        return 0;
}

static void finish_find_unknown(StoreOp *op) {
        op->callback.unknown(op->result, op->ids, op->result < 0 ? 0 : op->n_unknown, op->userdata);
}

int store_find_unknown(Store *store, char *const *ids, size_t n, StoreUnknownCallback callback, void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, "find-unknown", NULL, execute_find_unknown, finish_find_unknown, userdata);
        if (r < 0)
                return r;
        op->callback.unknown = callback;
        r = string_list_copy(ids, n, &op->ids);
        if (r < 0)
                return r;
        store_submit(store, TAKE_PTR(op));
        return 0;
}

/* --- what a job was made of ------------------------------------------------------------------------ */

static int copy_spec(const void *spec, size_t size, void *userdata) {
        StoreOp *op = userdata;

        store_free_spec(op->spec, op->spec_size); /* of the batch that was rolled back */
        op->spec_size = 0;
        op->spec = malloc(MAX(size, 1U));
        if (!op->spec)
                return -ENOMEM;
        memcpy(op->spec, spec, size);
        op->spec_size = size;
        return 0;
}

static int execute_read_work(Database *db, StoreOp *op) {
        int r;

        stored_job_clear(&op->stored);
        r = database_read_stored(db, op->record.id, &op->stored);
        if (r >= 0)
                r = database_read_spec(db, op->record.id, copy_spec, op);
        op->answer = r == -ENOENT ? r : 0;
        return op->answer < 0 ? 0 : r;
}

static void finish_read_work(StoreOp *op) {
        op->callback.work(op->result < 0 ? op->result : op->answer, &op->stored, op->spec, op->spec_size, op->userdata);
}

int store_read_work(Store *store, const char *id, StoreWorkCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = store_op_new(&op, store, "read-work", id, execute_read_work, finish_read_work, userdata);
        if (r < 0)
                return r;
        op->callback.work = callback;
        store_submit(store, op);
        return 0;
}

/* --- inboxes --------------------------------------------------------------------------------------- */

/* That a user has too many consumers is an answer, no failure of the store. */
static int advance_consumer(Database *db, StoreOp *op, uint64_t sequence) {
        int r;

        r = database_acknowledge(db, op->filter.uid, op->consumer, sequence);
        op->answer = r == -EDQUOT ? r : 0;
        return op->answer < 0 ? 0 : r;
}

static int execute_inbox(Database *db, StoreOp *op) {
        int r;

        op->filter.after_sequence = 0;
        r = database_read_consumer(db, op->filter.uid, op->consumer, &op->filter.after_sequence);
        if (r == -ENOENT)
                r = advance_consumer(db, op, 0);
        return r < 0 || op->answer < 0 ? r : execute_list(db, op);
}

static int new_consumer_op(StoreOp **ret, Store *store, const char *name, uint32_t uid, const char *consumer,
                           int (*execute)(Database *, StoreOp *), void (*finish)(StoreOp *), void *userdata) {
        _cleanup_(store_op_freep) StoreOp *op = NULL;
        int r;

        r = store_op_new(&op, store, name, NULL, execute, finish, userdata);
        if (r < 0)
                return r;
        op->filter.uid = uid;
        r = store_copy_string(consumer, &op->consumer);
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
        return advance_consumer(db, op, op->sequence);
}

static void finish_acknowledge(StoreOp *op) {
        op->callback.plain(op->result < 0 ? op->result : op->answer, op->userdata);
}

int store_acknowledge(Store *store, uint32_t uid, const char *consumer, uint64_t sequence, StoreCallback callback, void *userdata) {
        StoreOp *op;
        int r;

        r = new_consumer_op(&op, store, "acknowledge", uid, consumer, execute_acknowledge, finish_acknowledge, userdata);
        if (r < 0)
                return r;
        op->callback.plain = callback;
        op->sequence = sequence;
        store_submit(store, op);
        return 0;
}
