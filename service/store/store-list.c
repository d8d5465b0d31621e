/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Lists of jobs, and inboxes: jobs that finished since the last acknowledgement. */

#include "store-internal.h"
#include "time-util.h"

#define SEEN_USEC USEC_PER_SEC /* a consumer that reads more often is not recorded each time */

void store_records_free(JobRecord *records, size_t n) {
        for (size_t i = 0; i < n; i++)
                job_record_clear(&records[i]);
        free(records);
}

int store_read_records(sqlite3_stmt *s, JobRecord **ret, size_t *ret_n) {
        size_t n = 0, allocated = 0;
        JobRecord *records = NULL;
        int r;

        while ((r = statement_next(s)) > 0) {
                if (n == allocated) {
                        JobRecord *bigger = reallocarray(records, MAX(2 * allocated, 4U), sizeof(JobRecord));

                        if (!bigger) {
                                r = -ENOMEM;
                                break;
                        }
                        records = bigger;
                        allocated = MAX(2 * allocated, 4U);
                }
                r = statement_read(s, "R", &records[n]);
                if (r < 0)
                        break;
                n++;
        }
        if (r < 0) {
                store_records_free(records, n);
                return r;
        }
        *ret = records;
        *ret_n = n;
        return 0;
}

/* --- list ------------------------------------------------------------------------------------------ */

/* A list takes, in this order: uid, kind, workspace, session, an upper bound of the number, the limit, a lower bound
 * of the sequence, and five states, null if not requested. INDEXED BY is used where SQLite, which has no statistics,
 * would choose an index with more rows to scan. */
#define FROM_JOBS "SELECT " RECORD_COLUMNS "number FROM jobs "
#define OF_KIND "AND (?2 IS NULL OR kind = ?2) "
#define OF_WORKSPACE "AND (?3 IS NULL OR workspace = ?3) "
#define OF_SESSION "AND (?4 IS NULL OR session = ?4) "
#define OF_STATES "AND state IN (?8, ?9, ?10, ?11, ?12) "
#define BEFORE "AND number < ?5 "
#define NEWEST_FIRST "ORDER BY number DESC LIMIT ?6"
#define OLDEST_END_FIRST "ORDER BY sequence LIMIT ?6"

STATEMENT(list_all, FROM_JOBS "WHERE number < ?5 " OF_STATES NEWEST_FIRST);
STATEMENT(list_live, FROM_JOBS "INDEXED BY jobs_live WHERE sequence IS NULL "
                     BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION NEWEST_FIRST);

/* The newest jobs of a user, in one of four ways. Those of each state are sorted: they are merged, and no more than
 * requested are read, unless a workspace or session is requested, too. */
#define NUMBERS_OF_STATE(index_of_user, parameter)                                                              \
        "SELECT number FROM jobs INDEXED BY " index_of_user " AND state = " parameter " "                       \
        BEFORE OF_WORKSPACE OF_SESSION
#define NUMBERS_OF_STATES(index_of_user)                                                                        \
        NUMBERS_OF_STATE(index_of_user, "?8") "UNION ALL " NUMBERS_OF_STATE(index_of_user, "?9") "UNION ALL "   \
        NUMBERS_OF_STATE(index_of_user, "?10") "UNION ALL " NUMBERS_OF_STATE(index_of_user, "?11") "UNION ALL " \
        NUMBERS_OF_STATE(index_of_user, "?12") NEWEST_FIRST
#define NUMBERS(user) NUMBERS_OF_STATES("jobs_by_state WHERE uid = " user)
#define NUMBERS_OF_KIND(user) NUMBERS_OF_STATES("jobs_by_kind WHERE uid = " user " AND kind = ?2")
#define NUMBERS_OF_SESSION(user)                                                                                \
        "SELECT number FROM jobs INDEXED BY jobs_by_session WHERE uid = " user " AND session = ?4 "             \
        BEFORE OF_STATES OF_KIND OF_WORKSPACE NEWEST_FIRST
#define NUMBERS_OF_WORKSPACE(user)                                                                              \
        "SELECT number FROM jobs INDEXED BY jobs_by_workspace WHERE uid = " user " AND workspace = ?3 "         \
        BEFORE OF_STATES OF_KIND NEWEST_FIRST

#define OF_USER(numbers) FROM_JOBS "WHERE number IN (" numbers("?1") ") ORDER BY number DESC"
STATEMENT(list_of_user, OF_USER(NUMBERS));
STATEMENT(list_of_kind, OF_USER(NUMBERS_OF_KIND));
STATEMENT(list_of_session, OF_USER(NUMBERS_OF_SESSION));
STATEMENT(list_of_workspace, OF_USER(NUMBERS_OF_WORKSPACE));

/* Those of each user, of which the newest are then taken. */
#define OF_USERS(numbers) FROM_JOBS "WHERE number IN (SELECT own.number FROM users CROSS JOIN jobs own "        \
        "ON own.number IN (" numbers("users.uid") ")) " NEWEST_FIRST
STATEMENT(list_of_users, OF_USERS(NUMBERS));
STATEMENT(list_of_kinds, OF_USERS(NUMBERS_OF_KIND));
STATEMENT(list_of_sessions, OF_USERS(NUMBERS_OF_SESSION));
STATEMENT(list_of_workspaces, OF_USERS(NUMBERS_OF_WORKSPACE));
STATEMENT(list_finished, FROM_JOBS "WHERE sequence > ?7 "
                         BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION OLDEST_END_FIRST);
STATEMENT(list_finished_of_user, FROM_JOBS "INDEXED BY jobs_by_end WHERE uid = ?1 AND sequence > ?7 "
                                 BEFORE OF_STATES OF_KIND OF_WORKSPACE OF_SESSION OLDEST_END_FIRST);

/* Chooses the statement with the fewest rows to scan: few of many jobs are live, and most of the others completed. */
static const Statement *choose_list(const StoreFilter *filter) {
        const unsigned live = 1U << JOB_QUEUED | 1U << JOB_RUNNING, most = 1U << JOB_COMPLETED;
        bool finished = filter->after_sequence != UINT64_MAX, any = filter->uid == STORE_ANY_UID;

        if (finished)
                return any ? &list_finished : &list_finished_of_user;
        if (filter->states != 0 && (filter->states & ~live) == 0)
                return any ? &list_live : filter->kind ? &list_of_kind : &list_of_user;
        if (filter->session)
                return any ? &list_of_sessions : &list_of_session;
        if (filter->workspace)
                return any ? &list_of_workspaces : &list_of_workspace;
        if (filter->kind)
                return any ? &list_of_kinds : &list_of_kind;
        if (!any)
                return &list_of_user;
        return filter->states != 0 && !(filter->states & most) ? &list_of_users : &list_all;
}

_Static_assert(_JOB_STATE_MAX == 5, "a list asks for each state by itself");

static const char *word_of_state(const StoreFilter *filter, JobState state) {
        return filter->states == 0 || (filter->states & 1U << state) ? job_state_to_string(state) : NULL;
}

STATEMENT(find_number, "SELECT number FROM jobs WHERE id = ?1 AND (?2 IS NULL OR uid = ?2)");

int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint64_t before = UINT64_MAX;
        int r;

        if (filter->before) {
                r = statement_one(db, &find_number, "su>t", filter->before, filter->uid, &before);
                if (r == -ENOENT) { /* and nothing comes before it */
                        *ret_n = 0;
                        return 0;
                }
                if (r < 0)
                        return r;
        }
        r = statement_open(db, choose_list(filter), &s, "ussstttsssss", filter->uid, filter->kind, filter->workspace,
                           filter->session, before, (uint64_t) filter->limit, filter->after_sequence,
                           word_of_state(filter, JOB_QUEUED), word_of_state(filter, JOB_RUNNING),
                           word_of_state(filter, JOB_COMPLETED), word_of_state(filter, JOB_FAILED),
                           word_of_state(filter, JOB_CANCELLED));
        return r < 0 ? r : store_read_records(s, ret, ret_n);
}

void store_filter_clear(StoreFilter *filter) {
        free(filter->kind);
        free(filter->workspace);
        free(filter->session);
        free(filter->before);
        *filter = (StoreFilter) {};
}

typedef struct List {
        StoreOp op; /* first */
        StoreListCallback callback;
        StoreFilter filter;
        char *consumer; /* of an inbox; NULL: a plain list */
        uint64_t now_usec;
        uint64_t seen_usec; /* when the consumer was seen before */
        JobRecord *records;
        size_t n;
} List;

static int execute_list(Database *db, StoreOp *op) {
        List *list = (List *) op;

        store_records_free(list->records, list->n); /* of a batch that was rolled back */
        list->records = NULL;
        list->n = 0;
        return database_list(db, &list->filter, &list->records, &list->n);
}

static void finish_list(StoreOp *op) {
        List *list = (List *) op;

        list->callback(store_op_result(op), list->records, list->n, op->userdata);
}

static void clear_list(StoreOp *op) {
        List *list = (List *) op;

        store_filter_clear(&list->filter);
        free(list->consumer);
        store_records_free(list->records, list->n);
}

static const StoreOpType list_type = { "list", sizeof(List), execute_list, finish_list, clear_list };

int store_list(Store *store, StoreFilter *filter, StoreListCallback callback, void *userdata) {
        List *list = store_op_new(store, &list_type, NULL, userdata);

        if (!list) {
                store_filter_clear(filter);
                return -ENOMEM;
        }
        list->callback = callback;
        list->filter = *filter;
        *filter = (StoreFilter) {};
        return store_submit(list);
}

/* --- inbox ----------------------------------------------------------------------------------------- */

STATEMENT(read_consumer, "SELECT sequence, max(seen_usec, 0) FROM consumers WHERE uid = ? AND name = ?");

static int execute_inbox(Database *db, StoreOp *op) {
        List *inbox = (List *) op;
        StoreFilter *filter = &inbox->filter;
        int r;

        filter->after_sequence = 0;
        r = statement_one(db, &read_consumer, "us>tt", filter->uid, inbox->consumer, &filter->after_sequence,
                          &inbox->seen_usec);
        if (r == -ENOENT) {
                inbox->seen_usec = inbox->now_usec;
                r = database_advance_consumer(db, filter->uid, inbox->consumer, 0, inbox->now_usec);
        }
        return r < 0 ? r : execute_list(db, op);
}

/* That a consumer was seen is recorded afterwards: reading must not fail because the disk is full. */
static void finish_inbox(StoreOp *op) {
        List *inbox = (List *) op;
        bool is_recent = inbox->seen_usec <= inbox->now_usec && inbox->now_usec - inbox->seen_usec < SEEN_USEC;

        if (store_op_result(op) >= 0 && !is_recent)
                (void) store_see_consumer(op->store, inbox->filter.uid, inbox->consumer, inbox->now_usec);
        finish_list(op);
}

static const StoreOpType inbox_type = { "inbox", sizeof(List), execute_inbox, finish_inbox, clear_list };

int store_inbox(Store *store, uint32_t uid, const char *consumer, uint32_t limit,
                StoreListCallback callback, void *userdata) {
        _cleanup_op_ List *inbox = store_op_new(store, &inbox_type, NULL, userdata);

        if (!inbox)
                return -ENOMEM;
        inbox->callback = callback;
        inbox->filter.uid = uid;
        inbox->filter.limit = limit;
        inbox->now_usec = now_realtime();
        inbox->consumer = strdup(consumer);
        return inbox->consumer ? store_submit(TAKE_PTR(inbox)) : -ENOMEM;
}
