/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "dict.h"
#include "job-record.h"

/* The words of the table. */
enum { ALWAYS, OPTIONAL, ENQUEUED, ENDED, UNSTORED, CONSTANT, CHANGED, INVALIDATED, SILENT, NONE };
#define NEVER FIELD_NEVER

#define FIELD(bus_name, kind, member, none, presence, stored, changes, json)                            \
        { bus_name, FIELD_##kind, FIELD_TYPE(kind), offsetof(JobRecord, member), none,              \
          (presence) == OPTIONAL, (stored) == ENDED, (stored) != UNSTORED, (changes) == CHANGED, json },

const JobField job_fields[JOB_FIELDS_N] = { JOB_FIELDS(FIELD) };

/* A member has the type of its kind. */
#define C_TYPE_TEXT char *
#define C_TYPE_LINE char *
#define C_TYPE_OBJECT char *
#define C_TYPE_ATTEMPTS char *
#define C_TYPE_LIST char *
#define C_TYPE_STATE JobState
#define C_TYPE_REASON JobReason
#define C_TYPE_INTEGER int32_t
#define C_TYPE_USER uint32_t
#define C_TYPE_TIME uint64_t
#define C_TYPE_NUMBER uint64_t
#define C_TYPE_SEQUENCE uint64_t
#define C_TYPE_FLAG int
#define CHECK(name, kind, member, ...)                                                               \
        _Static_assert(__builtin_types_compatible_p(__typeof__(((JobRecord *) NULL)->member), C_TYPE_##kind), name);
JOB_FIELDS(CHECK)

bool job_field_is_text(const JobField *f) {
        return f->type[0] == 's';
}

/* Whether the value is a string, which the record owns. */
static bool is_string(const JobField *f) {
        return f->kind == FIELD_TEXT || f->kind == FIELD_LINE || f->kind == FIELD_OBJECT || f->kind == FIELD_LIST ||
               f->kind == FIELD_ATTEMPTS;
}

static void *member(const JobRecord *record, const JobField *f) {
        return (char *) record + f->offset;
}

const JobField *job_field_find(const char *name) {
        for (size_t i = 0; i < JOB_FIELDS_N; i++)
                if (streq(job_fields[i].name, name))
                        return &job_fields[i];
        return NULL;
}

const char *job_field_text(const JobRecord *record, const JobField *f) {
        switch (f->kind) {
        case FIELD_STATE:
                return job_state_to_string(record->state);
        case FIELD_REASON:
                return job_reason_to_string(record->reason);
        default:
                return is_string(f) ? *(char **) member(record, f) : NULL;
        }
}

int64_t job_field_number(const JobRecord *record, const JobField *f) {
        switch (f->type[0]) {
        case 't':
                return (int64_t) * (uint64_t *) member(record, f);
        case 'u':
                return *(uint32_t *) member(record, f);
        default:
                return *(int32_t *) member(record, f);
        }
}

int job_field_set_text(JobRecord *record, const JobField *f, const char *text) {
        char **slot = member(record, f), *copy;

        if (f->kind == FIELD_STATE) {
                record->state = job_state_from_string(text);
                return record->state < 0 ? -EBADMSG : 0;
        }
        if (f->kind == FIELD_REASON) {
                record->reason = job_reason_from_string(text);
                return record->reason < 0 ? -EBADMSG : 0;
        }
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(*slot);
        *slot = copy;
        return 0;
}

void job_field_set_number(JobRecord *record, const JobField *f, int64_t number) {
        if (f->type[0] == 't')
                *(uint64_t *) member(record, f) = (uint64_t) number;
        else if (f->kind == FIELD_FLAG)
                *(int *) member(record, f) = number != 0;
        else
                *(uint32_t *) member(record, f) = (uint32_t) number;
}

void job_record_clear(JobRecord *record) {
        for (size_t i = 0; i < JOB_FIELDS_N; i++)
                if (is_string(&job_fields[i]))
                        free(*(char **) member(record, &job_fields[i]));
        *record = JOB_RECORD_INIT;
}

int job_record_copy(const JobRecord *record, JobRecord *ret) {
        JobRecord copy = *record;
        bool failed = false;

        for (size_t i = 0; i < JOB_FIELDS_N; i++)
                if (is_string(&job_fields[i])) {
                        char **slot = member(&copy, &job_fields[i]);

                        *slot = *slot ? strdup(*slot) : NULL;
                        failed |= !*slot && *(char **) member(record, &job_fields[i]);
                }
        if (failed) {
                job_record_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int job_record_append_field(sd_bus_message *m, const JobRecord *record, const JobField *f) {
        if (job_field_is_text(f))
                return sd_bus_message_append_basic(m, 's', strempty(job_field_text(record, f)));
        return sd_bus_message_append_basic(m, f->type[0], member(record, f));
}

int job_record_append_entry(sd_bus_message *m, const JobRecord *record, const JobField *f) {
        int r;

        r = dict_open(m, f->name, f->type);
        if (r >= 0)
                r = job_record_append_field(m, record, f);
        return r < 0 ? r : dict_close(m);
}

static bool is_left_out(const JobRecord *record, const JobField *f) {
        if (job_field_is_text(f))
                return !job_field_text(record, f);
        return f->is_optional && job_field_number(record, f) == f->none;
}

size_t job_record_size(const JobRecord *record) {
        size_t size = 64 * JOB_FIELDS_N; /* their names and numbers */

        for (size_t i = 0; i < JOB_FIELDS_N; i++)
                size += strlen(strempty(job_field_text(record, &job_fields[i])));
        return size;
}

int job_record_append(sd_bus_message *m, const JobRecord *record) {
        char unit[JOB_UNIT_MAX];
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        for (size_t i = 0; i < JOB_FIELDS_N; i++) {
                if (is_left_out(record, &job_fields[i]))
                        continue;
                r = job_record_append_entry(m, record, &job_fields[i]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_append(m, "{sv}", "Unit", "s", job_unit_name(record->id, unit));
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int read_entry(sd_bus_message *m, const char *name, const char *type, void *record) {
        const JobField *f = job_field_find(name);
        const char *value;
        int r;

        if (!f || !streq(type, f->type))
                return DICT_SKIP;
        if (!job_field_is_text(f))
                return sd_bus_message_read_basic(m, *type, member(record, f));
        r = sd_bus_message_read_basic(m, 's', &value);
        return r < 0 ? r : job_field_set_text(record, f, value);
}

int job_record_read(sd_bus_message *m, JobRecord *ret) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = dict_read(m, read_entry, &record);
        if (r < 0)
                return r;
        if (!record.id)
                return -EBADMSG;
        *ret = job_record_take(&record);
        return 0;
}

const char *job_unit_name(const char *id, char ret[static JOB_UNIT_MAX]) {
        (void) snprintf(ret, JOB_UNIT_MAX, JOB_UNIT_PREFIX "%s" JOB_UNIT_SUFFIX, id);
        return ret;
}
