/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The store: every job that was accepted, on disk, in an SQLite database, see store-internal.h. All
 * operations run in order on one thread; those that wait while a commit is under way share the next one.
 * A callback runs on the event loop once its operation is durable (synchronous=FULL, WAL), in the order
 * of the operations, and also for an operation that failed. */

#include <systemd/sd-event.h>

#include "job-end.h"
#include "spec.h"

typedef struct Store Store;

/* Results are 0, -ENOSPC when the disk is full, or a negative errno. */
typedef void (*StoreCallback)(int r, void *userdata);

/* A job as it was found in the store. */
typedef struct StoredJob {
        JobRecord record;
        JobLimits limits;
        char *instance;        /* see store_begin() */
        char *secret;
        JobReason stop_reason; /* see store_stop() */
} StoredJob;
void stored_job_clear(StoredJob *stored);

/* Opens the store in an existing directory, or makes it; brings an older schema up to date.
 * Synchronous: for the start of the service. A damaged store is set aside, loudly, and what can be read of
 * it is taken over. Returns 0, -EBUSY when another service holds the store, -EPROTONOSUPPORT when a newer
 * version wrote it, or a negative errno. Logs what is wrong with it. */
int store_new(Store **ret, sd_event *event, const char *directory);

/* Commits what was handed over, calls back, closes. Takes NULL; returns NULL. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Calls found for each job that is not terminal, oldest first, until it returns a negative errno. The
 * job's strings may be taken. Synchronous: for the start. */
int store_load_live(Store *store, int (*found)(StoredJob *stored, void *userdata), void *userdata);

/* Calls found for each job that is forgotten and whose files are still to be deleted. Synchronous, as above. */
int store_load_discarded(Store *store, int (*found)(const char *id, void *userdata), void *userdata);

/* Calls found for each user whose queue is paused. Synchronous, as above. */
int store_load_paused(Store *store, int (*found)(uint32_t uid, void *userdata), void *userdata);

/* Records whether the queue of a user is paused. */
int store_set_paused(Store *store, uint32_t uid, bool paused, StoreCallback callback, void *userdata);

/* Records that the files of a forgotten job are deleted. Nobody waits for it. */
int store_forget(Store *store, const char *id);

/* Numbers as of the last operation that was called back. */
uint64_t store_finished(const Store *store);
uint64_t store_last_sequence(const Store *store);

/* What a new job is recorded with, beside itself. */
typedef struct StoreInsert {
        void *spec; /* encoded; taken over, also on failure */
        size_t spec_size;
        size_t command_size; /* how much of it is kept of an ended job, 0: nothing */
        int stdin_fd; /* a copy is made; exactly stdin_size bytes are appended to the spec by the thread. -1: none */
        uint64_t stdin_size;
        const char *key; /* IdempotencyKey, NULL: none */
        uint64_t digest; /* of the request without its standard input */
        uint64_t jobs_max;  /* of its user; 0: any */
        uint64_t bytes_max; /* of output of its user; 0: any */
        const char *instance; /* begin it at once, as store_begin() does; NULL: it is queued */
        const char *secret;   /* with instance */
        int refusal; /* negative errno: it cannot be recorded; asked is only for what its key stands for */
} StoreInsert;

/* Records a new job. existing: the id of the job that an equal request with that key has made before, and
 * nothing was recorded; NULL when it is a new one. spec_fd: see store_begin(), of a job that is begun at
 * once. -EKEYREJECTED: the key stands for another request; -EDQUOT: the user has too much stored. */
typedef void (*StoreInsertCallback)(int r, const char *existing, int spec_fd, void *userdata);
int store_insert(Store *store, const JobRecord *record, const JobLimits *limits, const StoreInsert *insert,
                 StoreInsertCallback callback, void *userdata);

/* Records that the job is about to be started under that instance of the service manager, with a secret for its worker,
 * and hands out its spec in a memfd, not sealed yet, which the callback owns (-1 on failure). NULL for the instance: it is not after
 * all, and waits again; the callback may be NULL, too. */
typedef void (*StoreSpecCallback)(int r, int spec_fd, void *userdata);
int store_begin(Store *store, const char *id, const char *instance, const char *secret, StoreSpecCallback callback, void *userdata);

/* Records that the job's unit was started. Nobody waits for it. */
int store_started(Store *store, const char *id, uint64_t started_usec);

/* Records that we are about to end the job, why, and on whose behalf (UINT32_MAX: our own). */
int store_stop(Store *store, const char *id, JobReason reason, uint32_t uid, StoreCallback callback, void *userdata);

/* Records the outcome of a job and, unless keep_input, erases its environment and standard input: at once in the
 * database, within seconds on the disk. sequence is the job's place among all that finished. */
typedef void (*StoreFinishCallback)(int r, uint64_t sequence, void *userdata);
int store_finish(Store *store, const JobRecord *record, const JobOutcome *outcome, bool keep_input,
                 StoreFinishCallback callback, void *userdata);

/* Looks ids or prefixes up among the jobs of uid (STORE_ANY_UID: of all). */
#define STORE_ANY_UID UINT32_MAX
typedef struct StoreLookup {
        char **ids;         /* in: NULL-terminated, owned */
        uint32_t uid;       /* in */
        JobRecord *records; /* out: one an id, in their order; the callback may take their strings */
        size_t n_records;
        const char *missing;  /* out, on -ENOENT or -EMLINK: the id that stands for no job, or several */
        char *candidates;     /* out, on -EMLINK: some of the jobs it stands for, separated by ", " */
} StoreLookup;
typedef void (*StoreLookupCallback)(int r, StoreLookup *lookup, void *userdata);
int store_lookup(Store *store, char *const *ids, size_t n, uint32_t uid, StoreLookupCallback callback, void *userdata);

/* Reads what a job was made of: its record, its limits, and what is left of its spec (see spec-format.h), all valid
 * for the call. -ENOENT when it is gone, or nothing is left. */
typedef void (*StoreWorkCallback)(int r, const StoredJob *stored, const void *spec, size_t spec_size, void *userdata);
int store_read_work(Store *store, const char *id, StoreWorkCallback callback, void *userdata);

/* Lists jobs. */
typedef struct StoreFilter {
        unsigned states; /* bits 1 << JobState; 0: any */
        char *kind;      /* NULL: any; owned, as the others */
        char *workspace;
        char *session;
        char *before;            /* id in full */
        uint32_t uid;            /* STORE_ANY_UID: any */
        uint64_t after_sequence; /* UINT64_MAX: not asked for */
        uint32_t limit;
} StoreFilter;
void store_filter_clear(StoreFilter *filter);
typedef void (*StoreListCallback)(int r, JobRecord *records, size_t n, void *userdata);
/* Takes the filter's strings over, also on failure. */
int store_list(Store *store, StoreFilter *filter, StoreListCallback callback, void *userdata);

/* Forgets terminal jobs: all, or none and -EBUSY when one is not terminal, -ENOENT when one is gone. */
int store_remove(Store *store, char *const *ids, size_t n, StoreCallback callback, void *userdata);

/* Lists what has finished since a consumer of uid acknowledged last, oldest first; registers the consumer. */
int store_inbox(Store *store, uint32_t uid, const char *consumer, uint32_t limit, StoreListCallback callback, void *userdata);

/* Records that a consumer has seen all up to a sequence. It never goes back. */
int store_acknowledge(Store *store, uint32_t uid, const char *consumer, uint64_t sequence, StoreCallback callback, void *userdata);

/* Forgets what retention does not keep: jobs that ended before a time, and the oldest of each user of whom all together
 * have more than bytes_max of output, as far as no consumer has yet to acknowledge them. 0: no such bound. */
typedef void (*StoreExpireCallback)(int r, char *const *ids, size_t n, void *userdata);
int store_expire(Store *store, uint64_t before_usec, uint64_t bytes_max, StoreExpireCallback callback, void *userdata);

/* Whether a job of that id is recorded, for the sweep of left-over units: calls back with 0,
 * -ENOENT, -ESTALE when it is forgotten and its files are still to be deleted, or another negative errno; state
 * is valid with 0. */
typedef void (*StoreStateCallback)(int r, JobState state, void *userdata);
int store_get_state(Store *store, const char *id, StoreStateCallback callback, void *userdata);

/* The same for files, many at once: calls back with those of the ids that are not there and not forgotten either. */
typedef void (*StoreUnknownCallback)(int r, char *const *ids, size_t n, void *userdata);
int store_find_unknown(Store *store, char *const *ids, size_t n, StoreUnknownCallback callback, void *userdata);
