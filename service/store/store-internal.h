/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the store share: how an operation comes to the thread and back. Each kind of operation is a struct
 * of its own that begins with a StoreOp, and stands with its statements in the file of its subject:
 *
 *   store.c          the life of the store, its thread
 *   store-op.c       what operations have in common
 *   store-enqueue.c  a new job
 *   store-job.c      what happens to it: begun, started, stopped, finished
 *   store-work.c     what it is made of
 *   store-find.c     looking ids up
 *   store-list.c     lists, inboxes
 *   store-remove.c   forgetting, by a call or by retention
 *   store-pause.c    queues that are paused */

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
        bool is_damaged; /* as was found while running */
        struct ExpireWalk {
                uint64_t uid;
                uint64_t sequence;   /* the last of that user's jobs that it has looked at */
                uint64_t kept_bytes; /* of output of those that it has left */
        } expire_walk;               /* over the users, from the oldest job of each on; at first 0 */
};

typedef struct StoreOp StoreOp;

/* A kind of operation. */
typedef struct StoreOpType {
        const char *name; /* for failpoints */
        size_t size;
        int (*execute)(Database *db, StoreOp *op); /* on the thread, perhaps twice: a batch that fails is done again one by one */
        void (*finish)(StoreOp *op);               /* on the loop; calls back */
        void (*clear)(StoreOp *op);                /* frees what is in it beside the StoreOp; NULL: nothing is */
} StoreOpType;

struct StoreOp {
        BackgroundOp base; /* first */
        const StoreOpType *type;
        Store *store;
        char *id;               /* of a job; NULL where it is about none, or several */
        StoreCallback callback; /* for store_finish_plain(); NULL: nobody waits */
        void *userdata;
        int result; /* of the transaction */
        int answer; /* -errno that is no failure of what is committed together: that something is not there, say */
        bool checkpoint; /* after the commit */
};

/* An operation of that type, all else in it 0; NULL: there is no memory. id may be NULL. */
void *store_op_new(Store *store, const StoreOpType *type, const char *id, void *userdata);
StoreOp *store_op_free(StoreOp *op);

static inline void store_op_freep(void *p) {
        (void) store_op_free(*(StoreOp **) p);
}
#define _cleanup_op_ _cleanup_(store_op_freep)

/* Hands it over to the thread, which frees it. Returns 0. */
int store_submit(void *op);

/* What is to be called back. */
int store_op_result(const StoreOp *op);

/* A finish() that does nothing but call back. */
void store_finish_plain(StoreOp *op);

/* An answer instead of a failure, where r is that errno. For execute(). */
int store_answer(StoreOp *op, int r, int errno_of_answer);

/* Has what was erased wiped from the write-ahead log soon. */
void store_checkpoint_soon(Store *store);

/* Steps through the rows of a list of records; on success they belong to the caller. */
int store_read_records(sqlite3_stmt *s, JobRecord **ret, size_t *ret_n);
void store_records_free(JobRecord *records, size_t n);

/* Frees a spec, which may be NULL, without leaving a copy of its environment and input in memory. */
void store_free_spec(void *spec, size_t size);

/* Puts a spec into a memfd in *ret, whose descriptor of before is closed. */
int store_write_memfd(const void *spec, size_t size, void *ret_fd);
