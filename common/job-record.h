/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is known of a job, as it stands in the store, travels over D-Bus and is shown to people. The
 * service and its clients share it, so that each field is written and read by one table. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "job-id.h"
#include "job-state.h"
#include "macro.h"

typedef struct JobRecord {
        char *id;
        char *kind;
        char *label;
        JobState state;
        JobReason reason;
        int32_t exit_code; /* 128+n for signal n, 143 cancelled, -1 none */
        int32_t signal;    /* 0: none */
        uint32_t uid;
        char *queue;
        char *directory; /* UTF-8: what of the path is not shows as U+FFFD */
        char *workspace; /* NULL: none; likewise session, progress, result */
        char *session;
        uint64_t created_usec; /* CLOCK_REALTIME, 0: not yet */
        uint64_t started_usec;
        uint64_t finished_usec;
        uint64_t sequence; /* 0: not terminal */
        char *progress;
        uint64_t stdout_bytes;
        uint64_t stderr_bytes;
        char *result;        /* JSON text of an object */
        uint32_t stopped_by; /* uid that cancelled it, UINT32_MAX: nobody */
        int notify;          /* a boolean, as sd-bus has it: whether desktop notifications tell of its end */
        char *retry_of;      /* the id of the job whose work it does again; NULL: none */
        uint64_t cpu_usage_usec; /* once terminal; 0: not known; likewise memory_peak, in bytes */
        uint64_t memory_peak;
        char *result_error; /* why what was in $CODEX_JOB_RESULT was not taken; NULL: it was, or there was nothing */
        char *left_behind;  /* "4242 sleep, 4243 redis-server": what was terminated after the command had ended */
        char *end_source;   /* "worker" or "manager": who saw its end; NULL: nobody */
} JobRecord;

/* The record of a job that nobody knows yet: no exit code, not stopped. */
#define JOB_RECORD_INIT                                                 \
        (JobRecord) {                                                   \
                .exit_code = -1, .stopped_by = UINT32_MAX, .notify = 1, \
        }

/* Frees what the record holds, not the record, and leaves it as JOB_RECORD_INIT. */
void job_record_clear(JobRecord *record);
#define _cleanup_job_record_ _cleanup_(job_record_clear)

/* Moves a record out of a variable that a cleanup would clear. */
static inline JobRecord job_record_take(JobRecord *record) {
        JobRecord taken = *record;

        *record = JOB_RECORD_INIT;
        return taken;
}

/* Copies a record into ret, which the caller clears. Returns 0 or -ENOMEM. */
int job_record_copy(const JobRecord *record, JobRecord *ret);

/* The D-Bus name of an entry and its type, for a table over all fields. */
typedef struct JobField {
        const char *name;
        char type;     /* 's', 'i', 'u', 't' or 'b', as in the D-Bus specification */
        size_t offset; /* in JobRecord; of state and reason the enum */
} JobField;

/* The field of that D-Bus name, NULL if there is none (Unit is none: it follows from the id). */
const JobField *job_field_find(const char *name);

/* Appends the value of one field, an absent string as "". Returns a negative errno on failure. */
int job_record_append_field(sd_bus_message *m, const JobRecord *record, const JobField *field);

/* Appends the record as a{sv}; absent entries are left out. Returns a negative errno on failure. */
int job_record_append(sd_bus_message *m, const JobRecord *record);

/* About how many bytes the record is in a message, rather more. */
size_t job_record_size(const JobRecord *record);

/* Reads an a{sv} into ret, which the caller clears. Entries it does not know are passed over.
 * Returns 0, -EBADMSG when a state or reason is unknown or the id is missing, or a negative errno. */
int job_record_read(sd_bus_message *m, JobRecord *ret);

#define JOB_UNIT_MAX (sizeof(JOB_UNIT_PREFIX JOB_UNIT_SUFFIX) + 48)

/* The name of the systemd unit of a job, in ret. Returns ret. */
const char *job_unit_name(const char *id, char ret[static JOB_UNIT_MAX]);
