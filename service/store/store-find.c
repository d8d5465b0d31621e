/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Lookup of IDs and prefixes. */

#include "job-error.h"
#include "job-id.h"
#include "store-internal.h"
#include "string-list.h"
#include "text-new.h"

#define CANDIDATES_MAX 5

/* --- lookup ---------------------------------------------------------------------------------------- */

STATEMENT(find_id, "SELECT " RECORD_COLUMNS "number FROM jobs WHERE id = ?1 AND (?2 IS NULL OR uid = ?2)");

/* The first few that start with ?1, and are below ?2. */
#define NUMBERS_OF_PREFIX(column, and_of_user)                                                                  \
        "SELECT number FROM (SELECT number FROM jobs WHERE " column " >= ?1 AND " column " < ?2 " and_of_user \
        "  ORDER BY " column " LIMIT ?3)"
#define OF_PREFIX(and_of_user)                                                                                  \
        "SELECT " RECORD_COLUMNS "number FROM jobs WHERE number IN (" NUMBERS_OF_PREFIX("id", and_of_user)      \
        " UNION " NUMBERS_OF_PREFIX("token", and_of_user) ") ORDER BY number DESC LIMIT ?3"

STATEMENT(find_prefix, OF_PREFIX(""));
STATEMENT(find_prefix_of_user, OF_PREFIX("AND uid = ?4"));

static int join_candidates(const JobRecord *records, size_t n, char **ret) {
        _cleanup_text_stream_ TextStream s = {};
        FILE *f = text_stream_open(&s);

        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < MIN(n, CANDIDATES_MAX); i++)
                (void) fprintf(f, "%s%s", i > 0 ? ", " : "", records[i].id);
        if (n > CANDIDATES_MAX)
                (void) fputs(", …", f);
        *ret = text_stream_take(&s);
        return *ret ? 0 : -ENOMEM;
}

static int find_by_prefix(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        const uint64_t limit = CANDIDATES_MAX + 1;
        char end[JOB_ID_MAX + 2];
        JobRecord *records = NULL;
        size_t n = 0;
        int r;

        /* All characters of an ID sort below '~'. */
        (void) snprintf(end, sizeof(end), "%s~", prefix);
        if (uid == STORE_ANY_UID)
                r = statement_open(db, &find_prefix, &s, "sst", prefix, end, limit);
        else
                r = statement_open(db, &find_prefix_of_user, &s, "sstu", prefix, end, limit, uid);
        if (r >= 0)
                r = store_read_records(s, &records, &n);
        if (r < 0)
                return r;

        if (n == 1)
                *ret = job_record_take(&records[0]);
        else if (n > 1)
                r = join_candidates(records, n, ret_candidates);
        store_records_free(records, n);
        if (r < 0)
                return r;
        return n == 0 ? -ENOENT : n > 1 ? -JOB_ERROR_AMBIGUOUS_ID : 0;
}

int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        int r;

        if (!job_id_prefix_is_valid(prefix))
                return -ENOENT;
        if (job_id_is_valid(prefix)) {
                r = statement_one(db, &find_id, "su>R", prefix, uid, ret);
                if (r != -ENOENT)
                        return r;
        }
        return find_by_prefix(db, prefix, uid, ret, ret_candidates);
}

static int compare_ids(const void *a, const void *b, void *userdata) {
        const size_t *x = a, *y = b;
        char **ids = userdata;
        int r = strcmp(ids[*x], ids[*y]);

        return r != 0 ? r : *x < *y ? -1 : 1;
}

/* For each ID the index of its first occurrence: repeated IDs are answered each time, and looked up once. The caller
 * frees it. */
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

typedef struct Lookup {
        StoreOp op; /* first */
        StoreLookupCallback callback;
        StoreLookup lookup;
} Lookup;

/* Of a batch that was rolled back. */
static void forget_found(StoreLookup *l) {
        l->missing = NULL;
        free(l->candidates);
        l->candidates = NULL;
        store_records_free(l->records, l->n_records);
        l->records = NULL;
        l->n_records = 0;
}

static int lookup_one(Database *db, StoreLookup *l, size_t i, size_t first) {
        return first < i ? job_record_copy(&l->records[first], &l->records[i])
                         : database_find(db, l->ids[i], l->uid, &l->records[i], &l->candidates);
}

static int execute_lookup(Database *db, StoreOp *op) {
        _cleanup_free_ size_t *first = NULL;
        StoreLookup *l = &((Lookup *) op)->lookup;
        size_t n = 0;

        while (l->ids[n])
                n++;
        forget_found(l);
        l->records = calloc(n + 1, sizeof(JobRecord));
        first = find_first_places(l->ids, n);
        if (!l->records || !first)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = lookup_one(db, l, i, first[i]);

                if (r == -ENOENT || r == -JOB_ERROR_AMBIGUOUS_ID) {
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
        Lookup *lookup = (Lookup *) op;

        lookup->callback(store_op_result(op), &lookup->lookup, op->userdata);
}

static void clear_lookup(StoreOp *op) {
        StoreLookup *l = &((Lookup *) op)->lookup;

        forget_found(l);
        string_list_free(l->ids);
}

static const StoreOpType lookup_type = { "lookup", sizeof(Lookup), execute_lookup, finish_lookup, clear_lookup };

int store_lookup(Store *store, char *const *ids, size_t n, uint32_t uid, StoreLookupCallback callback, void *userdata) {
        _cleanup_op_ Lookup *lookup = store_op_new(store, &lookup_type, NULL, userdata);
        int r;

        if (!lookup)
                return -ENOMEM;
        lookup->callback = callback;
        lookup->lookup.uid = uid;
        r = string_list_copy(ids, n, &lookup->lookup.ids);
        return r < 0 ? r : store_submit(TAKE_PTR(lookup));
}

/* --- get-state ------------------------------------------------------------------------------------- */

STATEMENT(get_state, "SELECT state FROM jobs WHERE id = ?");
STATEMENT(is_discarded, "SELECT 1 FROM discarded WHERE id = ?");

int database_get_state(Database *db, const char *id, JobState *ret) {
        int r;

        r = statement_one(db, &get_state, "s>S", id, ret);
        if (r != -ENOENT)
                return r;
        r = statement_one(db, &is_discarded, "s>", id);
        return r < 0 ? r : -JOB_ERROR_GONE;
}

typedef struct GetState {
        StoreOp op; /* first */
        StoreStateCallback callback;
        JobState state;
} GetState;

static int execute_get_state(Database *db, StoreOp *op) {
        int r;

        r = database_get_state(db, op->id, &((GetState *) op)->state);
        op->answer = r == -ENOENT || r == -JOB_ERROR_GONE ? r : 0;
        return op->answer < 0 ? 0 : r;
}

static void finish_get_state(StoreOp *op) {
        GetState *get = (GetState *) op;

        get->callback(store_op_result(op), get->state, op->userdata);
}

static const StoreOpType get_state_type = { "get-state", sizeof(GetState), execute_get_state, finish_get_state, NULL };

int store_get_state(Store *store, const char *id, StoreStateCallback callback, void *userdata) {
        GetState *get = store_op_new(store, &get_state_type, id, userdata);

        if (!get)
                return -ENOMEM;
        get->callback = callback;
        return store_submit(get);
}

/* --- find-unknown ---------------------------------------------------------------------------------- */

typedef struct FindUnknown {
        StoreOp op; /* first */
        StoreUnknownCallback callback;
        char **ids;
        size_t n; /* the first ones are unknown */
} FindUnknown;

/* Moves the unknown ones to the front. */
static int execute_find_unknown(Database *db, StoreOp *op) {
        FindUnknown *find = (FindUnknown *) op;
        char **ids = find->ids;

        find->n = 0;
        for (size_t i = 0; ids[i]; i++) {
                JobState state;
                int r;

                r = database_get_state(db, ids[i], &state);
                if (r == -ENOENT) {
                        char *unknown = ids[i];

                        ids[i] = ids[find->n];
                        ids[find->n++] = unknown;
                } else if (r < 0 && r != -JOB_ERROR_GONE)
                        return r;
        }
        return 0;
}

static void finish_find_unknown(StoreOp *op) {
        FindUnknown *find = (FindUnknown *) op;

        find->callback(op->result, find->ids, op->result < 0 ? 0 : find->n, op->userdata);
}

static void clear_find_unknown(StoreOp *op) {
        string_list_free(((FindUnknown *) op)->ids);
}

static const StoreOpType find_unknown_type = {
        "find-unknown", sizeof(FindUnknown), execute_find_unknown, finish_find_unknown, clear_find_unknown,
};

int store_find_unknown(Store *store, char *const *ids, size_t n, StoreUnknownCallback callback, void *userdata) {
        _cleanup_op_ FindUnknown *find = store_op_new(store, &find_unknown_type, NULL, userdata);
        int r;

        if (!find)
                return -ENOMEM;
        find->callback = callback;
        r = string_list_copy(ids, n, &find->ids);
        return r < 0 ? r : store_submit(TAKE_PTR(find));
}
