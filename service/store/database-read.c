/* SPDX-License-Identifier: Apache-2.0 */

#include "database-internal.h"
#include "job-id.h"

#define RECORD_COLUMNS_N 28
#define CANDIDATES_MAX 5

/* In the order of RECORD_COLUMNS. */
static int read_record(sqlite3_stmt *s, JobRecord *ret) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        char **const strings[] = {
                [0] = &record.id, [1] = &record.kind, [2] = &record.label, [8] = &record.queue,
                [9] = &record.directory, [10] = &record.workspace, [11] = &record.session,
                [16] = &record.progress, [19] = &record.result, [22] = &record.retry_of, [25] = &record.result_error,
                [26] = &record.left_behind, [27] = &record.end_source,
        };
        int r;

        for (int i = 0; i < (int) ELEMENTSOF(strings); i++)
                if (strings[i]) {
                        r = column_string(s, i, strings[i]);
                        if (r < 0)
                                return r;
                }
        record.state = job_state_from_string(strempty((const char *) sqlite3_column_text(s, 3)));
        record.reason = job_reason_from_string(strempty((const char *) sqlite3_column_text(s, 4)));
        if (!record.id || !record.kind || !record.label || !record.queue || record.state < 0 || record.reason < 0)
                return -EBADMSG;
        if (!job_id_is_valid(record.id)) /* files are called so */
                return -EBADMSG;
        record.exit_code = sqlite3_column_int(s, 5);
        record.signal = sqlite3_column_int(s, 6);
        record.uid = (uint32_t) sqlite3_column_int64(s, 7);
        record.created_usec = (uint64_t) sqlite3_column_int64(s, 12);
        record.started_usec = (uint64_t) sqlite3_column_int64(s, 13);
        record.finished_usec = (uint64_t) sqlite3_column_int64(s, 14);
        record.sequence = (uint64_t) sqlite3_column_int64(s, 15);
        record.stdout_bytes = (uint64_t) sqlite3_column_int64(s, 17);
        record.stderr_bytes = (uint64_t) sqlite3_column_int64(s, 18);
        if (sqlite3_column_type(s, 20) != SQLITE_NULL)
                record.stopped_by = (uint32_t) sqlite3_column_int64(s, 20);
        record.notify = sqlite3_column_int(s, 21) != 0;
        record.cpu_usage_usec = (uint64_t) sqlite3_column_int64(s, 23);
        record.memory_peak = (uint64_t) sqlite3_column_int64(s, 24);

        *ret = job_record_take(&record);
        return 0;
}

/* Steps through the rows of a list of records; on success they belong to the caller. */
static int read_records(sqlite3_stmt *s, JobRecord **ret, size_t *ret_n) {
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
                r = read_record(s, &records[n]);
                if (r < 0)
                        break;
                n++;
        }
        if (r < 0) {
                while (n > 0)
                        job_record_clear(&records[--n]);
                free(records);
                return r;
        }
        *ret = records;
        *ret_n = n;
        return 0;
}

int database_read_spec(Database *db, const char *id, int (*write)(const void *spec, size_t size, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_READ_SPEC, &s, "s", id);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return write(sqlite3_column_blob(s, 0), (size_t) sqlite3_column_bytes(s, 0), userdata);
}

static int find_exact(Database *db, const char *id, uint32_t uid, JobRecord *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_FIND, &s, "su", id, uid);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return read_record(s, ret);
}

static int join_candidates(const JobRecord *records, size_t n, char **ret) {
        size_t size = 0;
        FILE *f;

        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < MIN(n, CANDIDATES_MAX); i++)
                (void) fprintf(f, "%s%s", i > 0 ? ", " : "", records[i].id);
        if (n > CANDIDATES_MAX)
                (void) fputs(", …", f);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

static int find_prefix(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        char end[JOB_ID_MAX + 2];
        JobRecord *records = NULL;
        size_t n = 0;
        int r;

        /* All characters of an id sort below '~'. */
        (void) snprintf(end, sizeof(end), "%s~", prefix);
        if (uid == STORE_ANY_UID)
                r = statement_open(db, SQL_FIND_PREFIX, &s, "ssi", prefix, end, CANDIDATES_MAX + 1);
        else
                r = statement_open(db, SQL_FIND_PREFIX_OF_USER, &s, "ssiu", prefix, end, CANDIDATES_MAX + 1, uid);
        if (r < 0)
                return r;
        r = read_records(s, &records, &n);
        if (r < 0)
                return r;

        if (n == 1)
                *ret = job_record_take(&records[0]);
        else if (n > 1)
                r = join_candidates(records, n, ret_candidates);
        for (size_t i = 0; i < n; i++)
                job_record_clear(&records[i]);
        free(records);
        if (r < 0)
                return r;
        return n == 0 ? -ENOENT : n > 1 ? -EMLINK : 0;
}

int database_find(Database *db, const char *prefix, uint32_t uid, JobRecord *ret, char **ret_candidates) {
        int r;

        if (!job_id_prefix_is_valid(prefix))
                return -ENOENT;
        if (job_id_is_valid(prefix)) {
                r = find_exact(db, prefix, uid, ret);
                if (r != -ENOENT)
                        return r;
        }
        return find_prefix(db, prefix, uid, ret, ret_candidates);
}

int database_find_key(Database *db, uint32_t uid, const char *key, char **ret_id, uint64_t *ret_digest) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_FIND_KEY, &s, "us", uid, key);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret_digest = (uint64_t) sqlite3_column_int64(s, 1);
        return column_string(s, 0, ret_id);
}

int database_read_consumer(Database *db, uint32_t uid, const char *consumer, uint64_t *ret_sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_READ_CONSUMER, &s, "us", uid, consumer);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret_sequence = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

/* -ENOENT where there is no such job, or it is another user's. */
static int find_number(Database *db, const char *id, uint32_t uid, uint64_t *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_FIND_NUMBER, &s, "su", id, uid);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret = (uint64_t) sqlite3_column_int64(s, 0);
        return 0;
}

/* The statement that has the least to walk through. */
static int choose_list(const StoreFilter *filter) {
        const unsigned live = 1U << JOB_QUEUED | 1U << JOB_RUNNING;
        bool finished = filter->after_sequence != UINT64_MAX, any = filter->uid == STORE_ANY_UID;

        if (finished)
                return any ? SQL_LIST_FINISHED : SQL_LIST_FINISHED_OF_USER;
        if (any)
                return filter->states != 0 && (filter->states & ~live) == 0 ? SQL_LIST_LIVE : SQL_LIST;
        return filter->session ? SQL_LIST_OF_SESSION : filter->workspace ? SQL_LIST_OF_WORKSPACE : SQL_LIST_OF_USER;
}

_Static_assert(_JOB_STATE_MAX == 5, "a list asks for each state by itself");

static const char *word_of_state(const StoreFilter *filter, JobState state) {
        return filter->states == 0 || (filter->states & 1U << state) ? job_state_to_string(state) : NULL;
}

int database_list(Database *db, const StoreFilter *filter, JobRecord **ret, size_t *ret_n) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        uint64_t before = UINT64_MAX;
        int r;

        if (filter->before) {
                r = find_number(db, filter->before, filter->uid, &before);
                if (r == -ENOENT) { /* and nothing is before it */
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
        if (r < 0)
                return r;
        return read_records(s, ret, ret_n);
}

/* -ENOENT, or -ESTALE where it was recorded once and its files are not deleted yet. */
static int look_in_discarded(Database *db, const char *id) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_IS_DISCARDED, &s, "s", id);
        if (r >= 0)
                r = statement_next(s);
        return r < 0 ? r : r > 0 ? -ESTALE : -ENOENT;
}

int database_load_discarded(Database *db, int (*found)(const char *id, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_LOAD_DISCARDED, &s, "");
        if (r < 0)
                return r;
        while ((r = statement_next(s)) > 0) {
                const char *id = strempty((const char *) sqlite3_column_text(s, 0));

                r = job_id_is_valid(id) ? found(id, userdata) : 0; /* files are called so */
                if (r < 0)
                        return r;
        }
        return r;
}

int database_get_state(Database *db, const char *id, JobState *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_GET_STATE, &s, "s", id);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : look_in_discarded(db, id);
        *ret = job_state_from_string(strempty((const char *) sqlite3_column_text(s, 0)));
        return *ret < 0 ? -EBADMSG : 0;
}

/* The columns of SQL_LOAD_LIVE and SQL_READ_STORED. */
static int read_stored(sqlite3_stmt *s, StoredJob *stored) {
        int column = RECORD_COLUMNS_N, r;

        stored->limits = (JobLimits) {
                .runtime_max_usec = (uint64_t) sqlite3_column_int64(s, column),
                .output_max = (uint64_t) sqlite3_column_int64(s, column + 1),
                .memory_max = (uint64_t) sqlite3_column_int64(s, column + 2),
                .tasks_max = (uint64_t) sqlite3_column_int64(s, column + 3),
                .cpu_weight = (uint64_t) sqlite3_column_int64(s, column + 4),
                .stall_usec = (uint64_t) sqlite3_column_int64(s, column + 5),
                .read_only = (uint64_t) sqlite3_column_int64(s, column + 6),
                .merge_output = (uint64_t) sqlite3_column_int64(s, column + 7),
                .umask = (uint64_t) sqlite3_column_int64(s, column + 8),
        };
        stored->stop_reason = job_reason_from_string(strempty((const char *) sqlite3_column_text(s, column + 10)));
        if (stored->stop_reason < 0)
                return -EBADMSG;
        r = read_record(s, &stored->record);
        if (r >= 0)
                r = column_string(s, column + 9, &stored->instance);
        return r < 0 ? r : column_string(s, column + 11, &stored->secret);
}

void stored_job_clear(StoredJob *stored) {
        job_record_clear(&stored->record);
        free(stored->instance);
        free(stored->secret);
        stored->instance = stored->secret = NULL;
}

int database_read_stored(Database *db, const char *id, StoredJob *ret) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_READ_STORED, &s, "s", id);
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return read_stored(s, ret);
}

int database_load_paused(Database *db, int (*found)(uint32_t uid, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_LOAD_PAUSED, &s, "");
        if (r < 0)
                return r;
        while ((r = statement_next(s)) > 0) {
                r = found((uint32_t) sqlite3_column_int64(s, 0), userdata);
                if (r < 0)
                        return r;
        }
        return r;
}

int database_load_live(Database *db, int (*found)(StoredJob *stored, void *userdata), void *userdata) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_LOAD_LIVE, &s, "");
        if (r < 0)
                return r;
        while ((r = statement_next(s)) > 0) {
                StoredJob stored = { .record = JOB_RECORD_INIT };

                r = read_stored(s, &stored);
                if (r >= 0)
                        r = found(&stored, userdata);
                stored_job_clear(&stored);
                if (r < 0)
                        return r;
        }
        return r;
}

int database_count_user(Database *db, uint32_t uid, uint64_t *ret_jobs, uint64_t *ret_bytes) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_COUNT_USER, &s, "u", uid);
        if (r >= 0)
                r = statement_next(s);
        if (r < 0)
                return r;
        *ret_jobs = r > 0 ? (uint64_t) sqlite3_column_int64(s, 0) : 0;
        *ret_bytes = r > 0 ? (uint64_t) sqlite3_column_int64(s, 1) : 0;
        return 0;
}

int database_count(Database *db, uint64_t *ret_finished, uint64_t *ret_last_sequence) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        int r;

        r = statement_open(db, SQL_COUNT, &s, "");
        if (r >= 0)
                r = statement_next(s);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        *ret_finished = (uint64_t) sqlite3_column_int64(s, 0);
        *ret_last_sequence = (uint64_t) sqlite3_column_int64(s, 1);
        return 0;
}
