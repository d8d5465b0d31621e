/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* Consumers: the readers of inboxes, what they have acknowledged, and when they were last seen. */

#include "store-internal.h"
#include "time-util.h"

/* --- acknowledge ----------------------------------------------------------------------------------- */

STATEMENT(advance, "UPDATE consumers SET sequence = max(sequence, ?3), seen_usec = ?4 WHERE uid = ?1 AND name = ?2");
STATEMENT(add_consumer, "INSERT INTO consumers VALUES (?, ?, ?, ?)");

/* Of those beyond a number, the ones that were not seen for the longest time, but not the one that was just added. */
STATEMENT(forget_surplus, "DELETE FROM consumers WHERE uid = ?1 AND name IN ("
                          "SELECT name FROM consumers WHERE uid = ?1 AND name <> ?2 ORDER BY seen_usec "
                          "LIMIT max((SELECT count(*) FROM consumers WHERE uid = ?1) - ?3, 0))");

int database_advance_consumer(Database *db, uint32_t uid, const char *consumer, uint64_t sequence, uint64_t now_usec) {
        int r;

        r = statement_run(db, &advance, "ustt", uid, consumer, sequence, now_usec);
        if (r < 0 || database_changes(db) > 0)
                return r;
        r = statement_run(db, &add_consumer, "ustt", uid, consumer, sequence, now_usec);
        return r < 0 ? r : statement_run(db, &forget_surplus, "ust", uid, consumer, (uint64_t) JOB_CONSUMERS_MAX);
}

/* An operation about one consumer. */
typedef struct ConsumerOp {
        StoreOp op; /* first */
        uint32_t uid;
        char *consumer;
        uint64_t sequence;
        uint64_t now_usec;
} ConsumerOp;

static void clear_consumer_op(StoreOp *op) {
        free(((ConsumerOp *) op)->consumer);
}

static int submit(Store *store, const StoreOpType *type, const ConsumerOp *asked, StoreCallback callback, void *userdata) {
        _cleanup_op_ ConsumerOp *c = store_op_new(store, type, NULL, userdata);

        if (!c)
                return -ENOMEM;
        c->op.callback = callback;
        c->uid = asked->uid;
        c->sequence = asked->sequence;
        c->now_usec = asked->now_usec;
        c->consumer = strdup(asked->consumer);
        return c->consumer ? store_submit(TAKE_PTR(c)) : -ENOMEM;
}

static int execute_acknowledge(Database *db, StoreOp *op) {
        ConsumerOp *c = (ConsumerOp *) op;

        return database_advance_consumer(db, c->uid, c->consumer, c->sequence, c->now_usec);
}

static const StoreOpType acknowledge_type = {
        "acknowledge", sizeof(ConsumerOp), execute_acknowledge, store_finish_plain, clear_consumer_op,
};

int store_acknowledge(Store *store, uint32_t uid, const char *consumer, uint64_t sequence,
                      StoreCallback callback, void *userdata) {
        ConsumerOp c = { .uid = uid, .consumer = (char *) consumer, .sequence = sequence, .now_usec = now_realtime() };

        return submit(store, &acknowledge_type, &c, callback, userdata);
}

/* --- seen ------------------------------------------------------------------------------------------ */

STATEMENT(see_consumer, "UPDATE consumers SET seen_usec = ?3 WHERE uid = ?1 AND name = ?2");

static int execute_see(Database *db, StoreOp *op) {
        ConsumerOp *c = (ConsumerOp *) op;

        return statement_run(db, &see_consumer, "ust", c->uid, c->consumer, c->now_usec);
}

static const StoreOpType see_type = { "see-consumer", sizeof(ConsumerOp), execute_see, store_finish_plain, clear_consumer_op };

int store_see_consumer(Store *store, uint32_t uid, const char *consumer, uint64_t now_usec) {
        ConsumerOp c = { .uid = uid, .consumer = (char *) consumer, .now_usec = now_usec };

        return submit(store, &see_type, &c, NULL, NULL);
}

/* --- forget ---------------------------------------------------------------------------------------- */

STATEMENT(forget_consumer, "DELETE FROM consumers WHERE uid = ? AND name = ?");

static int execute_forget(Database *db, StoreOp *op) {
        ConsumerOp *c = (ConsumerOp *) op;
        int r;

        r = statement_run(db, &forget_consumer, "us", c->uid, c->consumer);
        op->answer = r >= 0 && database_changes(db) == 0 ? -JOB_ERROR_NO_CONSUMER : 0;
        return r;
}

static const StoreOpType forget_type = {
        "forget-consumer", sizeof(ConsumerOp), execute_forget, store_finish_plain, clear_consumer_op,
};

int store_forget_consumer(Store *store, uint32_t uid, const char *consumer, StoreCallback callback, void *userdata) {
        return submit(store, &forget_type, &(ConsumerOp) { .uid = uid, .consumer = (char *) consumer }, callback, userdata);
}

/* --- list ------------------------------------------------------------------------------------------ */

typedef struct Consumers {
        StoreOp op; /* first */
        StoreConsumersCallback callback;
        uint32_t uid;
        StoreConsumer *consumers;
        size_t n;
} Consumers;

static void clear_consumers(StoreOp *op) {
        Consumers *c = (Consumers *) op;

        for (size_t i = 0; i < c->n; i++)
                free(c->consumers[i].name);
        free(c->consumers);
        c->consumers = NULL;
        c->n = 0;
}

STATEMENT(list_consumers, "SELECT name, sequence, max(seen_usec, 0), EXISTS (SELECT 1 FROM jobs "
                          "  WHERE jobs.uid = consumers.uid AND jobs.sequence > consumers.sequence) "
                          "FROM consumers WHERE uid = ? ORDER BY seen_usec LIMIT ?");

static int execute_consumers(Database *db, StoreOp *op) {
        _cleanup_reset_ sqlite3_stmt *s = NULL;
        Consumers *c = (Consumers *) op;
        int r;

        clear_consumers(op); /* of a batch that was rolled back */
        c->consumers = calloc(JOB_CONSUMERS_MAX, sizeof(StoreConsumer));
        if (!c->consumers)
                return -ENOMEM;
        r = statement_open(db, &list_consumers, &s, "ut", c->uid, (uint64_t) JOB_CONSUMERS_MAX);
        while (r >= 0 && c->n < JOB_CONSUMERS_MAX && (r = statement_next(s)) > 0) {
                StoreConsumer *consumer = &c->consumers[c->n++];

                r = statement_read(s, "sttt", &consumer->name, &consumer->sequence, &consumer->seen_usec,
                                   &consumer->unread);
        }
        return MIN(r, 0);
}

static void finish_consumers(StoreOp *op) {
        Consumers *c = (Consumers *) op;

        c->callback(store_op_result(op), c->consumers, c->n, op->userdata);
}

static const StoreOpType consumers_type = {
        "list-consumers", sizeof(Consumers), execute_consumers, finish_consumers, clear_consumers,
};

int store_list_consumers(Store *store, uint32_t uid, StoreConsumersCallback callback, void *userdata) {
        Consumers *c = store_op_new(store, &consumers_type, NULL, userdata);

        if (!c)
                return -ENOMEM;
        c->callback = callback;
        c->uid = uid;
        return store_submit(c);
}
