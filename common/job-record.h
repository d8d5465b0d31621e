/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The record of a job, as stored, sent over D-Bus and shown. The service and its clients share it, so that each
 * field is written and read through one table. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "job-attempts.h"
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
        char *directory; /* UTF-8, with U+FFFD for other bytes of the path */
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
        int notify;          /* a boolean, as in sd-bus: whether codex-jobs-notify shows its end */
        char *retry_of;      /* the ID of the job that it retries; NULL: none */
        uint64_t cpu_usage_usec; /* once terminal; 0: not known; likewise memory_peak, in bytes */
        uint64_t memory_peak;
        char *result_error; /* why $CODEX_JOB_RESULT was not accepted; NULL: accepted, or none */
        char *left_behind;  /* "4242 sleep, 4243 redis-server": terminated after the command had exited */
        char *end_source;   /* "worker" or "manager": source of its end; NULL: none */
        char *resource_limits; /* the text of resource-limits.h; NULL: none */
        int32_t priority;         /* among the jobs of its user */
        int held;                 /* a boolean: it waits to be released */
        uint64_t not_before_usec; /* CLOCK_REALTIME, 0: at once */
        char *after;              /* what it depends or depended on, see job-after.h; NULL: nothing */
        char *failed_dependency;  /* the ID of the job because of which it can never start; NULL: none */
        uint64_t retries;          /* attempts after the first one; likewise: */
        uint64_t retry_delay_usec; /* before the second one */
        char *retry_on;            /* see job-attempts.h; NULL: the default */
        uint64_t attempt;          /* the one that runs, or was the last; 0: none has begun */
        char *attempts;            /* those that have ended, of a job with retries; NULL: none */
        uint64_t next_attempt_usec; /* CLOCK_REALTIME; 0: it does not wait for one */
        char *parent; /* the ID of the job that submitted it; NULL: none */
        int detached; /* a boolean: it keeps running when that one is cancelled */
        int32_t slot;             /* its number among the jobs of its queue that run or ran with it; -1: none yet */
        char *launcher; /* what runs it, once it has begun; NULL: this host */
        char *place;    /* where it runs there, as told by that; NULL: not known; and its number there */
        char *place_id;
        char *wait_reason;        /* why it is queued: a word, and for people; NULL: it is not */
        char *wait_text;
} JobRecord;

/* The fields of a record. A row has
 *   its name on the bus: an entry of a{sv}, and a property of org.codex.Jobs.Job
 *   its kind, which determines its types in C, on the bus and in JSON
 *   its member above, which is also its column in the store
 *   the number that stands for none, or NEVER; for texts NULL does
 *   ALWAYS; or OPTIONAL: its entry is omitted if there is none
 *   when it is stored: ENQUEUED, with the job; ENDED, again with its end; UNSTORED, it is computed when it is asked for
 *   how changes of its property are signalled: CONSTANT, CHANGED (with the value), INVALIDATED, SILENT; NONE: no property
 *   its name in JSON
 *
 * Kinds: TEXT; LINE, text of callers and jobs; LIST, words with a blank between them; ATTEMPTS, see
 * job-attempts.h; OBJECT in JSON; STATE and REASON, sent as words; INTEGER; USER; TIME,
 * 0: not yet; NUMBER; SEQUENCE; FLAG. Unit is not a field: it is derived from the ID. */
#define JOB_FIELDS(FIELD)                                                                                             \
        FIELD("Id",           TEXT,     id,             0,          ALWAYS,   ENQUEUED, CONSTANT,    "id")            \
        FIELD("Kind",         TEXT,     kind,           0,          ALWAYS,   ENQUEUED, CONSTANT,    "kind")          \
        FIELD("Label",        LINE,     label,          0,          ALWAYS,   ENQUEUED, CHANGED,     "label")         \
        FIELD("State",        STATE,    state,          NEVER,      ALWAYS,   ENDED,    CHANGED,     "state")         \
        FIELD("Reason",       REASON,   reason,         NEVER,      ALWAYS,   ENDED,    CHANGED,     "reason")        \
        FIELD("ExitCode",     INTEGER,  exit_code,      -1,         ALWAYS,   ENDED,    CHANGED,     "exit_code")     \
        FIELD("Signal",       INTEGER,  signal,         0,          ALWAYS,   ENDED,    INVALIDATED, "signal")        \
        FIELD("Uid",          USER,     uid,            NEVER,      ALWAYS,   ENQUEUED, CONSTANT,    "uid")           \
        FIELD("Queue",        TEXT,     queue,          0,          ALWAYS,   ENQUEUED, CHANGED,     "queue")         \
        FIELD("Directory",    TEXT,     directory,      0,          OPTIONAL, ENQUEUED, CONSTANT,    "directory")     \
        FIELD("Workspace",    TEXT,     workspace,      0,          OPTIONAL, ENQUEUED, CONSTANT,    "workspace")     \
        FIELD("Session",      TEXT,     session,        0,          OPTIONAL, ENQUEUED, CONSTANT,    "session")       \
        FIELD("CreatedUSec",  TIME,     created_usec,   0,          ALWAYS,   ENQUEUED, CONSTANT,    "created_at")    \
        FIELD("StartedUSec",  TIME,     started_usec,   0,          ALWAYS,   ENDED,    INVALIDATED, "started_at")    \
        FIELD("FinishedUSec", TIME,     finished_usec,  0,          ALWAYS,   ENDED,    INVALIDATED, "finished_at")   \
        FIELD("Sequence",     SEQUENCE, sequence,       0,          ALWAYS,   ENDED,    INVALIDATED, "sequence")      \
        FIELD("Progress",     LINE,     progress,       0,          OPTIONAL, ENDED,    INVALIDATED, "progress")      \
        FIELD("StdoutBytes",  NUMBER,   stdout_bytes,   NEVER,      ALWAYS,   ENDED,    SILENT,      "stdout_bytes")  \
        FIELD("StderrBytes",  NUMBER,   stderr_bytes,   NEVER,      ALWAYS,   ENDED,    SILENT,      "stderr_bytes")  \
        FIELD("Result",       OBJECT,   result,         0,          OPTIONAL, ENDED,    INVALIDATED, "result")        \
        FIELD("StoppedBy",    USER,     stopped_by,     UINT32_MAX, OPTIONAL, ENDED,    NONE,        "stopped_by")    \
        FIELD("CPUUsageUSec", NUMBER,   cpu_usage_usec, 0,          OPTIONAL, ENDED,    NONE,        "cpu_usage_usec")\
        FIELD("MemoryPeak",   NUMBER,   memory_peak,    0,          OPTIONAL, ENDED,    NONE,        "memory_peak")   \
        FIELD("Notify",       FLAG,     notify,         NEVER,      ALWAYS,   ENQUEUED, CONSTANT,    "notify")        \
        FIELD("RetryOf",      TEXT,     retry_of,       0,          OPTIONAL, ENQUEUED, CONSTANT,    "retry_of")      \
        FIELD("ResultError",  LINE,     result_error,   0,          OPTIONAL, ENDED,    INVALIDATED, "result_error")  \
        FIELD("LeftBehind",   LINE,     left_behind,    0,          OPTIONAL, ENDED,    INVALIDATED, "left_behind")   \
        FIELD("EndSource",    TEXT,     end_source,     0,          OPTIONAL, ENDED,    INVALIDATED, "end_source")    \
        FIELD("ResourceLimits", TEXT,   resource_limits, 0,         OPTIONAL, ENQUEUED, CONSTANT,    "resource_limits")    \
        FIELD("Priority",     INTEGER,  priority,       NEVER,      ALWAYS,   ENQUEUED, CHANGED,     "priority")      \
        FIELD("Held",         FLAG,     held,           NEVER,      ALWAYS,   ENQUEUED, CHANGED,     "held")          \
        FIELD("NotBeforeUSec", TIME,    not_before_usec, 0,         OPTIONAL, ENQUEUED, CHANGED,     "not_before")    \
        FIELD("After",        LIST,     after,          0,          OPTIONAL, ENQUEUED, CHANGED,     "after")         \
        FIELD("FailedDependency", TEXT, failed_dependency, 0,       OPTIONAL, ENDED,    INVALIDATED, "failed_dependency") \
        FIELD("Retries",      NUMBER,   retries,        NEVER,      ALWAYS,   ENQUEUED, CONSTANT,    "retries")       \
        FIELD("RetryDelayUSec", NUMBER, retry_delay_usec, NEVER,    ALWAYS,   ENQUEUED, CONSTANT,    "retry_delay_usec") \
        FIELD("RetryOn",      LIST,     retry_on,       0,          OPTIONAL, ENQUEUED, CONSTANT,    "retry_on")      \
        FIELD("Attempt",      NUMBER,   attempt,        NEVER,      ALWAYS,   ENDED,    INVALIDATED, "attempt")       \
        FIELD("Attempts",     ATTEMPTS, attempts,       0,          OPTIONAL, ENDED,    INVALIDATED, "attempts")      \
        FIELD("NextAttemptUSec", TIME,  next_attempt_usec, 0,       OPTIONAL, ENDED,    INVALIDATED, "next_attempt_at") \
        FIELD("Parent",       TEXT,     parent,         0,          OPTIONAL, ENQUEUED, CONSTANT,    "parent")        \
        FIELD("Detached",     FLAG,     detached,       NEVER,      ALWAYS,   ENQUEUED, CONSTANT,    "detached")      \
        FIELD("Slot",         INTEGER,  slot,           -1,         OPTIONAL, ENDED,    INVALIDATED, "slot")          \
        FIELD("Launcher",     TEXT,     launcher,       0,          OPTIONAL, ENDED,    INVALIDATED, "launcher")      \
        FIELD("Place",        LINE,     place,          0,          OPTIONAL, ENDED,    INVALIDATED, "place")         \
        FIELD("PlaceId",      LINE,     place_id,       0,          OPTIONAL, ENDED,    INVALIDATED, "place_id")      \
        FIELD("WaitReason",   TEXT,     wait_reason,    0,          OPTIONAL, UNSTORED, INVALIDATED, "wait_reason")   \
        FIELD("WaitText",     LINE,     wait_text,      0,          OPTIONAL, UNSTORED, INVALIDATED, "wait_text")

typedef enum JobFieldKind {
        FIELD_TEXT,
        FIELD_LINE,
        FIELD_OBJECT,
        FIELD_LIST,
        FIELD_ATTEMPTS,
        FIELD_STATE,
        FIELD_REASON,
        FIELD_INTEGER,
        FIELD_USER,
        FIELD_TIME,
        FIELD_NUMBER,
        FIELD_SEQUENCE,
        FIELD_FLAG,
} JobFieldKind;

/* The type of a kind on the bus. */
#define FIELD_TYPE(kind)                                                                                     \
        (FIELD_##kind <= FIELD_REASON ? "s" : FIELD_##kind == FIELD_INTEGER ? "i" : FIELD_##kind == FIELD_USER ? "u" : \
         FIELD_##kind == FIELD_FLAG ? "b" : "t")

#define FIELD_NEVER INT64_MIN

typedef struct JobField {
        const char *name;
        JobFieldKind kind;
        const char *type;
        size_t offset; /* in JobRecord */
        int64_t none;  /* FIELD_NEVER: every number is a value */
        bool is_optional;
        bool is_of_end;
        bool is_stored;
        bool is_signalled; /* signalled with its value when it changes */
        const char *json;
} JobField;

#define ONE_FIELD(...) +1
enum { JOB_FIELDS_N = 0 JOB_FIELDS(ONE_FIELD) };
extern const JobField job_fields[JOB_FIELDS_N];

/* The field with that D-Bus name, NULL if there is none. */
const JobField *job_field_find(const char *name);

/* Its value as a text, of a state or reason the word; NULL: none, or it is a number. And its value as a number. */
const char *job_field_text(const JobRecord *record, const JobField *field);
int64_t job_field_number(const JobRecord *record, const JobField *field);
bool job_field_is_text(const JobField *field);

/* Sets it to a copy of a text: 0, -ENOMEM, or -EBADMSG for an unknown state or reason. */
int job_field_set_text(JobRecord *record, const JobField *field, const char *text);
void job_field_set_number(JobRecord *record, const JobField *field, int64_t number);

/* An empty record: no exit code, not stopped. */
#define JOB_RECORD_INIT                                                 \
        (JobRecord) {                                                   \
                .exit_code = -1, .stopped_by = UINT32_MAX, .notify = 1, .slot = -1, \
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

/* Appends the value of one field, "" for a missing string. Returns a negative errno on failure. */
int job_record_append_field(sd_bus_message *m, const JobRecord *record, const JobField *field);

/* The same, as an entry of a{sv}. */
int job_record_append_entry(sd_bus_message *m, const JobRecord *record, const JobField *field);

/* Appends the record as a{sv} without missing entries. Returns a negative errno on failure. */
int job_record_append(sd_bus_message *m, const JobRecord *record);

/* An upper estimate of the size of the record in a message, in bytes. */
size_t job_record_size(const JobRecord *record);

/* Reads an a{sv} into ret, which the caller clears. Ignores unknown entries. Returns 0, -EBADMSG if a state or
 * reason is unknown or the ID is missing, or a negative errno. */
int job_record_read(sd_bus_message *m, JobRecord *ret);

#define JOB_UNIT_MAX (sizeof(JOB_UNIT_PREFIX JOB_UNIT_SUFFIX) + 48)

/* The name of the systemd unit of a job, in ret. Returns ret. */
const char *job_unit_name(const char *id, char ret[static JOB_UNIT_MAX]);
