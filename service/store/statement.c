/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <stdarg.h>

#include "job-id.h"
#include "statement.h"

int database_errno(int r) {
        switch (r & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        default:
                return -EIO;
        }
}

void statement_reset(sqlite3_stmt **s) {
        if (!*s)
                return;
        (void) sqlite3_reset(*s);
        (void) sqlite3_clear_bindings(*s);
}

/* --- binding values -------------------------------------------------------------------------------- */

static int64_t bounded(uint64_t number) {
        return (int64_t) MIN(number, (uint64_t) INT64_MAX);
}

/* These kinds are null if there is no value. */
static bool is_null(const JobField *f, int64_t number) {
        return (f->kind == FIELD_SEQUENCE || f->kind == FIELD_USER) && number == f->none;
}

static int bind_field(sqlite3_stmt *s, int column, const JobRecord *record, const JobField *f) {
        int64_t number;

        if (job_field_is_text(f))
                return sqlite3_bind_text(s, column, job_field_text(record, f), -1, SQLITE_STATIC);
        number = job_field_number(record, f);
        if (is_null(f, number))
                return sqlite3_bind_null(s, column);
        return sqlite3_bind_int64(s, column, f->type[0] == 't' ? bounded((uint64_t) number) : number);
}

static int bind_record(sqlite3_stmt *s, int *column, const JobRecord *record, bool of_end) {
        int r = SQLITE_OK;

        for (size_t i = 0; i < JOB_FIELDS_N && r == SQLITE_OK; i++)
                if (job_fields[i].is_stored && (!of_end || job_fields[i].is_of_end))
                        r = bind_field(s, (*column)++, record, &job_fields[i]);
        return r;
}

static int bind_limits(sqlite3_stmt *s, int *column, const JobLimits *limits) {
        int r = SQLITE_OK;

        for (size_t i = 0; i < JOB_LIMITS_N && r == SQLITE_OK; i++)
                r = sqlite3_bind_int64(s, (*column)++, bounded(job_limit_get(limits, &job_limits[i])));
        return r;
}

static int bind_one(sqlite3_stmt *s, int *column, char type, va_list *ap) {
        uint32_t number;
        const void *blob;

        switch (type) {
        case 'R':
        case 'E':
                return bind_record(s, column, va_arg(*ap, const JobRecord *), type == 'E');
        case 'L':
                return bind_limits(s, column, va_arg(*ap, const JobLimits *));
        case 's':
                return sqlite3_bind_text(s, (*column)++, va_arg(*ap, const char *), -1, SQLITE_STATIC);
        case 'b':
                blob = va_arg(*ap, const void *);
                return sqlite3_bind_blob64(s, (*column)++, blob, va_arg(*ap, size_t), SQLITE_STATIC);
        case 't':
                return sqlite3_bind_int64(s, (*column)++, bounded(va_arg(*ap, uint64_t)));
        case 'x':
                return sqlite3_bind_int64(s, (*column)++, (int64_t) va_arg(*ap, uint64_t));
        default:
                number = va_arg(*ap, uint32_t);
                if (number == UINT32_MAX)
                        return sqlite3_bind_null(s, (*column)++);
                return sqlite3_bind_int64(s, (*column)++, number);
        }
}

static int prepare(Database *db, const Statement *which, sqlite3_stmt **ret) {
        sqlite3_stmt **prepared = &db->prepared[which - __start_statements];
        int r = SQLITE_OK;

        if (!*prepared)
                r = sqlite3_prepare_v3(db->sqlite, which->sql, -1, SQLITE_PREPARE_PERSISTENT, prepared, NULL);
        *ret = *prepared;
        return database_errno(r);
}

static int open_with(Database *db, const Statement *which, sqlite3_stmt **ret, const char *format, va_list *ap) {
        int r, column = 1;

        r = prepare(db, which, ret);
        for (; r >= 0 && *format && *format != '>'; format++)
                r = database_errno(bind_one(*ret, &column, *format, ap));
        return r;
}

int statement_open(Database *db, const Statement *which, sqlite3_stmt **ret, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = open_with(db, which, ret, format, &ap);
        va_end(ap);
        return r;
}

int statement_run(Database *db, const Statement *which, const char *format, ...) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = open_with(db, which, &s, format, &ap);
        va_end(ap);
        if (r >= 0)
                r = statement_next(s);
        return r > 0 ? -EIO : r;
}

int statement_next(sqlite3_stmt *s) {
        int r = sqlite3_step(s);

        return r == SQLITE_ROW ? 1 : database_errno(r);
}

int database_execute(Database *db, const char *sql) {
        return database_errno(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

int database_changes(Database *db) {
        return sqlite3_changes(db->sqlite);
}

/* --- reading values -------------------------------------------------------------------------------- */

static const char *column_text(sqlite3_stmt *s, int column) {
        return (const char *) sqlite3_column_text(s, column);
}

static int read_string(sqlite3_stmt *s, int column, char **ret) {
        const char *text = column_text(s, column);

        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static int read_field(sqlite3_stmt *s, int column, JobRecord *record, const JobField *f) {
        const char *text;

        if (!job_field_is_text(f)) {
                if (sqlite3_column_type(s, column) != SQLITE_NULL)
                        job_field_set_number(record, f, sqlite3_column_int64(s, column));
                return 0;
        }
        text = column_text(s, column);
        if (!text)
                return f->is_optional ? 0 : -EBADMSG;
        return job_field_set_text(record, f, text);
}

static int read_record(sqlite3_stmt *s, int *column, JobRecord *ret) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r = 0;

        for (size_t i = 0; i < JOB_FIELDS_N && r >= 0; i++)
                if (job_fields[i].is_stored)
                        r = read_field(s, (*column)++, &record, &job_fields[i]);
        if (r < 0)
                return r;
        if (!job_id_is_valid(record.id)) /* files have these names */
                return -EBADMSG;
        *ret = job_record_take(&record);
        return 0;
}

static int read_one(sqlite3_stmt *s, int *column, char type, va_list *ap) {
        JobReason *reason;
        JobLimits *limits;
        JobState *state;

        switch (type) {
        case 'R':
                return read_record(s, column, va_arg(*ap, JobRecord *));
        case 'L':
                limits = va_arg(*ap, JobLimits *);
                for (size_t i = 0; i < JOB_LIMITS_N; i++)
                        *job_limit_of(limits, &job_limits[i]) = (uint64_t) sqlite3_column_int64(s, (*column)++);
                return 0;
        case 'S':
                state = va_arg(*ap, JobState *);
                *state = job_state_from_string(strempty(column_text(s, (*column)++)));
                return *state < 0 ? -EBADMSG : 0;
        case 'r':
                reason = va_arg(*ap, JobReason *);
                *reason = job_reason_from_string(strempty(column_text(s, (*column)++)));
                return *reason < 0 ? -EBADMSG : 0;
        case 's':
                return read_string(s, (*column)++, va_arg(*ap, char **));
        case 'u':
                *va_arg(*ap, uint32_t *) = (uint32_t) sqlite3_column_int64(s, (*column)++);
                return 0;
        default:
                *va_arg(*ap, uint64_t *) = (uint64_t) sqlite3_column_int64(s, (*column)++);
                return 0;
        }
}

static int read_with(sqlite3_stmt *s, const char *format, va_list *ap) {
        int r = 0, column = 0;

        for (; r >= 0 && *format; format++)
                r = read_one(s, &column, *format, ap);
        return r;
}

int statement_read(sqlite3_stmt *s, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = read_with(s, format, &ap);
        va_end(ap);
        return r;
}

int statement_one(Database *db, const Statement *which, const char *format, ...) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = open_with(db, which, &s, format, &ap);
        if (r >= 0)
                r = statement_next(s);
        if (r > 0)
                r = read_with(s, strchr(format, '>') + 1, &ap);
        else if (r == 0)
                r = -ENOENT;
        va_end(ap);
        return r;
}
