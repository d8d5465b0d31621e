/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* The store: every accepted job, on disk, in an SQLite database, see store-internal.h. All operations run in order
 * on one thread; operations that arrive during a commit share the next one. A callback runs on the event loop once
 * its operation is durable (synchronous=FULL, WAL), in the order of the operations, and also if the operation
 * failed. */

#include <systemd/sd-event.h>

#include "job-after.h"
#include "job-end.h"
#include "job-error.h"
#include "spec.h"

typedef struct Store Store;

/* Results are 0, -ENOSPC if the disk is full, or a negative errno. */
typedef void (*StoreCallback)(int r, void *userdata);

/* A job as found in the store. */
typedef struct StoredJob {
        JobRecord record;
        JobLimits limits;
        char *instance;        /* see store_begin() */
        char *secret;
        JobReason stop_reason; /* see store_stop() */
} StoredJob;
void stored_job_clear(StoredJob *stored);

/* Opens the store in an existing directory, or creates it; migrates an older schema. Synchronous: for the start of
 * the service. A corrupt database is moved aside, with a critical log message, and readable records are recovered.
 * Returns 0, -EBUSY if another service uses the store, -EPROTONOSUPPORT if a newer version wrote it, or a negative
 * errno. Logs errors. */
int store_new(Store **ret, sd_event *event, const char *directory);

/* Commits submitted operations, calls back, and closes the store. Takes NULL; returns NULL. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Calls found for each job that is not terminal, oldest first, until it returns a negative errno. The
 * job's strings may be taken. Synchronous: for the start. */
int store_load_live(Store *store, int (*found)(StoredJob *stored, void *userdata), void *userdata);

/* Calls found for each removed job whose files are not deleted yet. Synchronous, as above. */
int store_load_discarded(Store *store, int (*found)(const char *id, void *userdata), void *userdata);

/* A queue that its user made, or paused. */
typedef struct StoreQueue {
        uint32_t uid;
        char name[JOB_QUEUE_MAX + 1];
        uint32_t made; /* a boolean */
        uint32_t max_running; /* 0: no limit */
        uint32_t paused; /* a boolean */
} StoreQueue;

/* Calls found for each of them. Synchronous, as above. */
int store_load_queues(Store *store, int (*found)(const StoreQueue *queue, void *userdata), void *userdata);

/* Calls found for each dependency of a job on another one that has not ended. Synchronous, as above. */
int store_load_dependencies(Store *store, int (*found)(const char *id, const char *other, JobCondition condition, void *userdata),
                            void *userdata);

/* Records whether a queued job is held. -JOB_ERROR_NOT_QUEUED if it has begun or ended. */
int store_hold(Store *store, const char *id, bool held, StoreCallback callback, void *userdata);

/* Records what Edit changes of a queued job, see spec_read_edit(), all or nothing: -JOB_ERROR_NOT_EDITABLE if it has begun or
 * ended, or never can begin. The changes are valid until the callback. other: a new dependency that has ended, and not as
 * required, or NULL; with -JOB_ERROR_NO_DEPENDENCY, the one that does not exist. That there is no circle is up to the caller. */
typedef void (*StoreEditCallback)(int r, const char *other, void *userdata);
int store_edit(Store *store, const char *id, const Spec *changes, StoreEditCallback callback, void *userdata);

/* Records that a queue is made, with its limit, or removed; whether it is paused. */
int store_change_queue(Store *store, const StoreQueue *queue, StoreCallback callback, void *userdata);
int store_pause_queue(Store *store, const StoreQueue *queue, StoreCallback callback, void *userdata);

/* Records that the files of a removed job are deleted. There is no callback. */
int store_forget(Store *store, const char *id);

/* Values as of the last completed operation. */
uint64_t store_finished(const Store *store);
uint64_t store_last_sequence(const Store *store);

/* What is recorded with a new job. */
typedef struct StoreInsert {
        void *spec; /* encoded; ownership is taken, even on failure */
        size_t spec_size;
        size_t command_size; /* bytes of it that are kept after the end of the job, 0: none */
        int stdin_fd; /* duplicated; exactly stdin_size bytes are appended to the spec by the thread. -1: none */
        uint64_t stdin_size;
        const char *key; /* IdempotencyKey, NULL: none */
        uint64_t digest; /* of the request without its standard input */
        uint64_t jobs_max;  /* limit of its user; 0: none */
        uint64_t bytes_max; /* of output of its user; 0: none */
        const char *instance; /* begin immediately, as store_begin() does; NULL: it is queued */
        const char *secret;   /* with instance */
        int refusal; /* negative error: do not record it; only look for a job with its key */
} StoreInsert;

typedef struct StoreInserted {
        const char *existing; /* ID of the job that an equal request with that key has created before, in which case
                               * nothing was recorded; NULL: a new one */
        int spec_fd;          /* see store_begin(), for a job that begins immediately; the callback owns it. A negative
                               * errno: the job was recorded, and cannot begin yet */
        char *const *removed; /* IDs of jobs that were removed for this one, even if it was not recorded */
        size_t n_removed;
        const char *largest;  /* with -JOB_ERROR_STORED_TOO_MUCH: the finished jobs with the most output */
        const char *missing;  /* with -JOB_ERROR_NO_DEPENDENCY: a job on which it depends, and that does not exist */
        const char *failed_dependency; /* a job that has ended otherwise than the new one requires; NULL: none */
} StoreInserted;

/* Records a new job. If its user has reached a limit, the oldest finished jobs that no consumer still needs are removed
 * first. -JOB_ERROR_KEY_CONFLICT, -JOB_ERROR_NO_DEPENDENCY, -JOB_ERROR_STDIN_TRUNCATED, -JOB_ERROR_STORED_TOO_MUCH, -JOB_ERROR_STORED_UNFINISHED
 * if no job of the user has finished. */
typedef void (*StoreInsertCallback)(int r, const StoreInserted *inserted, void *userdata);
int store_insert(Store *store, const JobRecord *record, const JobLimits *limits, const StoreInsert *insert,
                 StoreInsertCallback callback, void *userdata);

/* Records that the job is about to be started under that instance of the service manager, with a secret for its
 * worker, as the attempt of that number, and returns its spec in a memfd, not sealed yet, which the callback owns (-1 on
 * failure). NULL for the instance: the start is revoked, and the job waits again; the callback may then be NULL. slot and
 * launcher: see JobRecord. */
typedef void (*StoreSpecCallback)(int r, int spec_fd, void *userdata);
int store_begin(Store *store, const char *id, const char *instance, const char *secret, uint64_t attempt, int32_t slot,
                const char *launcher, StoreSpecCallback callback, void *userdata);

/* Records that an attempt has ended, and that the job waits for the next one: its attempts, the time of the next one, and the
 * sizes of its output. */
int store_retry(Store *store, const JobRecord *record, StoreCallback callback, void *userdata);

/* Records that a job which is not terminal is being reaped, in place of the instance under which it began. */
int store_reap(Store *store, const char *id, const char *instance, StoreCallback callback, void *userdata);

/* Records that the unit of the job was started. There is no callback. */
int store_started(Store *store, const char *id, uint64_t started_usec);

/* Records that the job is about to be stopped, why, and on whose behalf (UINT32_MAX: the service itself). If it is
 * cancelled, so are all jobs below it that are not detached. */
int store_stop(Store *store, const char *id, JobReason reason, uint32_t uid, StoreCallback callback, void *userdata);

/* Records the outcome of a job, what it means for those that depend on it, and, unless keep_input, erases its environment and standard input: immediately in the
 * database, within seconds on the disk. sequence is the position of the job among all finished jobs. */
typedef void (*StoreFinishCallback)(int r, uint64_t sequence, void *userdata);
int store_finish(Store *store, const JobRecord *record, const JobOutcome *outcome, bool keep_input,
                 StoreFinishCallback callback, void *userdata);

/* Looks up IDs or prefixes among the jobs of uid (STORE_ANY_UID: of all users). */
#define STORE_ANY_UID UINT32_MAX
typedef struct StoreLookup {
        char **ids;         /* in: NULL-terminated, owned */
        uint32_t uid;       /* in */
        JobRecord *records; /* out: one per ID, in their order; the callback may take their strings */
        size_t n_records;
        const char *missing;  /* out, on -ENOENT or -JOB_ERROR_AMBIGUOUS_ID: the ID that matches no job, or several */
        char *candidates;     /* out, on -JOB_ERROR_AMBIGUOUS_ID: some of the jobs that match, separated by ", " */
} StoreLookup;
typedef void (*StoreLookupCallback)(int r, StoreLookup *lookup, void *userdata);
int store_lookup(Store *store, char *const *ids, size_t n, uint32_t uid, StoreLookupCallback callback, void *userdata);

/* Reads the specification of a job: its record, its limits, and the part of its spec that is left (see
 * spec-format.h), all valid during the call. -ENOENT if the job does not exist, or nothing is left. */
typedef void (*StoreWorkCallback)(int r, const StoredJob *stored, const void *spec, size_t spec_size, void *userdata);
int store_read_work(Store *store, const char *id, StoreWorkCallback callback, void *userdata);

/* Lists jobs. */
typedef struct StoreFilter {
        unsigned states; /* bits 1 << JobState; 0: any */
        char *kind;      /* NULL: any; owned, as the others */
        char *workspace;
        char *session;
        char *before;            /* a full ID */
        uint32_t uid;            /* STORE_ANY_UID: any */
        uint64_t after_sequence; /* UINT64_MAX: not set */
        uint32_t limit;
} StoreFilter;
void store_filter_clear(StoreFilter *filter);
typedef void (*StoreListCallback)(int r, JobRecord *records, size_t n, void *userdata);
/* Takes ownership of the strings of the filter, even on failure. */
int store_list(Store *store, StoreFilter *filter, StoreListCallback callback, void *userdata);

/* Removes terminal jobs: all, or none and -EBUSY if one is not terminal, -ENOENT if one does not exist. */
int store_remove(Store *store, char *const *ids, size_t n, StoreCallback callback, void *userdata);

/* Lists the jobs that finished since the last acknowledgement of a consumer of uid, oldest first; registers the
 * consumer. Beyond JOB_CONSUMERS_MAX of a user, the one that was not seen for the longest time is forgotten. */
int store_inbox(Store *store, uint32_t uid, const char *consumer, uint32_t limit,
                StoreListCallback callback, void *userdata);

/* Records that a consumer has processed all jobs up to a sequence. The number never decreases. */
int store_acknowledge(Store *store, uint32_t uid, const char *consumer, uint64_t sequence,
                      StoreCallback callback, void *userdata);

/* Lists the consumers of uid, the one that was not seen for the longest time first. */
typedef struct StoreConsumer {
        char *name;
        uint64_t sequence;  /* acknowledged */
        uint64_t seen_usec; /* last call, CLOCK_REALTIME; to the second */
        uint64_t unread;    /* boolean: finished jobs are stored that it has not acknowledged */
} StoreConsumer;
typedef void (*StoreConsumersCallback)(int r, const StoreConsumer *consumers, size_t n, void *userdata);
int store_list_consumers(Store *store, uint32_t uid, StoreConsumersCallback callback, void *userdata);

/* Forgets a consumer. -JOB_ERROR_NO_CONSUMER. */
int store_forget_consumer(Store *store, uint32_t uid, const char *consumer, StoreCallback callback, void *userdata);

/* Applies retention: removes jobs that finished before a time, consumers that were not seen since then, and the oldest
 * jobs of each user whose output exceeds bytes_max in total, except those that a consumer has not acknowledged. 0: no
 * limit. */
typedef struct StoreExpired {
        char *const *ids;
        size_t n;
        size_t n_consumers;
} StoreExpired;
typedef void (*StoreExpireCallback)(int r, const StoreExpired *expired, void *userdata);
int store_expire(Store *store, uint64_t before_usec, uint64_t bytes_max, StoreExpireCallback callback, void *userdata);

/* Whether a job with that ID is recorded, for the sweep of left-over units: calls back with 0, -ENOENT,
 * -JOB_ERROR_GONE if it is removed and its files are not deleted yet, or another negative errno; state is valid with 0. */
typedef void (*StoreStateCallback)(int r, JobState state, void *userdata);
int store_get_state(Store *store, const char *id, StoreStateCallback callback, void *userdata);

/* The same for files, many at once: calls back with those of the IDs that are neither recorded nor removed. */
typedef void (*StoreUnknownCallback)(int r, char *const *ids, size_t n, void *userdata);
int store_find_unknown(Store *store, char *const *ids, size_t n, StoreUnknownCallback callback, void *userdata);
