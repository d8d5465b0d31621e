/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* A row of the store, and the spec beside it, as somebody or something may have changed them: COLUMN=VALUE in each
 * line of the text up to a NUL, and behind that the spec. What SQLite lets in is read in every way that there is. */

#include <sys/stat.h>

#include "bus-names.h"
#include "fuzz.h"
#include "job-id.h"
#include "message.h"
#include "retry.h"
#include "spec-format.h"
#include "statement.h"

#define ID "job-0000000000"

static Database *open_database(void) {
        static Database *db;
        static char directory[] = "/tmp/fuzz-row-XXXXXX";
        char command[64];

        if (db)
                return db;
        fuzz_check(mkdtemp(directory) && database_open(&db, directory) >= 0);
        (void) snprintf(command, sizeof(command), "rm -rf %s", directory); /* it stays open */
        fuzz_check(system(command) == 0);
        return db;
}

static void insert_row(Database *db, const uint8_t *spec, size_t size) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;

        record.id = strdup(ID);
        record.kind = strdup("job");
        record.label = strdup("label");
        record.queue = strdup("");
        fuzz_check(record.id && record.kind && record.label && record.queue);
        fuzz_check(database_insert(db, &record, &(JobLimits) {}, spec, size, 0) >= 0);
}

/* Columns that are not there, and values that SQLite refuses, change nothing. */
static void set_column(Database *db, const char *line, size_t n) {
        const char *equals = memchr(line, '=', n);
        _cleanup_free_ char *sql = NULL;
        sqlite3_stmt *s = NULL;

        if (!equals)
                return;
        for (const char *c = line; c < equals; c++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz_", *c))
                        return;
        fuzz_check(asprintf(&sql, "UPDATE jobs SET %.*s = ?", (int) (equals - line), line) >= 0);
        if (sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL) == SQLITE_OK &&
            sqlite3_bind_text(s, 1, equals + 1, (int) (line + n - equals - 1), SQLITE_STATIC) == SQLITE_OK)
                (void) sqlite3_step(s);
        (void) sqlite3_finalize(s);
}

static void check_record(const JobRecord *record) {
        fuzz_check(job_id_is_valid(record->id));
        fuzz_check(record->kind && record->label && record->queue);
        fuzz_check(record->state >= 0 && record->state < _JOB_STATE_MAX);
        fuzz_check(record->reason >= 0 && record->reason < _JOB_REASON_MAX);
}

static int on_live(StoredJob *stored, void *userdata) {
        check_record(&stored->record);
        fuzz_check(stored->stop_reason >= 0 && stored->stop_reason < _JOB_REASON_MAX);
        return 0;
}

static void read_row(Database *db) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        _cleanup_free_ char *candidates = NULL;
        JobRecord *records = NULL;
        JobState state;
        size_t n = 0;

        if (database_find(db, ID, UINT32_MAX, &record, &candidates) >= 0)
                check_record(&record);
        if (database_list(db, &(StoreFilter) { .uid = UINT32_MAX, .after_sequence = UINT64_MAX, .limit = 10 }, &records, &n) < 0)
                n = 0;
        for (size_t i = 0; i < n; i++) {
                check_record(&records[i]);
                job_record_clear(&records[i]);
        }
        free(records);
        (void) database_load_live(db, on_live, NULL);
        if (database_get_state(db, ID, &state) >= 0)
                fuzz_check(state >= 0 && state < _JOB_STATE_MAX);
}

static int on_spec(const void *data, size_t size, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_spec_ Spec spec = SPEC_INIT;

        if (retry_complete_spec(&spec, userdata, data, size, &error) < 0)
                return 0;
        fuzz_check(spec.argv && spec.argv[0]);
        return 0;
}

static void retry(Database *db) {
        StoredJob stored = { .record = JOB_RECORD_INIT };

        if (database_read_stored(db, ID, &stored) >= 0)
                (void) database_read_spec(db, ID, on_spec, &stored);
        stored_job_clear(&stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL, *end = nul ?: data + size, *spec = nul ? nul + 1 : end;
        Database *db = open_database();

        fuzz_check(database_begin(db) >= 0);
        insert_row(db, spec, (size_t) (data + size - spec));
        for (const uint8_t *line = data, *next; line < end; line = next + 1) {
                next = memchr(line, '\n', (size_t) (end - line)) ?: end;
                set_column(db, (const char *) line, (size_t) (next - line));
        }
        read_row(db);
        retry(db);
        database_rollback(db);
        return 0;
}
