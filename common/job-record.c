/* SPDX-License-Identifier: Apache-2.0 */

#include "job-record.h"

#define FIELD(bus_name, type, member) { bus_name, type, offsetof(JobRecord, member) }

static const JobField fields[] = {
        FIELD("Id", 's', id),
        FIELD("Kind", 's', kind),
        FIELD("Label", 's', label),
        FIELD("State", 's', state),
        FIELD("Reason", 's', reason),
        FIELD("ExitCode", 'i', exit_code),
        FIELD("Signal", 'i', signal),
        FIELD("Uid", 'u', uid),
        FIELD("Queue", 's', queue),
        FIELD("Directory", 's', directory),
        FIELD("Workspace", 's', workspace),
        FIELD("Session", 's', session),
        FIELD("CreatedUSec", 't', created_usec),
        FIELD("StartedUSec", 't', started_usec),
        FIELD("FinishedUSec", 't', finished_usec),
        FIELD("Sequence", 't', sequence),
        FIELD("Progress", 's', progress),
        FIELD("StdoutBytes", 't', stdout_bytes),
        FIELD("StderrBytes", 't', stderr_bytes),
        FIELD("Result", 's', result),
        FIELD("StoppedBy", 'u', stopped_by),
        FIELD("Notify", 'b', notify),
        FIELD("RetryOf", 's', retry_of),
        FIELD("CPUUsageUSec", 't', cpu_usage_usec),
        FIELD("MemoryPeak", 't', memory_peak),
        FIELD("ResultError", 's', result_error),
        FIELD("LeftBehind", 's', left_behind),
        FIELD("EndSource", 's', end_source),
};

static bool is_state(const JobField *f) {
        return f->offset == offsetof(JobRecord, state);
}

static bool is_reason(const JobField *f) {
        return f->offset == offsetof(JobRecord, reason);
}

static bool is_string(const JobField *f) {
        return f->type == 's' && !is_state(f) && !is_reason(f);
}

void job_record_clear(JobRecord *record) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (is_string(&fields[i]))
                        free(*(char **) ((char *) record + fields[i].offset));
        *record = JOB_RECORD_INIT;
}

int job_record_copy(const JobRecord *record, JobRecord *ret) {
        JobRecord copy = *record;
        bool failed = false;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (is_string(&fields[i])) {
                        char **slot = (char **) ((char *) &copy + fields[i].offset);

                        *slot = *slot ? strdup(*slot) : NULL;
                        failed |= !*slot && *(char *const *) ((const char *) record + fields[i].offset);
                }
        if (failed) {
                job_record_clear(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

const JobField *job_field_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (streq(fields[i].name, name))
                        return &fields[i];
        return NULL;
}

/* The string to send for a field of type 's'; NULL when it is absent. */
static const char *field_string(const JobRecord *record, const JobField *f) {
        if (is_state(f))
                return job_state_to_string(record->state);
        if (is_reason(f))
                return job_reason_to_string(record->reason);
        return *(char *const *) ((const char *) record + f->offset);
}

int job_record_append_field(sd_bus_message *m, const JobRecord *record, const JobField *f) {
        if (f->type == 's')
                return sd_bus_message_append_basic(m, 's', strempty(field_string(record, f)));
        return sd_bus_message_append_basic(m, f->type, (const char *) record + f->offset);
}

static int append_entry(sd_bus_message *m, const JobRecord *record, const JobField *f) {
        const char type[] = { f->type, 0 };
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append_basic(m, 's', f->name);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'v', type);
        if (r < 0)
                return r;
        r = job_record_append_field(m, record, f);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static bool field_is_absent(const JobRecord *record, const JobField *f) {
        if (f->type == 's')
                return !field_string(record, f);
        return (f->offset == offsetof(JobRecord, stopped_by) && record->stopped_by == UINT32_MAX) ||
                (f->offset == offsetof(JobRecord, cpu_usage_usec) && record->cpu_usage_usec == 0) ||
                (f->offset == offsetof(JobRecord, memory_peak) && record->memory_peak == 0);
}

size_t job_record_size(const JobRecord *record) {
        size_t size = 64 * ELEMENTSOF(fields); /* their names and numbers */

        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].type == 's')
                        size += strlen(strempty(field_string(record, &fields[i])));
        return size;
}

int job_record_append(sd_bus_message *m, const JobRecord *record) {
        char unit[JOB_UNIT_MAX];
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                if (field_is_absent(record, &fields[i]))
                        continue;
                r = append_entry(m, record, &fields[i]);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_append(m, "{sv}", "Unit", "s", job_unit_name(record->id, unit));
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int read_string(const JobField *f, const char *value, JobRecord *record) {
        char **slot, *copy;

        if (is_state(f)) {
                record->state = job_state_from_string(value);
                return record->state < 0 ? -EBADMSG : 0;
        }
        if (is_reason(f)) {
                record->reason = job_reason_from_string(value);
                return record->reason < 0 ? -EBADMSG : 0;
        }

        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        slot = (char **) ((char *) record + f->offset);
        free(*slot);
        *slot = copy;
        return 0;
}

static int read_entry(sd_bus_message *m, JobRecord *record) {
        const char *name, *contents, *value;
        const JobField *f;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        f = job_field_find(name);
        if (!f || contents[0] != f->type || contents[1])
                return sd_bus_message_skip(m, "v");

        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return r;
        if (f->type != 's')
                r = sd_bus_message_read_basic(m, f->type, (char *) record + f->offset);
        else {
                r = sd_bus_message_read_basic(m, 's', &value);
                if (r >= 0)
                        r = read_string(f, value, record);
        }
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

int job_record_read(sd_bus_message *m, JobRecord *ret) {
        _cleanup_job_record_ JobRecord record = JOB_RECORD_INIT;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, &record);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
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
