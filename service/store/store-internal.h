/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* Internals of the store: how an operation gets to the thread and back. Each type of operation is a struct that starts
 * with a StoreOp, and is in the file of its subject together with its statements:
 *
 *   store.c          life cycle of the store, its thread
 *   store-op.c       common parts of operations
 *   store-after.c    what queued jobs wait for: other jobs, their release
 *   store-consumer.c consumers of inboxes
 *   store-edit.c     changes of queued jobs
 *   store-enqueue.c  new jobs
 *   store-job.c      changes of a job: begun, started, stopped, finished
 *   store-work.c     specifications of jobs
 *   store-find.c     lookup of IDs
 *   store-list.c     lists, inboxes
 *   store-remove.c   removal, by a call or by retention
 *   store-pause.c    paused queues */

#include "background.h"
#include "statement.h"

struct Store {
        char *directory;
        sd_event *event;
        Database *db; /* of the thread, once it runs */
        Background *thread;
        sd_event_source *checkpoint_timer; /* since something was erased */
        uint64_t finished;
        uint64_t last_sequence;
        bool is_damaged; /* found at runtime */
        struct ExpireWalk {
                uint64_t uid;
                uint64_t sequence;   /* the last job of that user that was examined */
                uint64_t kept_bytes; /* output of the jobs of that user that are kept */
        } expire_walk;               /* walks over the users, from the oldest job of each on; initially 0 */
};

typedef struct StoreOp StoreOp;

/* A type of operation. */
typedef struct StoreOpType {
        const char *name; /* for failpoints */
        size_t size;
        int (*execute)(Database *db, StoreOp *op); /* on the thread; twice where a failed batch is done one by one */
        void (*finish)(StoreOp *op);               /* on the event loop; calls back */
        void (*clear)(StoreOp *op);                /* frees its members other than the StoreOp; NULL: none */
} StoreOpType;

struct StoreOp {
        BackgroundOp base; /* first */
        const StoreOpType *type;
        Store *store;
        char *id;               /* of a job; NULL if it is about none, or several */
        StoreCallback callback; /* for store_finish_plain(); NULL: none */
        void *userdata;
        int result; /* of the transaction */
        int answer; /* -errno of a result that does not fail the transaction, such as a missing job */
        bool checkpoint; /* after the commit */
};

/* Allocates an operation of that type, with all else 0; NULL if out of memory. id may be NULL. */
void *store_op_new(Store *store, const StoreOpType *type, const char *id, void *userdata);
StoreOp *store_op_free(StoreOp *op);

static inline void store_op_freep(void *p) {
        (void) store_op_free(*(StoreOp **) p);
}
#define _cleanup_op_ _cleanup_(store_op_freep)

/* Submits it to the thread, which frees it. Returns 0. */
int store_submit(void *op);

/* The result to call back with. */
int store_op_result(const StoreOp *op);

/* A finish() that only calls back. */
void store_finish_plain(StoreOp *op);

/* Schedules wiping erased data from the write-ahead log. */
void store_checkpoint_soon(Store *store);

/* Records that a consumer was seen, if it is registered. There is no callback. */
int store_see_consumer(Store *store, uint32_t uid, const char *consumer, uint64_t now_usec);

/* Reads all rows of a list of records; on success they belong to the caller. */
int store_read_records(sqlite3_stmt *s, JobRecord **ret, size_t *ret_n);
void store_records_free(JobRecord *records, size_t n);

/* Frees a spec, which may be NULL, and wipes its environment and input from memory. */
void store_free_spec(void *spec, size_t size);

/* Writes a spec into a memfd in *ret, closing a previous descriptor. */
int store_write_memfd(const void *spec, size_t size, void *ret_fd);
