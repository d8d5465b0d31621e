/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the store share: its operations.
 *
 *   store.c        its life, its thread
 *   store-write.c  jobs and what happens to them
 *   store-read.c   looking up and listing */

#include "background.h"
#include "database.h"
#include "store.h"

struct Store {
        char *directory;
        sd_event *event;
        Database *db; /* of the thread, once it runs */
        Background *thread;
        sd_event_source *checkpoint_timer; /* since something was erased */
        uint64_t finished;
        uint64_t last_sequence;
        bool is_damaged; /* as was found while running */
        ExpireWalk expire_walk;
};

typedef struct StoreOp StoreOp;

/* What an expiry is to do, and has done. */
typedef struct StoreExpire {
        uint64_t before_usec;
        uint64_t bytes_max;
        ExpireWalk from;
        ExpireWalk walk; /* as far as it came */
        size_t n;
} StoreExpire;

/* One operation. execute runs on the thread and may run twice: a batch that fails is done again one by
 * one. finish runs on the loop and calls the caller back. */
struct StoreOp {
        BackgroundOp base; /* first */
        Store *store;
        const char *name; /* for failpoints */
        int (*execute)(Database *db, StoreOp *op);
        void (*finish)(StoreOp *op);
        int result;  /* of the transaction */
        int answer;  /* of a look-up: that something is not there does not fail the batch */
        void *userdata;
        union {
                StoreCallback plain;
                StoreInsertCallback insert;
                StoreExpireCallback expire;
                StoreSpecCallback spec;
                StoreFinishCallback finish;
                StoreLookupCallback lookup;
                StoreListCallback list;
                StoreStateCallback state;
                StoreWorkCallback work;
                StoreUnknownCallback unknown;
        } callback;

        JobRecord record; /* what to write; owned */
        JobLimits limits;
        JobOutcome outcome;
        char *instance;
        char *secret;
        char *consumer;
        char *key;
        uint64_t digest;
        char *existing;
        int refusal;
        uint64_t jobs_max;
        uint64_t bytes_max;
        void *spec; /* owned, and wiped when it is freed */
        size_t spec_size;
        size_t command_size;
        bool keep_input;
        bool paused;
        bool checkpoint; /* after the commit */
        StoredJob stored; /* what was read; owned */
        int stdin_fd; /* to append to the spec */
        int spec_fd;  /* the memfd that it is handed out in */
        uint64_t stdin_size;
        uint64_t sequence;
        StoreLookup lookup;
        StoreFilter filter;
        StoreExpire expire;
        char **ids;       /* of jobs to remove, to find, or that were forgotten; owned */
        size_t n_unknown; /* of ids, the first ones */
        JobRecord *records; /* what was read; owned */
        size_t n_records;
};

/* An operation of that name, on the job of that id if it is not NULL. */
int store_op_new(StoreOp **ret, Store *store, const char *name, const char *id, int (*execute)(Database *, StoreOp *),
                 void (*finish)(StoreOp *), void *userdata);
StoreOp *store_op_free(StoreOp *op);
DEFINE_CLEANUP(StoreOp *, store_op_free);

/* Hands it over to the thread, which frees it. */
void store_submit(Store *store, StoreOp *op);

/* Frees a spec, which may be NULL, without leaving a copy of its environment and input in memory. */
void store_free_spec(void *spec, size_t size);

/* A finish() that calls callback.plain, if there is one. */
void store_finish_plain(StoreOp *op);

/* Has what was erased wiped from the write-ahead log soon. */
void store_checkpoint_soon(Store *store);

int store_copy_string(const char *s, char **ret); /* NULL stays as it was */
void store_records_free(JobRecord *records, size_t n);
